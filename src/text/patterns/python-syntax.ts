import { type Dialect, type PatternNode, parsePattern } from './pattern-tree.js'

/** Longest pattern that is read. Published ones have fewer than 100 characters. */
const MOST_CHARACTERS = 512
/** Deepest nesting of groups; the pattern counts as one. */
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
export function parsePythonPattern(source: string): PatternNode {
  if (source.length > MOST_CHARACTERS) throw new PatternError(`it has more than ${MOST_CHARACTERS} characters`)
  return parsePattern(source.replace(/^\(\?s\)/, ''), PYTHON, (what) => {
    throw new PatternError(what)
  })
}

const ESCAPES = String.raw`[^A-Za-z0-9]|[nrtfvadDsSwW]|x[\da-fA-F]{2}|u[\da-fA-F]{4}`
const OTHERS = String.raw`\((?:\?:|\?P<[A-Za-z_]\w*>|(?!\?))|\{\d+\}|\{\d*,\d*\}|\[\^?\]|[^\\(]`
const PYTHON: Dialect = {
  deepest: MOST_DEPTH - 1,
  mostTimes: MOST_REPEATS,
  tokens: new RegExp(String.raw`\\(?:A|Z|${ESCAPES})|${OTHERS}`, 'uy'),
  setTokens: new RegExp(String.raw`\\(?:${ESCAPES})|[^\\]`, 'uy'),
  inJavaScript: { '\\a': '\\x07', '\\A': '^', '\\Z': '$', '[]': '[\\]', '[^]': '[^\\]' },
  words: {
    'no "("': 'a ")" has no "("',
    'no ")"': 'a "(" is not closed',
    'no "]"': 'a "[" is not closed',
    'order of times': 'a repetition has its limits in the wrong order',
    'order of a range': 'a range of characters has its ends in the wrong order',
    'nothing repeated': ([quantifier], before) => {
      if (!/[*+?}]/.test(before)) return `nothing is before "${quantifier}"`
      return quantifier === '+' ? 'possessive repetition is not supported' : 'a repetition is repeated without a group'
    },
    'edge repeated': 'an anchor cannot be repeated',
    escape: ([, letter]) => (letter ? `"\\${letter}" is not supported` : 'it ends with a backslash'),
    group: 'lookaround, flags and backreferences are not supported',
    depth: `its groups are nested more than ${MOST_DEPTH} deep`,
    times: `a repetition of more than ${MOST_REPEATS} is not supported`,
  },
}

/** Test of a UTF-16 unit: whether it is in a set. */
export function testOf({ members, isNegated }: PatternNode & { kind: 'set' }): (unit: number) => boolean {
  const tests = members.map((member) => {
    if (typeof member === 'string') return SETS[member]
    const [from, to] = member
    if (to > 0xffff) throw new PatternError('characters beyond U+FFFF in a set are not supported')
    return (unit: number) => from <= unit && unit <= to
  })
  return (unit) => tests.some((has) => has(unit)) !== isNegated
}

function matching(pattern: RegExp, isNegated = false): (unit: number) => boolean {
  return (unit) => pattern.test(String.fromCharCode(unit)) !== isNegated
}

const WORD = /[\p{L}\p{M}\p{N}_]/u
const SETS: Record<string, (unit: number) => boolean> = {
  w: matching(WORD),
  W: matching(WORD, true),
  d: matching(/\p{Nd}/u),
  D: matching(/\p{Nd}/u, true),
  s: matching(/\s/),
  S: matching(/\s/, true),
  '.': () => true,
}
