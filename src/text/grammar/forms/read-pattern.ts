import { UserError } from '../../../ground/errors.js'
import {
  choice,
  complement,
  EMPTY,
  type Expression,
  normalised,
  type Ranges,
  repeat,
  sequence,
  text,
} from './expression.js'

/** An alternative of a pattern. */
export interface Branch {
  body: Expression
  isAtStart: boolean
  isAtEnd: boolean
}

type Edges = Omit<Branch, 'body'>

const LONGEST = 20_000
const MOST_TIMES = 100_000
const DEEPEST = 100

export const DIGITS: Ranges = [[0x30, 0x39]]
const WORD: Ranges = normalised([...DIGITS, [0x41, 0x5a], [0x61, 0x7a], [0x5f, 0x5f]])
/** JavaScript's blanks and line ends. */
const SPACES: Ranges = normalised([
  [0x09, 0x0d],
  ...[0x20, 0xa0, 0x1680, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000, 0xfeff].map((code) => [code, code] as const),
  [0x2000, 0x200a],
])
const LINE_ENDS: Ranges = [0x0a, 0x0d, 0x2028, 0x2029].map((code) => [code, code] as const)
const CLASSES: Record<string, Ranges> = {
  d: DIGITS,
  D: complement(DIGITS),
  w: WORD,
  W: complement(WORD),
  s: SPACES,
  S: complement(SPACES),
}
export const ANY: Expression = { kind: 'class', ranges: complement([]) }
const DOT: Expression = { kind: 'class', ranges: complement(LINE_ENDS) }
const CONTROLS: Record<string, number> = { n: 0x0a, r: 0x0d, t: 0x09, v: 0x0b, f: 0x0c, 0: 0 }

/** The texts that match all of a regular expression, in JavaScript's syntax. */
export function readPattern(pattern: string): Expression {
  return choice(...readBranches(pattern).map(({ body }) => body))
}

/** The texts with a part that matches, as `RegExp.prototype.test` finds it. */
export function readSearch(pattern: string): Expression {
  const rest = repeat(ANY, 0)
  return choice(
    ...readBranches(pattern).map(({ body, isAtStart, isAtEnd }) =>
      sequence(isAtStart ? EMPTY : rest, body, isAtEnd ? EMPTY : rest),
    ),
  )
}

/** Throws a UserError that names what is wrong, or not supported. */
function readBranches(pattern: string): Branch[] {
  if (pattern.length > LONGEST) throw new UserError(`a pattern may have ${LONGEST} characters at most`)
  const reader = new PatternReader(pattern)
  const branches = reader.alternatives(0)
  if (!reader.isAtEnd) reader.fail('`)` without a `(`')
  return branches
}

class PatternReader {
  private readonly characters: readonly string[]
  private at = 0

  constructor(private readonly pattern: string) {
    this.characters = [...pattern]
  }

  get isAtEnd(): boolean {
    return this.at >= this.characters.length
  }

  alternatives(depth: number): Branch[] {
    if (depth > DEEPEST) this.fail(`groups nested more than ${DEEPEST} deep`)
    const branches = this.branch(depth)
    while (this.take('|')) branches.push(...this.branch(depth))
    return branches
  }

  /** Throws a UserError about what begins at the index `from`. */
  fail(what: string, from = this.at): never {
    throw new UserError(`${what}, at character ${from + 1} of the pattern ${shortened(this.pattern)}`)
  }

  /** One alternative; several if a group in it has its own anchors. */
  private branch(depth: number): Branch[] {
    let branches: Branch[] = [{ body: EMPTY, isAtStart: false, isAtEnd: false }]
    while (!this.isAtEnd && this.peek !== '|' && this.peek !== ')') {
      const from = this.at
      const items = this.item(depth)
      const needsStart = items.some(({ isAtStart }) => isAtStart)
      if (needsStart && branches.some(({ body }) => body !== EMPTY))
        this.fail('`^` after other characters is not supported', from)
      const isPastEnd = branches.some(({ isAtEnd }) => isAtEnd) && items.some(({ body }) => body !== EMPTY)
      if (isPastEnd) this.fail('`$` before other characters is not supported', from - 1)
      branches = branches.flatMap((branch) => items.map((item) => joined(branch, item)))
      if (branches.length > 1000) this.fail('too many alternatives with anchors')
    }
    return branches
  }

