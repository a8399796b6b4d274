import { UserError } from '../../errors.js'
import { Automaton } from './automaton.js'
import { choice, type Expression, NEVER, oneOf, optional, repeat, sequence, text } from './expression.js'

/** Limits of a number. */
export interface NumberLimits {
  isInteger?: boolean
  minimum?: number
  maximum?: number
  exclusiveMinimum?: number
  exclusiveMaximum?: number
  multiplesOf?: readonly number[]
}

/** Most digits of an integer without limits: all of a 64-bit number's. */
const INTEGER_DIGITS = 19
/** Digits that a number keeps when it is read: numbers with limits have no more. */
const EXACT_DIGITS = 15
const LARGEST_MULTIPLE = 1000

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

/** Numbers within limits, in JSON. Throws a UserError if it cannot keep them. */
export function numberExpression(limits: NumberLimits): Expression {
  const { multiplesOf = [] } = limits
  if (multiplesOf.some((multiple) => multiple !== 1)) return multiples(limits, multiplesOf)
  const isInteger = limits.isInteger || multiplesOf.length > 0
  const isFree = [limits.minimum, limits.maximum, limits.exclusiveMinimum, limits.exclusiveMaximum].every(
    (limit) => limit === undefined,
  )
  if (isFree) return isInteger ? INTEGER : NUMBER
  return isInteger ? integersWithin(limits) : decimalsWithin(limits)
}

/** Largest integer whose neighbours are all exact. */
const LARGEST = BigInt(10) ** BigInt(EXACT_DIGITS)

