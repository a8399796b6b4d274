import { UserError } from '../../../ground/errors.js'
import { printable } from '../../../ground/printable.js'
import {
  CONTRACTIONS,
  cl100k,
  DEEPSEEK_3,
  KIMI,
  LAGUNA,
  LING,
  o200k,
  QWEN_35,
  TRINITY,
} from '../../../model/checkpoint/byte-pair-forms.js'

/** GPT-2's division of a text into words, the default of the ByteLevel pre-tokenizer. */
export const GPT2_WORDS = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"

/** Patterns of published tokenizers, which take a time proportional to any text. */
const PUBLISHED: ReadonlySet<string> = new Set([
  ...[
    GPT2_WORDS,
    cl100k('\\p{N}{1,3}'),
    cl100k('\\p{N}'),
    o200k(`${CONTRACTIONS}?`, '\\p{N}{1,3}'),
    o200k('', '\\p{N}'),
  ],
  ...[QWEN_35, LING, KIMI, LAGUNA, ...DEEPSEEK_3, ...TRINITY, '\\p{N}', '\\d', '[0-9]'],
])

export function isPublishedPattern(source: string): boolean {
  return PUBLISHED.has(source)
}

/** Translates a pattern from Oniguruma to JavaScript. Throws a UserError unless it divides all texts the same. */
export function compilePattern(source: string): RegExp {
  try {
    return new RegExp(new PatternTranslation(source).text, 'gu')
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new UserError(`the pattern ${printable(source)} cannot be used (${printable(why)})`)
  }
}

/** Unicode's classes. JavaScript's \s includes the byte-order mark and lacks U+0085; its \w and \d are ASCII. */
const CLASSES: Record<string, string> = {
  s: '\\p{White_Space}',
  S: '\\P{White_Space}',
  d: '\\p{Nd}',
  D: '\\P{Nd}',
}
const WORD = '\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}'
const SIGNS: Record<string, string> = {
  '.': '[^\\n]',
  '^': '(?:(?<![\\s\\S])|(?<=\\n))',
  $: '(?:(?=\\n)|(?![\\s\\S]))',
  '|': '|',
}
/** Characters that Unicode folds to a letter, other than its upper case. */
const FOLDED_TO: Record<string, string> = { s: 'ſ', k: '\u212a' }
/** Pairs of letters that one character folds to. */
const FOLDED_PAIRS = /ss|st|ff|fi|fl/i

class PatternTranslation {
  text = ''
  private at = 0
  /** Whether the pattern, and each group that is open, folds case. */
  private readonly folding = [false]

  constructor(private readonly source: string) {
    let letters = ''
    while (this.at < source.length) {
      const from = this.at
      this.text += this.part()
      letters = this.at === from + 1 && source[from] !== ')' ? letters + source[from] : ''
      if (this.foldsCase && FOLDED_PAIRS.test(letters)) throw new Error('letters that fold together in (?i:')
    }
    if (this.folding.length > 1) throw new Error('a group without an end')
  }

  private get foldsCase(): boolean {
    return this.folding.at(-1) === true
  }

  private part(): string {
    const group = this.take(/\((\?(?:[:=!]|<[=!]|i:)|(?!\?))/y)
    if (group) {
      this.folding.push(this.foldsCase || group[1] === '?i:')
      return ['', '?i:'].includes(group[1]) ? '(?:' : group[0]
    }
    const quantifier = this.take(/\{\d+(?:,\d*)?\}|[*+?]\??/y)?.[0]
    if (quantifier) {
      if ('*+?{'.includes(this.source[this.at] || ' ')) throw new Error('a quantifier after another')
      return quantifier
    }
    if (this.source[this.at] === '\\') return this.escape()
    const character = this.character()
    if (character === '(') throw new Error('a group of an unknown kind')
    if (character === '[') return this.characterClass()
    if (character === '{') throw new Error('a { without counts')
    if (character === ')' && this.folding.length === 1) throw new Error('a bracket is closed that was not opened')
    if (character === ')') this.folding.pop()
    if (character === ')' || Object.hasOwn(SIGNS, character)) return SIGNS[character] ?? character
    const isLetter = character.toLowerCase() !== character.toUpperCase()
    return this.foldsCase && isLetter ? `[${bothCases(character)}]` : escaped(character)
  }

  private characterClass(): string {
    const { source, foldsCase } = this
    let text = this.take(/\^/y) ? '[^' : '['
    if (source[this.at] === ']') throw new Error('an empty class')
    while (!this.take(/\]/y)) {
      if (this.at >= source.length) throw new Error('a class without an end')
      if (source[this.at] === '[') throw new Error('a class inside a class')
      if (source.startsWith('&&', this.at)) throw new Error('an intersection of classes')
      if (source[this.at] === '\\') {
        text += this.escape(true)
        continue
      }
      const character = this.character()
      if (character === '-') {
        const isLiteral = /[[^]$/.test(text) || source[this.at] === ']'
        if (!isLiteral && foldsCase) throw new Error('a range in (?i:')
        text += isLiteral ? '\\-' : '-'
      } else text += foldsCase ? bothCases(character) : escaped(character)
    }
    return `${text}]`
  }

  private escape(inClass = false): string {
    const property = this.take(/\\([pP])\{(\w+)\}/y)
    if (property) return `\\${property[1]}{${propertyName(property[2])}}`
    const code = this.take(/\\(?:x\{([0-9A-Fa-f]{1,6})\}|x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4}))/y)
    if (code) return `\\u{${code[1] ?? code[2] ?? code[3]}}`
    this.at++
    const character = this.character()
    if (Object.hasOwn(CLASSES, character)) return CLASSES[character]
    if (character === 'w') return inClass ? WORD : `[${WORD}]`
    if ('rntfv'.includes(character)) return `\\${character}`
    if (/[A-Za-z0-9\0]/.test(character)) throw new Error(`an unknown escape \\${character}`)
    return inClass && character === '-' ? '\\-' : escaped(character)
  }

  private character(): string {
    const character = String.fromCodePoint(this.source.codePointAt(this.at) ?? 0)
    this.at += character.length
    return character
  }

  private take(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.at
    const found = pattern.exec(this.source)
    this.at += found?.[0].length ?? 0
    return found
  }
}

/** A general category or a script, which Oniguruma names in the same way. */
function propertyName(name: string): string {
  try {
    new RegExp(`\\p{${name}}`, 'u')
    return name
  } catch {
    return `Script=${name}`
  }
}

function bothCases(character: string): string {
  const [lower, upper] = [character.toLowerCase(), character.toUpperCase()]
  return lower === upper ? escaped(character) : lower + upper + (FOLDED_TO[lower] ?? '')
}

function escaped(character: string): string {
  return '^$\\.*+?()[]{}|/'.includes(character) ? `\\${character}` : character
}