  private item(depth: number): Branch[] {
    if (this.take('^')) return [this.anchor({ isAtStart: true, isAtEnd: false })]
    if (this.take('$')) return [this.anchor({ isAtStart: false, isAtEnd: true })]
    const from = this.at
    const branches = this.atom(depth)
    const times = this.quantifier()
    const hasAnchors = branches.some(({ isAtStart, isAtEnd }) => isAtStart || isAtEnd)
    if (hasAnchors && times) this.fail('a repeated group with `^` or `$` is not supported', from)
    if (hasAnchors) return branches
    const body = choice(...branches.map((branch) => branch.body))
    return [plain(times ? repeat(body, times.atLeast, times.atMost) : body)]
  }

  private anchor(edges: Edges): Branch {
    const from = this.at - 1
    if (this.quantifier()) this.fail('a repeated `^` or `$` is not supported', from)
    return { body: EMPTY, ...edges }
  }

  private atom(depth: number): Branch[] {
    const character = this.next()
    if (character === '(') return this.group(depth)
    if (character === '[') return [plain(this.characterClass())]
    if (character === '.') return [plain(DOT)]
    if (character === '\\') return [plain(this.escape())]
    if ('*+?'.includes(character)) this.fail(`nothing to repeat before \`${character}\``, this.at - 1)
    return [plain(text(character))]
  }

  private group(depth: number): Branch[] {
    const from = this.at - 1
    if (this.take('?')) {
      if (this.follows('=') || this.follows('!')) this.fail('lookaheads `(?=` and `(?!` are not supported', from)
      if (this.follows('<=') || this.follows('<!')) this.fail('lookbehinds `(?<=` and `(?<!` are not supported', from)
      if (this.take('<')) {
        while (!this.isAtEnd && this.peek !== '>') this.at++
        if (!this.take('>')) this.fail('a group name without its `>`', from)
      } else if (!this.take(':')) this.fail(`the group \`(?${this.peek ?? ''}\` is not supported`, from)
    }
    const branches = this.alternatives(depth + 1)
    if (!this.take(')')) this.fail('`(` without a `)`', from)
    return branches
  }

  private escape(): Expression {
    const ranges = this.escapedClass()
    if (ranges) return { kind: 'class', ranges }
    const from = this.at - 1
    const name = this.peek ?? ''
    if (name === 'b' || name === 'B') this.fail(`\`\\${name}\` (a word's edge) is not supported`, from)
    if (/[1-9k]/.test(name)) this.fail(`\`\\${name}\` (a back-reference) is not supported`, from)
    return text(String.fromCodePoint(this.escapedCode()))
  }

  private escapedCode(): number {
    const from = this.at - 1
    if (this.isAtEnd) this.fail('`\\` at the end', from)
    const name = this.next()
    if (name in CONTROLS) return CONTROLS[name]
    if (name === 'x') return this.hexadecimal(2, from)
    if (name === 'c') {
      if (!/[A-Za-z]/.test(this.peek ?? '')) this.fail('`\\c` without a letter', from)
      return this.next().charCodeAt(0) % 32
    }
    if (name === 'u') return this.unicode(from)
    if (/[A-Za-z0-9]/.test(name)) this.fail(`\`\\${name}\` is not supported`, from)
    return name.codePointAt(0) as number
  }

  private unicode(from: number): number {
    if (this.take('{')) {
      let digits = ''
      while (!this.isAtEnd && this.peek !== '}') digits += this.next()
      const code = /^[0-9a-fA-F]{1,6}$/.test(digits) ? Number.parseInt(digits, 16) : Number.NaN
      if (!this.take('}') || !(code <= 0x10ffff)) this.fail('`\\u{` without a code point', from)
      return code
    }
    const code = this.hexadecimal(4, from)
    const isHigh = code >= 0xd800 && code <= 0xdbff
    if (!isHigh || !this.follows('\\u')) return code
    this.at += 2
    return 0x10000 + (code - 0xd800) * 0x400 + (this.hexadecimal(4, this.at - 2) - 0xdc00)
  }