function integerBounds({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: NumberLimits): [bigint, bigint] {
  const lows = [minimum && Math.ceil(minimum), exclusiveMinimum !== undefined && Math.floor(exclusiveMinimum) + 1]
  const highs = [maximum && Math.floor(maximum), exclusiveMaximum !== undefined && Math.ceil(exclusiveMaximum) - 1]
  const numbers = (bounds: unknown[]) => bounds.filter((bound): bound is number => typeof bound === 'number')
  const low = Math.max(...numbers(lows))
  const high = Math.min(...numbers(highs))
  return [within(low), within(high)]
}

function within(bound: number): bigint {
  if (bound >= Number(LARGEST)) return LARGEST - 1n
  if (bound <= -Number(LARGEST)) return 1n - LARGEST
  return BigInt(bound)
}

function integersWithin(limits: NumberLimits): Expression {
  const lowest = Math.max(limits.minimum ?? -Infinity, limits.exclusiveMinimum ?? -Infinity)
  const highest = Math.min(limits.maximum ?? Infinity, limits.exclusiveMaximum ?? Infinity)
  if (lowest >= Number(LARGEST) || highest <= -Number(LARGEST)) {
    throw new UserError(`a range of numbers with more than ${EXACT_DIGITS} digits is not supported`)
  }
  const [low, high] = integerBounds(limits)
  return integersBetween(low, high)
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

function naturalsBetween(low: bigint, high: bigint): Expression {
  return choice(...runs(low, high).map(([from, to]) => digitsBetween(from, to)))
}

/** A range of integers in parts whose numbers have equally many digits. */
function runs(low: bigint, high: bigint): [string, string][] {
  const parts: [string, string][] = []
  for (let from = low; from <= high; ) {
    const last = 10n ** BigInt(String(from).length) - 1n
    const to = high < last ? high : last
    parts.push([String(from), String(to)])
    from = to + 1n
  }
  return parts
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

/** Decimal fractions without exponents. */
function decimalsWithin(limits: NumberLimits): Expression {
  const options: Expression[] = []
  const bounds = { low: lowerBound(limits), high: upperBound(limits) }
  options.push(positives(bounds))
  const least = negated(bounds.high)
  const mirrored = { low: least && least.value > 0 ? least : ABOVE_ZERO, high: negated(bounds.low) }
  const negatives = positives(mirrored)
  if (negatives !== NEVER) options.push(sequence(text('-'), negatives))
  return choice(...options)
}

interface Bound {
  value: number
  isExclusive: boolean
}

const ABOVE_ZERO: Bound = { value: 0, isExclusive: true }

function lowerBound({ minimum, exclusiveMinimum }: NumberLimits): Bound | undefined {
  if (exclusiveMinimum !== undefined && exclusiveMinimum >= (minimum ?? -Infinity)) {
    return { value: exclusiveMinimum, isExclusive: true }
  }
  return minimum === undefined ? undefined : { value: minimum, isExclusive: false }
}

function upperBound({ maximum, exclusiveMaximum }: NumberLimits): Bound | undefined {
  const low = lowerBound({
    minimum: maximum === undefined ? undefined : -maximum,
    exclusiveMinimum: exclusiveMaximum === undefined ? undefined : -exclusiveMaximum,
  })
  return negated(low)
}

function negated(bound: Bound | undefined): Bound | undefined {
  return bound && { ...bound, value: -bound.value }
}

/** Decimal fractions from 0 up, without a sign. */
function positives({ low, high }: { low?: Bound; high?: Bound }): Expression {
  if (high && (high.value < 0 || (high.value === 0 && high.isExclusive))) return NEVER
  const least = low && (low.value > 0 || (low.value === 0 && low.isExclusive)) ? low : { value: 0, isExclusive: false }
  const largest: Bound = high && high.value < Number(LARGEST) ? high : { value: Number(LARGEST), isExclusive: true }
  if (least.value > largest.value) return NEVER
  if (least.value >= Number(LARGEST)) throw new UserError('a range of numbers that are so large is not supported')
  const [lowWhole, lowPart] = decimal(least.value)
  const [highWhole, highPart] = decimal(largest.value)
  const lowTail = { digits: lowPart, isExclusive: least.isExclusive }
  const highTail = { digits: highPart, isExclusive: largest.isExclusive }
  if (lowWhole === highWhole) return sequence(text(lowWhole), fractions(lowTail, highTail, lowWhole.length))
  return choice(
    sequence(text(lowWhole), fractions(lowTail, undefined, lowWhole.length)),
    ...runs(BigInt(lowWhole) + 1n, BigInt(highWhole) - 1n).map(([from, to]) =>
      sequence(digitsBetween(from, to), fractions(undefined, undefined, from.length)),
    ),
    sequence(text(highWhole), fractions(undefined, highTail, highWhole.length)),
  )
}

/** Digits before and after the point. */
function decimal(value: number): [string, string] {
  const [digits, exponent] = value.toExponential().split('e')
  const [first, rest = ''] = digits.split('.')
  const shift = Number(exponent)
  if (shift < 0) return ['0', '0'.repeat(-shift - 1) + first + rest]
  const all = first + rest.padEnd(shift, '0')
  return [all.slice(0, shift + 1), all.slice(shift + 1).replace(/0+$/, '')]
}

interface Tail {
  digits: string
  isExclusive: boolean
}

/** Fractions between two, after `digits` before the point: `.25`, or nothing. */
function fractions(low: Tail | undefined, high: Tail | undefined, digits: number): Expression {
  const places = EXACT_DIGITS - digits
  const whole = (!low || (low.digits === '' && !low.isExclusive)) && !(high?.digits === '' && high.isExclusive)
  const some = places > 0 ? sequence(text('.'), tails(low, high, places, true)) : NEVER
  return choice(...(whole ? [text('')] : []), some)
}

/** Digits after the point, `places` at most; `needsOne`: at least one. */
function tails(low: Tail | undefined, high: Tail | undefined, places: number, needsOne: boolean): Expression {
  const options: Expression[] = []
  // Ending here means zeros from here on.
  const isHighEnough = !low || (/^0*$/.test(low.digits) && !low.isExclusive)
  const isLowEnough = high?.digits !== '' || !high.isExclusive
  if (!needsOne && isHighEnough && isLowEnough) options.push(text(''))
  if (places === 0) return choice(...options)
  if (!low && !high) return repeat(DIGIT, needsOne ? 1 : 0, places)
  // A limit without more digits has zeros.
  const a = low ? Number(low.digits[0] ?? '0') : -1
  const b = high ? Number(high.digits[0] ?? '0') : 10
  const next = (tail: Tail): Tail => ({ ...tail, digits: tail.digits.slice(1) })
  if (low && high && a === b) options.push(sequence(digit(a, a), tails(next(low), next(high), places - 1, false)))
  else {
    if (low) options.push(sequence(digit(a, a), tails(next(low), undefined, places - 1, false)))
    if (a + 1 <= b - 1) options.push(sequence(digit(a + 1, b - 1), repeat(DIGIT, 0, places - 1)))
    if (high) options.push(sequence(digit(b, b), tails(undefined, next(high), places - 1, false)))
  }
  return choice(...options)
}

/** Integers that are multiples. */
function multiples(limits: NumberLimits, multiplesOf: readonly number[]): Expression {
  const wrong = multiplesOf.find((multiple) => !Number.isInteger(multiple) || multiple > LARGEST_MULTIPLE)
  if (wrong !== undefined) {
    throw new UserError(`\`multipleOf\` ${wrong} is not supported, only integers up to ${LARGEST_MULTIPLE}`)
  }
  const all = integersBetween(...(hasBounds(limits) ? integerBounds(limits) : ([1n - LARGEST, LARGEST - 1n] as const)))
  let automaton = Automaton.of(all)
  for (const multiple of new Set(multiplesOf)) automaton = automaton.and(Automaton.multiplesOf(multiple))
  return automaton.expression()
}

function hasBounds({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: NumberLimits): boolean {
  return [minimum, maximum, exclusiveMinimum, exclusiveMaximum].some((bound) => bound !== undefined)
}
