import type { AST, RegExpSyntaxError } from '@eslint-community/regexpp'
import { regexpp } from './regexpp.js'

/** Characters from one code point to another, or the letter of a set: one of `dDsSwW` behind a backslash, or the dot. */
export type Member = readonly [from: number, to: number] | string

/** A part of a pattern. `at`: its place in the source. */
export type PatternNode = { at: number } & (
  | { kind: 'character'; code: number }
  | { kind: 'set'; members: readonly Member[]; isNegated: boolean }
  | { kind: 'start' | 'end' }
  | { kind: 'sequence'; parts: readonly PatternNode[] }
  | { kind: 'choice'; options: readonly PatternNode[] }
  | { kind: 'repeat'; part: PatternNode; atLeast: number; atMost: number; isLazy: boolean }
  | { kind: 'group'; name?: string; part: PatternNode }
)

/** Brackets without their other. */
type Bracket = 'no "("' | 'no ")"' | 'no "]"'
type Order = 'order of times' | 'order of a range'
type Fault = Bracket | Order | 'escape' | 'group' | 'depth' | 'times' | 'nothing repeated' | 'edge repeated'

/** A syntax of patterns. */
export interface Dialect {
  /** Most groups around a part. */
  deepest: number
  /** Highest count of a repetition. */
  mostTimes: number
  /** A character, with what it begins: an escape, a group, counts of a repetition or a set. Not what is refused. */
  tokens: RegExp
  /** The same in a set. */
  setTokens: RegExp
  /** Names of tokens in JavaScript that are others there. */
  inJavaScript: Readonly<Record<string, string>>
  /** Words for what is wrong with the rest of a pattern. */
  words: Readonly<Record<Fault, string | ((rest: string, before: string, isInSet: boolean) => string)>>
}

/** Throws an error that says what is wrong with a pattern from a place on. */
export type Fail = (what: string, at: number) => never

const SET = /^\\[dDsSwW]/
const CHARACTER = String.raw`(?:\\(?:x..|u\{[^}]*\}|u....|c.|.)|.)`
const RANGE = new RegExp(`${CHARACTER}-${CHARACTER}$`, 'su')
const QUANTIFIER = /(?:[*+?]|\{[\d,]*\})\??$/
const REPEATED_EDGE = /[$^](?:[*+?]|\{[\d,]*\})\??$/

/** Parses a regular expression. */
export function parsePattern(source: string, dialect: Dialect, fail: Fail): PatternNode {
  return new PatternParser(source, dialect, fail).parse()
}

class PatternParser {
  /** The pattern as the parser of JavaScript's patterns reads it. */
  private text = ''
  /** Place in the source of each unit of `text`, and of its end. */
  private readonly places: number[] = []
  /** Places of the groups, and of the set, that are open. */
  private readonly groups: number[] = []
  private set: number | undefined

  constructor(
    private readonly source: string,
    private readonly dialect: Dialect,
    private readonly throwError: Fail,
  ) {
    for (let at = 0, last = ''; at < source.length; at += last.length) last = this.token(at, last)
    this.places.push(source.length)
    if (this.set !== undefined) this.fail('no "]"', this.set)
    if (this.groups.length > 0) this.fail('no ")"', this.groups[this.groups.length - 1])
  }

  parse(): PatternNode {
    const { RegExpParser, RegExpSyntaxError } = regexpp()
    try {
      return this.choice(new RegExpParser().parsePattern(this.text, 0, this.text.length, true))
    } catch (error) {
      throw error instanceof RegExpSyntaxError ? this.failAs(error) : error
    }
  }

  /** Translates the token at a place. */
  private token(at: number, last: string): string {
    const { source, dialect, set } = this
    const tokens = set === undefined ? dialect.tokens : dialect.setTokens
    tokens.lastIndex = at
    const token = tokens.exec(source)?.[0] ?? this.fail(source[at] === '\\' ? 'escape' : 'group', at)
    const text = dialect.inJavaScript[token] ?? (set === undefined ? outsideSets(token) : this.inSet(token, at, last))
    for (let i = 0; i < text.length; i++) this.places.push(i === 0 || text === token ? at + i : at + token.length)
    this.text += text
    if (set !== undefined) this.set = token === ']' ? undefined : set
    else if (token[0] === '[') this.set = at
    else if (token === ')' && this.groups.pop() === undefined) this.fail('no "("', at)
    else if (token[0] === '(' && this.groups.push(at) > dialect.deepest) this.fail('depth', at + token.length)
    return token
  }

