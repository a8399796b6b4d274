import { UserError } from '../../../ground/errors.js'
import { type Dialect, type Fail, type PatternNode, parsePattern } from '../../patterns/pattern-tree.js'
import {
  characters,
  choice,
  complement,
  EMPTY,
  type Expression,
  type Ranges,
  repeat,
  sequence,
  text,
} from './expression.js'

/** An alternative of a pattern. */
interface Branch {
  parts: Expression[]
  isAtStart: boolean
  isAtEnd: boolean
}

const LONGEST = 20_000
const DEEPEST = 100

const DIGITS: Ranges = [[0x30, 0x39]]
const WORD: Ranges = [...DIGITS, [0x41, 0x5a], [0x5f, 0x5f], [0x61, 0x7a]]
const alone = (code: number) => [code, code] as const
/** JavaScript's blanks and line ends. */
const SPACES: Ranges = [
  [0x09, 0x0d],
  ...[0x20, 0xa0, 0x1680].map(alone),
  [0x2000, 0x200a],
  ...[0x2028, 0x2029, 0x202f, 0x205f, 0x3000, 0xfeff].map(alone),
]
const LINE_ENDS: Ranges = [0x0a, 0x0d, 0x2028, 0x2029].map(alone)
const CLASSES: Record<string, Ranges> = {
  d: DIGITS,
  D: complement(DIGITS),
  w: WORD,
  W: complement(WORD),
  s: SPACES,
  S: complement(SPACES),
  '.': complement(LINE_ENDS),
}
export const ANY: Expression = { kind: 'class', ranges: complement([]) }

const ESCAPES = String.raw`[^A-Za-z0-9]|[nrtvf0dDsSwW]|c[A-Za-z]|x[\da-fA-F]{2}|u[\da-fA-F]{4}|u\{(?:10|0?[\da-fA-F])?[\da-fA-F]{1,4}\}`
const GROUPS = String.raw`\((?:\?:|\?<(?![=!])[^>]*>|(?!\?))`
/** JavaScript's syntax, with any names of groups, and braces without a backslash. */
const DIALECT: Dialect = {
  deepest: DEEPEST,
  mostTimes: 100_000,
  tokens: new RegExp(String.raw`\\(?:${ESCAPES})|${GROUPS}|\{\d+(?:,\d*)?\}|[^\\(]`, 'uy'),
  setTokens: new RegExp(String.raw`\\(?:b|${ESCAPES})|[^\\]`, 'uy'),
  inJavaScript: { '\\0': '\\x00' },
  words: {
    'no "("': '`)` without a `(`',
    'no ")"': '`(` without a `)`',
    'no "]"': '`[` without a `]`',
    'order of times': '`{}` has its numbers the wrong way round',
    'order of a range': 'a range of characters is the wrong way round',
    'nothing repeated': ([quantifier]) => `nothing to repeat before \`${quantifier}\``,
    'edge repeated': 'a repeated `^` or `$` is not supported',
    escape: wordsOfEscape,
    group: wordsOfGroup,
    depth: `groups nested more than ${DEEPEST} deep`,
    times: 'more than 100000 repetitions',
  },
}

/** The texts that match all of a regular expression, in JavaScript's syntax. */
export function readPattern(pattern: string): Expression {
  return choice(...readBranches(pattern).map(({ parts }) => sequence(...parts)))
}

/** The texts with a part that matches, as `RegExp.prototype.test` finds it. */
export function readSearch(pattern: string): Expression {
  const rest = repeat(ANY, 0)
  return choice(
    ...readBranches(pattern).map(({ parts, isAtStart, isAtEnd }) =>
      sequence(isAtStart ? EMPTY : rest, ...parts, isAtEnd ? EMPTY : rest),
    ),
  )
}

/** Throws a UserError that names what is wrong, or not supported. */
function readBranches(pattern: string): Branch[] {
  if (pattern.length > LONGEST) throw new UserError(`a pattern may have ${LONGEST} characters at most`)
  const fail: Fail = (what, at) => {
    const character = [...pattern.slice(0, at)].length + 1
    const shown = pattern.length > 60 ? `${pattern.slice(0, 60)}…` : pattern
    throw new UserError(`${what}, at character ${character} of the pattern ${shown}`)
  }
  return alternatives(parsePattern(pattern, DIALECT, fail), fail)
}

