import { UserError } from '../../../ground/errors.js'
import { keyword, phrase } from '../../../ground/message.js'
import { choice, type Expression, NEVER, oneOf, optional, repeat, sequence, text } from './expression.js'

export interface NumberLimits {
  isInteger?: boolean
  minimum?: number
  maximum?: number
  exclusiveMinimum?: number
  exclusiveMaximum?: number
}

/** Most digits of an integer without limits: all of a 64-bit number's. */
const INTEGER_DIGITS = 19
/** Digits that a number keeps when it is read: integers with limits have no more. */
const EXACT_DIGITS = 15

const digit = (from: number, to: number): Expression => oneOf([0x30 + from, 0x30 + to])
const DIGIT = digit(0, 9)
const MINUS = optional(text('-'))

const INTEGER = choice(text('0'), sequence(MINUS, digit(1, 9), repeat(DIGIT, 0, INTEGER_DIGITS - 1)))
/** Bounded, so that every number is finite and a model ends it. */
const NUMBER = sequence(
  MINUS,
  choice(text('0'), sequence(digit(1, 9), repeat(DIGIT, 0, EXACT_DIGITS - 1))),
  optional(sequence(text('.'), repeat(DIGIT, 1, EXACT_DIGITS))),
  optional(
    sequence(oneOf([0x65, 0x65], [0x45, 0x45]), optional(oneOf([0x2b, 0x2b], [0x2d, 0x2d])), repeat(DIGIT, 1, 2)),
  ),
)

const BOUNDS = ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'] as const

/** Numbers within limits, in JSON. Throws a UserError if it cannot keep them. */
export function numberExpression(limits: NumberLimits): Expression {
  const bound = BOUNDS.find((name) => limits[name] !== undefined)
  if (!bound) return limits.isInteger ? INTEGER : NUMBER
  if (limits.isInteger) return integersWithin(limits)
  throw new UserError(phrase`${keyword(bound)} is not supported, except with the ${keyword('type')} "integer"`)
}

/** Largest integer whose neighbours are all exact. */
const LARGEST = BigInt(10) ** BigInt(EXACT_DIGITS)

function within(bound: number): bigint {
  if (bound >= Number(LARGEST)) return LARGEST - 1n
  if (bound <= -Number(LARGEST)) return 1n - LARGEST
  return BigInt(bound)
}

function integersWithin(limits: NumberLimits): Expression {
  const { minimum: from = -Infinity, exclusiveMinimum: above = -Infinity } = limits
  const { maximum: to = Infinity, exclusiveMaximum: below = Infinity } = limits
  if (Math.max(from, above) >= Number(LARGEST) || Math.min(to, below) <= -Number(LARGEST)) {
    throw new UserError(`a range of numbers with more than ${EXACT_DIGITS} digits is not supported`)
  }
  const low = Math.max(Math.ceil(from), Math.floor(above) + 1)
  const high = Math.min(Math.floor(to), Math.ceil(below) - 1)
  return integersBetween(within(low), within(high))
}

/** Integers from `low` to `high`, in decimal. */
function integersBetween(low: bigint, high: bigint): Expression {
  if (low > high) return NEVER
  const options: Expression[] = []
  if (low < 0n) {
    const most = high < 0n ? -high : 1n
    if (-low >= most) options.push(sequence(text('-'), naturalsBetween(most, -low)))
  }
  if (high >= 0n) options.push(naturalsBetween(low > 0n ? low : 0n, high))
  return choice(...options)
}

/** In parts whose numbers have equally many digits. */
function naturalsBetween(low: bigint, high: bigint): Expression {
  const options: Expression[] = []
  for (let from = low; from <= high; ) {
    const last = 10n ** BigInt(String(from).length) - 1n
    const to = high < last ? high : last
    options.push(digitsBetween(String(from), String(to)))
    from = to + 1n
  }
  return choice(...options)
}

/** Strings of digits, all of one length, from `low` to `high`. */
function digitsBetween(low: string, high: string): Expression {
  if (low === '') return text('')
  const [a, b] = [Number(low[0]), Number(high[0])]
  const rest = low.length - 1
  const zeros = '0'.repeat(rest)
  const nines = '9'.repeat(rest)
  if (a === b) return sequence(digit(a, a), digitsBetween(low.slice(1), high.slice(1)))
  const options: Expression[] = []
  const from = low.slice(1) === zeros ? a : a + 1
  const to = high.slice(1) === nines ? b : b - 1
  if (from > a) options.push(sequence(digit(a, a), digitsBetween(low.slice(1), nines)))
  if (from <= to) options.push(sequence(digit(from, to), repeat(DIGIT, rest, rest)))
  if (to < b) options.push(sequence(digit(b, b), digitsBetween(zeros, high.slice(1))))
  return choice(...options)
}
