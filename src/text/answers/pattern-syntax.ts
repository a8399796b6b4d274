export type PatternNode =
  /** One UTF-16 unit of a set. */
  | { kind: 'unit'; has: (unit: number) => boolean }
  | { kind: 'sequence'; parts: PatternNode[] }
  | { kind: 'choice'; options: PatternNode[] }
  | { kind: 'repeat'; part: PatternNode; atLeast: number; atMost: number; isLazy: boolean }
  | { kind: 'group'; name: string; part: PatternNode }
  | { kind: 'start' | 'end' }

/** Longest pattern that is read. Published ones have fewer than 100 characters. */
const MOST_CHARACTERS = 512
/** Deepest nesting of groups. */
const MOST_DEPTH = 32
/** Highest count of a repetition. */
const MOST_REPEATS = 256

/** A pattern that is wrong, or that uses what is not supported. */
export class PatternError extends Error {}

/**
 * Parses a regular expression in Python's syntax, as with DOTALL and without MULTILINE. Lookaround, backreferences, word
 * boundaries and flags are not supported: without them, matching takes time in proportion to the text. `$` matches only
 * the end of the text. Throws a PatternError.
 */
export function parsePattern(source: string): PatternNode {
  if (source.length > MOST_CHARACTERS) throw new PatternError(`it has more than ${MOST_CHARACTERS} characters`)
  return new PatternParser(source.replace(/^\(\?s\)/, '')).parse()
}

class PatternParser {
  private at = 0
  private depth = 0

  constructor(private readonly source: string) {}

  parse(): PatternNode {
    const node = this.choice()
    if (this.at < this.source.length) throw new PatternError('a ")" has no "("')
    return node
  }

  private choice(): PatternNode {
    if (++this.depth > MOST_DEPTH) throw new PatternError(`its groups are nested more than ${MOST_DEPTH} deep`)
    const options = [this.sequence()]
    while (this.takes('|')) options.push(this.sequence())
    this.depth--
    return options.length === 1 ? options[0] : { kind: 'choice', options }
  }

  private sequence(): PatternNode {
    const parts: PatternNode[] = []
    while (this.at < this.source.length && !'|)'.includes(this.source[this.at])) parts.push(this.repeated(this.atom()))
    return parts.length === 1 ? parts[0] : { kind: 'sequence', parts }
  }

  private repeated(part: PatternNode): PatternNode {
    const range = this.quantifier()
    if (!range) return part
    if (part.kind === 'start' || part.kind === 'end') throw new PatternError('an anchor cannot be repeated')
    const isLazy = this.takes('?')
    if (this.source[this.at] === '+') throw new PatternError('possessive repetition is not supported')
    const [atLeast, atMost] = range
    if (atLeast > atMost) throw new PatternError('a repetition has its limits in the wrong order')
    if (Math.max(atLeast, Number.isFinite(atMost) ? atMost : 0) > MOST_REPEATS) {
      throw new PatternError(`a repetition of more than ${MOST_REPEATS} is not supported`)
    }
    if (this.quantifier()) throw new PatternError('a repetition is repeated without a group')
    return { kind: 'repeat', part, atLeast, atMost, isLazy }
  }

  private quantifier(): [atLeast: number, atMost: number] | undefined {
    if (this.takes('*')) return [0, Infinity]
    if (this.takes('+')) return [1, Infinity]
    if (this.takes('?')) return [0, 1]
    const [all, least, comma, most] = this.matches(/\{(\d*)(,?)(\d*)\}/y) ?? []
    if (all === undefined || (least === '' && comma === '')) return undefined
    this.at += all.length
    return [Number(least), comma === '' ? Number(least) : most === '' ? Infinity : Number(most)]
  }

  private atom(): PatternNode {
    const character = this.source[this.at++]
    if (character === '(') return this.group()
    if (character === '[') return { kind: 'unit', has: this.set() }
    if (character === '.') return { kind: 'unit', has: () => true }
    if (character === '^') return { kind: 'start' }
    if (character === '$') return { kind: 'end' }
    if (character === '\\') return this.escape()
    if ('*+?'.includes(character)) throw new PatternError(`nothing is before "${character}"`)
    return unit(character)
  }