  private hexadecimal(digits: number, from: number): number {
    const read = this.characters.slice(this.at, this.at + digits).join('')
    if (read.length < digits || !/^[0-9a-fA-F]+$/.test(read))
      this.fail(`${digits} hexadecimal digits are missing`, from)
    this.at += digits
    return Number.parseInt(read, 16)
  }

  private characterClass(): Expression {
    const from = this.at - 1
    const isNegated = this.take('^')
    const ranges: (readonly [number, number])[] = []
    while (!this.take(']')) {
      if (this.isAtEnd) this.fail('`[` without a `]`', from)
      const at = this.at
      const first = this.classMember()
      if (typeof first !== 'number') {
        ranges.push(...first)
        continue
      }
      const isRange = this.peek === '-' && this.characters[this.at + 1] !== ']' && this.at + 1 < this.characters.length
      if (!isRange) {
        ranges.push([first, first])
        continue
      }
      this.at++
      const last = this.classMember()
      if (typeof last !== 'number') ranges.push([first, first], [0x2d, 0x2d], ...last)
      else if (last < first) this.fail('a range of characters is the wrong way round', at)
      else ranges.push([first, last])
    }
    const all = normalised(ranges)
    return { kind: 'class', ranges: isNegated ? complement(all) : all }
  }

  private classMember(): number | Ranges {
    const character = this.next()
    if (character !== '\\') return character.codePointAt(0) as number
    return this.escapedClass() ?? (this.take('b') ? 0x08 : this.escapedCode())
  }

  /** The class that a name behind a backslash means. */
  private escapedClass(): Ranges | undefined {
    const name = this.peek ?? ''
    if (name === 'p' || name === 'P')
      this.fail(`\`\\${name}\` (a property of characters) is not supported`, this.at - 1)
    if (!(name in CLASSES)) return undefined
    this.at++
    return CLASSES[name]
  }

  private quantifier(): { atLeast: number; atMost?: number } | undefined {
    const times = this.times()
    // A lazy quantifier matches the same texts.
    if (times) this.take('?')
    return times
  }

  private times(): { atLeast: number; atMost?: number } | undefined {
    if (this.take('*')) return { atLeast: 0 }
    if (this.take('+')) return { atLeast: 1 }
    if (this.take('?')) return { atLeast: 0, atMost: 1 }
    if (this.peek !== '{') return undefined
    const end = this.characters.indexOf('}', this.at)
    const inner = this.characters.slice(this.at + 1, Math.max(this.at + 1, Math.min(end, this.at + 30))).join('')
    const numbers = /^(\d+)(,(\d*))?$/.exec(inner)
    // Without numbers, JavaScript reads it as text.
    if (end < 0 || !numbers) return undefined
    const from = this.at
    this.at = end + 1
    const atLeast = Number(numbers[1])
    const atMost = numbers[2] === undefined ? atLeast : numbers[3] === '' ? undefined : Number(numbers[3])
    if (Math.max(atLeast, atMost ?? 0) > MOST_TIMES) this.fail(`more than ${MOST_TIMES} repetitions`, from)
    if (atMost !== undefined && atMost < atLeast) this.fail('`{}` has its numbers the wrong way round', from)
    return { atLeast, atMost }
  }

  private get peek(): string | undefined {
    return this.characters[this.at]
  }

  private next(): string {
    if (this.isAtEnd) this.fail('the pattern ends too early')
    return this.characters[this.at++]
  }

  private take(character: string): boolean {
    if (this.peek !== character) return false
    this.at++
    return true
  }

  private follows(characters: string): boolean {
    return [...characters].every((character, i) => this.characters[this.at + i] === character)
  }
}

function plain(body: Expression): Branch {
  return { body, isAtStart: false, isAtEnd: false }
}

function joined(a: Branch, b: Branch): Branch {
  return {
    body: sequence(a.body, b.body),
    isAtStart: a.isAtStart || b.isAtStart,
    isAtEnd: a.isAtEnd || b.isAtEnd,
  }
}

export function shortened(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text
}