function alternatives(node: PatternNode, fail: Fail): Branch[] {
  if (node.kind === 'choice') return node.options.flatMap((option) => alternatives(option, fail))
  return branch(node.kind === 'sequence' ? node.parts : [node], fail)
}

/** One alternative; several if a group in it has its own anchors. */
function branch(parts: readonly PatternNode[], fail: Fail): Branch[] {
  let branches: Branch[] = [{ parts: [], isAtStart: false, isAtEnd: false }]
  for (const part of parts) {
    const items = itemOf(part, fail)
    const needsStart = items.some(({ isAtStart }) => isAtStart)
    if (needsStart && branches.some(({ parts }) => parts.length > 0))
      fail('`^` after other characters is not supported', part.at)
    const isPastEnd = branches.some(({ isAtEnd }) => isAtEnd) && items.some(({ parts }) => parts.length > 0)
    if (isPastEnd) fail('`$` before other characters is not supported', part.at - 1)
    // A copy for each part of a long pattern would take a minute.
    if (items.length === 1) for (const branch of branches) extend(branch, items[0])
    else
      branches = branches.flatMap((branch) =>
        items.map((item) => extend({ ...branch, parts: [...branch.parts] }, item)),
      )
    if (branches.length > 1000) fail('too many alternatives with anchors', part.at)
  }
  return branches
}

function itemOf(node: PatternNode, fail: Fail): Branch[] {
  switch (node.kind) {
    case 'start':
    case 'end':
      return [{ parts: [], isAtStart: node.kind === 'start', isAtEnd: node.kind === 'end' }]
    case 'character':
      return [plain(text(String.fromCodePoint(node.code)))]
    case 'set': {
      const { members } = node
      const ranges = members.flatMap((member) => (typeof member === 'string' ? CLASSES[member] : [member]))
      return [plain(characters(ranges, node.isNegated))]
    }
    case 'repeat': {
      const [branch, ...others] = itemOf(node.part, fail)
      if (branch.isAtStart || branch.isAtEnd || others.length > 0)
        fail('a repeated group with `^` or `$` is not supported', node.at)
      return [
        plain(repeat(sequence(...branch.parts), node.atLeast, Number.isFinite(node.atMost) ? node.atMost : undefined)),
      ]
    }
    default: {
      const branches = alternatives(node.kind === 'group' ? node.part : node, fail)
      if (branches.some(({ isAtStart, isAtEnd }) => isAtStart || isAtEnd)) return branches
      return [plain(choice(...branches.map(({ parts }) => sequence(...parts))))]
    }
  }
}

function wordsOfEscape([, letter = '', next]: string, _before: string, isInSet: boolean): string {
  if (letter === '') return '`\\` at the end'
  const name = `\`\\${letter}\``
  if (/[pP]/.test(letter)) return `${name} (a property of characters) is not supported`
  if (/[bB]/.test(letter) && !isInSet) return `${name} (a word's edge) is not supported`
  if (/[1-9k]/.test(letter) && !isInSet) return `${name} (a back-reference) is not supported`
  if (letter === 'c') return '`\\c` without a letter'
  if (letter === 'u' && next === '{') return '`\\u{` without a code point'
  if (/[xu]/.test(letter)) return `${letter === 'x' ? 2 : 4} hexadecimal digits are missing`
  return `${name} is not supported`
}

function wordsOfGroup(rest: string): string {
  if (/^\(\?[=!]/.test(rest)) return 'lookaheads `(?=` and `(?!` are not supported'
  if (/^\(\?<[=!]/.test(rest)) return 'lookbehinds `(?<=` and `(?<!` are not supported'
  if (/^\(\?</.test(rest)) return 'a group name without its `>`'
  return `the group \`(?${[...rest.slice(2)][0] ?? ''}\` is not supported`
}

function plain(body: Expression): Branch {
  return { parts: body === EMPTY ? [] : [body], isAtStart: false, isAtEnd: false }
}

function extend(branch: Branch, { parts, isAtStart, isAtEnd }: Branch): Branch {
  branch.parts.push(...parts)
  branch.isAtStart ||= isAtStart
  branch.isAtEnd ||= isAtEnd
  return branch
}
