import { UserError } from '../../../ground/errors.js'
import { printable } from '../../../ground/printable.js'
import { CONTRACTIONS, cl100k, DEEPSEEK_3, LING, o200k, QWEN_35 } from '../../../model/checkpoint/byte-pair-forms.js'

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
  ...[QWEN_35, LING, ...DEEPSEEK_3, '\\p{N}', '\\d', '[0-9]'],
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
const ESCAPED_LETTERS = 'rntfv'
const GROUPS = ['(?:', '(?=', '(?!', '(?<=', '(?<!', '(?i:']
/** Characters that Unicode folds to a letter, other than its upper case. */
const FOLDED_TO: Record<string, string> = { s: 'ſ', k: '\u212a' }
/** Pairs of letters that one character folds to. */
const FOLDED_PAIRS = /ss|st|ff|fi|fl/i

class PatternTranslation {
  text = ''
  private at = 0

  constructor(private readonly source: string) {
    this.alternatives(false)
    if (this.at < source.length) throw new Error('a bracket is closed that was not opened')
  }

  /** Reads up to the end of the group or of the pattern. */
  private alternatives(foldsCase: boolean): void {
    let letters = ''
    while (this.at < this.source.length && this.source[this.at] !== ')') {
      const from = this.at
      this.part(foldsCase)
      letters = this.at === from + 1 ? letters + this.source[from] : ''
      if (foldsCase && FOLDED_PAIRS.test(letters)) throw new Error('letters that fold together in (?i:')
    }
  }

  private part(foldsCase: boolean): void {
    const character = String.fromCodePoint(this.source.codePointAt(this.at) as number)
    if (character === '(') this.group(foldsCase)
    else if (character === '[') this.characterClass(foldsCase)
    else if (character === '\\') this.text += this.escape()
    else {
      this.at += character.length
      if (character === '.') this.text += '[^\\n]'
      else if (character === '^') this.text += '(?:(?<![\\s\\S])|(?<=\\n))'
      else if (character === '$') this.text += '(?:(?=\\n)|(?![\\s\\S]))'
      else if (character === '|') this.text += character
      else if ('*+?{'.includes(character)) this.quantifier(character)
      else if (foldsCase && character.toLowerCase() !== character.toUpperCase())
        this.text += `[${bothCases(character)}]`
      else this.text += escaped(character)
    }
  }

  private group(foldsCase: boolean): void {
    const opening = GROUPS.find((group) => this.source.startsWith(group, this.at))
    if (!opening && this.source[this.at + 1] === '?') throw new Error('a group of an unknown kind')
    this.at += opening?.length ?? 1
    this.text += opening === '(?i:' || !opening ? '(?:' : opening
    this.alternatives(foldsCase || opening === '(?i:')
    if (this.source[this.at++] !== ')') throw new Error('a group without an end')
    this.text += ')'
  }

  private quantifier(first: string): void {
    let text = first
    if (first === '{') {
      const counts = /^\d+(?:,\d*)?\}/.exec(this.source.slice(this.at))
      if (!counts) throw new Error('a { without counts')
      text += counts[0]
      this.at += counts[0].length
    }
    if (this.source[this.at] === '?' && first !== '{') text += this.source[this.at++]
    if ('*+?{'.includes(this.source[this.at] || ' ')) throw new Error('a quantifier after another')
    this.text += text
  }

  private characterClass(foldsCase: boolean): void {
    this.at++
    let text = '['
    if (this.source[this.at] === '^') text += this.source[this.at++]
    if (this.source[this.at] === ']') throw new Error('an empty class')
    while (this.source[this.at] !== ']') {
      if (this.at >= this.source.length) throw new Error('a class without an end')
      if (this.source[this.at] === '[') throw new Error('a class inside a class')
      if (this.source.startsWith('&&', this.at)) throw new Error('an intersection of classes')
      if (this.source[this.at] === '\\') {
        text += this.escape(true)
        continue
      }
      const character = String.fromCodePoint(this.source.codePointAt(this.at) as number)
      this.at += character.length
      if (character === '-') {
        const isLiteral = /[[^]$/.test(text) || this.source[this.at] === ']'
        if (!isLiteral && foldsCase) throw new Error('a range in (?i:')
        text += isLiteral ? '\\-' : '-'
      } else text += foldsCase ? bothCases(character) : escaped(character)
    }
    this.at++
    this.text += `${text}]`
  }

  private escape(inClass = false): string {
    const rest = this.source.slice(this.at)
    const property = /^\\([pP])\{(\w+)\}/.exec(rest)
    const code = /^\\(?:x\{([0-9A-Fa-f]{1,6})\}|x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4}))/.exec(rest)
    if (property) {
      this.at += property[0].length
      return `\\${property[1]}{${propertyName(property[2])}}`
    }
    if (code) {
      this.at += code[0].length
      return `\\u{${code[1] ?? code[2] ?? code[3]}}`
    }
    const character = String.fromCodePoint(rest.codePointAt(1) ?? 0)
    this.at += 1 + character.length
    if (Object.hasOwn(CLASSES, character)) return CLASSES[character]
    if (character === 'w') return inClass ? WORD : `[${WORD}]`
    if (ESCAPED_LETTERS.includes(character)) return `\\${character}`
    if (/[A-Za-z0-9\0]/.test(character)) throw new Error(`an unknown escape \\${character}`)
    return inClass && character === '-' ? '\\-' : escaped(character)
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