  private group(): PatternNode {
    const [opener, name] = this.matches(/\?(?::|P<([A-Za-z_]\w*)>)|(?!\?)/y) ?? []
    if (opener === undefined) {
      throw new PatternError('lookaround, flags and backreferences are not supported')
    }
    this.at += opener.length
    const part = this.choice()
    if (!this.takes(')')) throw new PatternError('a "(" is not closed')
    return name === undefined ? part : { kind: 'group', name, part }
  }

  private escape(): PatternNode {
    const letter = this.source[this.at]
    if (letter === 'A') return this.anchor('start')
    if (letter === 'Z') return this.anchor('end')
    const has = this.escapedSet() ?? is(this.escapedUnit())
    return { kind: 'unit', has }
  }

  private anchor(kind: 'start' | 'end'): PatternNode {
    this.at++
    return { kind }
  }

  private set(): (unit: number) => boolean {
    const isNegated = this.takes('^')
    const members: ((unit: number) => boolean)[] = []
    do {
      if (this.at >= this.source.length) throw new PatternError('a "[" is not closed')
      members.push(this.member())
    } while (!this.takes(']'))
    return (unit) => members.some((has) => has(unit)) !== isNegated
  }

  private member(): (unit: number) => boolean {
    const known = this.source[this.at] === '\\' && this.escapedSet(1)
    if (known) return known
    const first = this.memberUnit()
    if (this.source[this.at] !== '-' || this.source[this.at + 1] === ']') return is(first)
    this.at++
    const last = this.memberUnit()
    if (last < first) throw new PatternError('a range of characters has its ends in the wrong order')
    return (unit) => first <= unit && unit <= last
  }

  private memberUnit(): number {
    if (this.takes('\\')) return this.escapedUnit()
    const unit = this.source.charCodeAt(this.at++)
    if (Number.isNaN(unit)) throw new PatternError('a "[" is not closed')
    if (unit >= 0xd800 && unit <= 0xdfff) throw new PatternError('characters beyond U+FFFF in a set are not supported')
    return unit
  }

  /** The set that a letter behind a backslash means. `skip`: characters to skip before the letter. */
  private escapedSet(skip = 0): ((unit: number) => boolean) | undefined {
    const set = SETS[this.source[this.at + skip]]
    if (set) this.at += skip + 1
    return set
  }

  private escapedUnit(): number {
    const [code, two, four] = this.matches(/x([\da-fA-F]{2})|u([\da-fA-F]{4})/y) ?? []
    if (code !== undefined) {
      this.at += code.length
      return Number.parseInt(two ?? four, 16)
    }
    const letter = this.source[this.at++]
    if (letter === undefined) throw new PatternError('it ends with a backslash')
    if (letter in CONTROLS) return CONTROLS[letter]
    if (/[A-Za-z0-9]/.test(letter)) throw new PatternError(`"\\${letter}" is not supported`)
    return letter.charCodeAt(0)
  }

  private matches(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.at
    return pattern.exec(this.source) ?? undefined
  }

  private takes(character: string): boolean {
    const isNext = this.source[this.at] === character
    if (isNext) this.at++
    return isNext
  }
}

function is(code: number): (unit: number) => boolean {
  return (unit) => unit === code
}

function unit(character: string): PatternNode {
  return { kind: 'unit', has: is(character.charCodeAt(0)) }
}

function matching(pattern: RegExp): (unit: number) => boolean {
  return (unit) => pattern.test(String.fromCharCode(unit))
}

const WORD = matching(/[\p{L}\p{M}\p{N}_]/u)
const DIGIT = matching(/\p{Nd}/u)
const BLANK = matching(/\s/)
const SETS: Record<string, ((unit: number) => boolean) | undefined> = {
  w: WORD,
  W: (unit) => !WORD(unit),
  d: DIGIT,
  D: (unit) => !DIGIT(unit),
  s: BLANK,
  S: (unit) => !BLANK(unit),
}
const CONTROLS: Record<string, number> = { n: 10, t: 9, r: 13, f: 12, v: 11, a: 7 }