  /** A hyphen beside a set is a character. */
  private inSet(token: string, at: number, last: string): string {
    return token === '-' && (SET.test(last) || SET.test(this.source.slice(at + 1, at + 3))) ? '\\-' : unescaped(token)
  }

  private fail(fault: Fault, at: number): never {
    const words = this.dialect.words[fault]
    if (typeof words === 'string') this.throwError(words, at)
    this.throwError(words(this.source.slice(at), this.source[at - 1] ?? '', this.set !== undefined), at)
  }

  /** Fails at the beginning of what the parser found wrong. */
  private failAs({ message, index }: RegExpSyntaxError): never {
    const before = this.text.slice(0, index)
    const placeOf = (part: RegExp) => this.places[before.search(part)]
    if (message.endsWith('numbers out of order in {} quantifier')) this.fail('order of times', placeOf(QUANTIFIER))
    if (message.endsWith('Range out of order in character class')) this.fail('order of a range', placeOf(RANGE))
    if (!message.endsWith('Nothing to repeat')) throw new Error(message)
    const edge = before.search(REPEATED_EDGE)
    this.fail(edge < 0 ? 'nothing repeated' : 'edge repeated', edge < 0 ? placeOf(QUANTIFIER) : this.places[edge])
  }

  private choice({ alternatives, start }: AST.Pattern | AST.Group | AST.CapturingGroup): PatternNode {
    const options = alternatives.map(({ elements, start }): PatternNode => {
      const parts = elements.map((element) => this.node(element))
      return parts.length === 1 ? parts[0] : { kind: 'sequence', parts, at: this.places[start] }
    })
    return options.length === 1 ? options[0] : { kind: 'choice', options, at: this.places[start] }
  }

  private node(element: AST.Element): PatternNode {
    const at = this.places[element.start]
    switch (element.type) {
      case 'Assertion':
        return { kind: element.kind as 'start' | 'end', at }
      case 'Quantifier': {
        const { min: atLeast, max: atMost, greedy } = element
        if (Math.max(atLeast, Number.isFinite(atMost) ? atMost : 0) > this.dialect.mostTimes)
          this.fail('times', this.places[element.element.end])
        return { kind: 'repeat', part: this.node(element.element), atLeast, atMost, isLazy: !greedy, at }
      }
      case 'Group':
      case 'CapturingGroup': {
        const name = /^\(\?P?<([^>]*)>/.exec(this.source.slice(at, this.places[element.start + 1]))?.[1]
        return { kind: 'group', name, part: this.choice(element), at }
      }
      case 'Character':
        return { kind: 'character', code: element.value, at }
      case 'CharacterClass':
        return { kind: 'set', members: element.elements.map(memberOf), isNegated: element.negate, at }
      default:
        return { kind: 'set', members: [memberOf(element)], isNegated: false, at }
    }
  }
}

function memberOf(element: AST.Element | AST.CharacterClassElement): Member {
  if (element.type === 'Character') return [element.value, element.value]
  if (element.type === 'CharacterClassRange') return [element.min.value, element.max.value]
  return element.raw.at(-1) as string
}

function outsideSets(token: string): string {
  if (/^\(\?P?</.test(token)) return '('
  if (token === '\\-') return '-'
  if (token.startsWith('{,')) return `{0${token.slice(1)}`
  return /^[{}\]]$/.test(token) ? `\\${token}` : unescaped(token)
}

/** JavaScript escapes only what has a meaning. */
function unescaped(token: string): string {
  return /^\\[^A-Za-z0-9^$\\.*+?()[\]{}|/-]/.test(token) ? token.slice(1) : token
}
