import { suite } from 'uvu'
import { SoftmaxAttention } from '#molm/kernels/calls/softmax-attention.js'
import type { Bank } from '#molm/kernels/memory/bank.js'
import { type CacheFormat, padded } from '#molm/kernels/memory/formats.js'
import { asCached, placePages, placeTokens } from '../support/cache-pages.js'
import { combinations, tuples } from '../support/combinations.js'
import { isNear, sameBits } from '../support/compare.js'
import {
  bankOf,
  clearRows,
  emptyRows,
  floatsOf,
  type Outcome,
  place,
  placeRows,
  recordsOf,
  sameOnTiers,
  sameWithHelpers,
} from '../support/kernel-bench.js'
import { normalFloats } from '../support/random.js'
import { dot } from '../support/reference-math.js'

const test = suite('softmax attention')

interface Case {
  heads: number
  keyValueHeads: number
  headSize: number
  /** Channels of a value, if values are the first channels of their keys. */
  valueSize?: number
  perToken?: number
  /** Number of new tokens, the first at `position`. Keys before `oldest` are forgotten. */
  tokens: number
  position: number
  oldest?: number
  window?: number
  /** Mean score of the sinks of the heads of queries. Default: no sinks. */
  sinks?: number
  /** Spread of the queries. Large queries give all the weight to a few keys. */
  spread?: number
  /** Format of the cached rows. */
  rows?: CacheFormat
}

const scaleOf = ({ headSize }: Case): number => 1 / Math.sqrt(headSize)
const cachedOf = (c: Case, seed: number): Float32Array =>
  normalFloats((c.position + c.tokens) * c.keyValueHeads * c.headSize, seed)
const keysOf = (c: Case): Float32Array => cachedOf(c, 51)
const valuesOf = (c: Case): Float32Array => cachedOf(c, 52)
const queriesOf = ({ tokens, perToken = 1, heads, headSize, spread = 1 }: Case): Float32Array =>
  normalFloats(tokens * perToken * heads * headSize, 53, spread)
const sinksOf = ({ heads, sinks = 0 }: Case): Float32Array => normalFloats(heads, 54).map((s) => s + sinks)

/** Prepares a case in a bank. Returns a function that runs it, divided for `threads` threads, and gives the output. */
function prepare(bank: Bank, c: Case): (threads: number) => Outcome {
  const { heads, keyValueHeads, headSize, perToken = 1, tokens, position, oldest = 0, window, rows = 'f32' } = c
  const { valueSize } = c
  const channels = keyValueHeads * headSize
  const keys = placePages(bank, keysOf(c), channels, rows, { heads: keyValueHeads, isTransposed: true })
  const values = valueSize
    ? keys
    : placePages(bank, valuesOf(c), channels, rows, { heads: keyValueHeads, isTransposed: false })
  const q = placeRows(bank, queriesOf(c), heads * headSize)
  const output = emptyRows(bank, tokens * perToken, heads * (valueSize ?? headSize))
  const grouping = { heads, keyValueHeads, headSize, valueSize, perToken }
  const shape = { q, output, ...grouping, scale: scaleOf(c), window, format: rows }
  const places = placeTokens(bank, { tokens, position, oldest }, keys, values)
  const sinks = c.sinks === undefined ? 0 : place(bank, sinksOf(c))
  return (threads) => {
    clearRows(output)
    const attention = new SoftmaxAttention(bank, shape, threads)
    attention.begin([{ first: 0, count: tokens, position, oldest }])
    attention.run(places, sinks)
    return { output: floatsOf(output), records: recordsOf(output) }
  }
}

/** Sum over all visible keys in double precision. */
function reference(c: Case): Float64Array {
  const { heads, keyValueHeads, headSize, perToken = 1, tokens, position, oldest = 0, window, rows = 'f32' } = c
  const { valueSize } = c
  const size = valueSize ?? headSize
  const [queries, keys, values] = [
    queriesOf(c),
    asCached(keysOf(c), rows, headSize),
    asCached(valueSize ? keysOf(c) : valuesOf(c), rows, headSize),
  ]
  const stride = padded(heads * size)
  const output = new Float64Array(tokens * perToken * stride)
  for (let item = 0; item < tokens * perToken; item++) {
    const i = position + Math.floor(item / perToken)
    const first = window ? Math.max(oldest, i - window + 1) : oldest
    for (let h = 0; h < heads; h++) {
      const shared = Math.floor((h * keyValueHeads) / heads)
      const of = (all: Float32Array, row: number, count: number, head: number) =>
        all.subarray((row * count + head) * headSize, (row * count + head + 1) * headSize)
      const q = of(queries, item, heads, h)
      const scores = Array.from({ length: i - first + 1 }, (_, n) => {
        return scaleOf(c) * dot(q, of(keys, first + n, keyValueHeads, shared))
      })
      const sink = c.sinks === undefined ? Number.NEGATIVE_INFINITY : sinksOf(c)[h]
      const most = Math.max(sink, ...scores)
      const weights = scores.map((s) => Math.exp(s - most))
      const sum = weights.reduce((a, b) => a + b, Math.exp(sink - most))
      const o = output.subarray(item * stride + h * size, item * stride + (h + 1) * size)
      for (const [n, weight] of weights.entries()) {
        const v = of(values, first + n, keyValueHeads, shared)
        for (let ch = 0; ch < size; ch++) o[ch] += (weight / sum) * v[ch]
      }
    }
  }
  return output
}

/** Maximum error in units of the largest value. With a q8 cache queries and weights have 16 bits. */
function toleranceOf({ rows, spread = 1 }: Case): number {
  return rows === 'q8' ? 5e-5 * Math.max(2, spread) : 1e-5
}

function check(c: Case): Outcome {
  const expected = sameOnTiers((bank) => prepare(bank, c), [1, 3, 16], c.heads * (c.valueSize ?? c.headSize))
  const largest = valuesOf(c).reduce((most, v) => Math.max(most, Math.abs(v)), 0)
  isNear(expected.output, reference(c), toleranceOf(c) * largest, 'output')
  return expected
}

const ROWS = ['f32', 'bf16', 'q8'] as const

/** Checks a case with every kind of cache. */
function checkAll(c: Case): void {
  for (const rows of ROWS) check({ ...c, rows })
}

/** The same without q8, which has no values in keys. */
function checkShared(c: Case): void {
  for (const rows of ['f32', 'bf16'] as const) check({ ...c, rows })
}

const BASE: Case = { heads: 4, keyValueHeads: 2, headSize: 16, tokens: 5, position: 0 }

test('a single token sees its own value', () => {
  const c = { ...BASE, tokens: 1 }
  const { output } = check(c)
  const values = valuesOf(c)
  for (let h = 0; h < 4; h++) {
    isNear(output.subarray(h * 16, (h + 1) * 16), values.subarray((h >> 1) * 16, ((h >> 1) + 1) * 16), 1e-6)
  }
})

const KINDS = tuples(
  '1x1x1 2x1x2 2x1x3 6x2x5 8x2x8 5x1x9 3x1x12 6x1x13 7x1x16 6x3x17 4x2x20 8x1x64 4x4x64 4x2x128 1x1x273',
).map(([heads, keyValueHeads, headSize]) => ({ heads, keyValueHeads, headSize }))

test('any heads, alone or in groups that share keys', () => {
  const points = combinations({
    heads: KINDS,
    // One token, few, a block of 64 and the rest; within a page, over pages and over spans of 256 keys.
    place: [
      { tokens: 1, position: 0 },
      { tokens: 1, position: 530 },
      { tokens: 5, position: 41 },
      { tokens: 3, position: 254 },
      { tokens: 70, position: 0 },
    ],
    rows: ROWS,
  })
  for (const { heads, place, rows } of points) check({ ...heads, ...place, rows })
})

/** Limits of the keys that a token sees, around pages and spans. */
const SEEN: Pick<Case, 'window' | 'oldest'>[] = [
  {},
  ...[1, 2, 33, 256, 257].map((window) => ({ window })),
  ...[1, 31, 32, 256, 299].map((oldest) => ({ oldest })),
  { window: 120, oldest: 3 },
  { window: 400, oldest: 40 },
]

test('any window, forgotten keys, sinks and several queries of a token', () => {
  const points = combinations({
    place: [
      { tokens: 40, position: 0 },
      { tokens: 3, position: 254 },
      { tokens: 1, position: 256 },
      { tokens: 5, position: 300 },
      { tokens: 1, position: 600 },
    ],
    seen: SEEN,
    more: [
      {},
      ...[-8, 5, 60].map((sinks) => ({ sinks })),
      { perToken: 2 },
      { perToken: 3, sinks: 0 },
      // All weight goes to one key, and scores are far below zero.
      { spread: 40 },
    ],
    rows: ROWS,
  })
  for (const { place, seen, more, rows } of points) {
    const oldest = Math.min(seen.oldest ?? 0, place.position)
    check({ ...BASE, ...place, ...seen, oldest, ...more, rows })
  }
})

test('numbers of keys around pages and spans', () => {
  for (const length of [1, 2, 7, 8, 9, 31, 32, 33, 64, 255, 256, 257, 258, 511, 512, 513, 700]) {
    checkAll({ ...BASE, tokens: 1, position: length - 1 })
  }
})

test('values that are channels of their keys, which all queries of a token share', () => {
  const points = combinations({
    sizes: tuples('1x1 9x7 20x12 36x32 72x64 576x512').map(([headSize, valueSize]) => ({ headSize, valueSize })),
    perToken: [1, 3, 4, 16, 20].map((perToken) => ({ perToken })),
    place: [
      { tokens: 1, position: 0 },
      { tokens: 3, position: 254 },
      { tokens: 1, position: 530, oldest: 33 },
      { tokens: 9, position: 60 },
    ],
    rows: ['f32', 'bf16'] as const,
  })
  const one = { heads: 1, keyValueHeads: 1 }
  for (const { sizes, perToken, place, rows } of points) check({ ...one, ...sizes, ...perToken, ...place, rows })
  checkShared({ heads: 6, keyValueHeads: 2, headSize: 20, valueSize: 12, tokens: 70, position: 250 })
})

test('blocks of 64 queries, and the rest, over spans', () => {
  checkAll({ ...BASE, tokens: 75, position: 30, heads: 3, keyValueHeads: 1, headSize: 32 })
  checkAll({ ...BASE, tokens: 75, position: 240, heads: 3, keyValueHeads: 1, headSize: 64, window: 50 })
  check({ ...BASE, tokens: 300, heads: 6, keyValueHeads: 2, headSize: 5, sinks: 0, rows: 'q8' })
})

test('sinks of -infinity change nothing', () => {
  const bank = bankOf('relaxed')
  for (const c of [
    { ...BASE, tokens: 70 },
    { ...BASE, tokens: 1, position: 700 },
  ]) {
    const without = prepare(bank, c)(2)
    sameBits(prepare(bank, { ...c, sinks: Number.NEGATIVE_INFINITY })(2).output, without.output)
  }
})

test('the output of a token does not depend on how the prompt is split', () => {
  const whole = { ...BASE, tokens: 300, heads: 2, keyValueHeads: 1 }
  const bank = bankOf('relaxed')
  const together = prepare(bank, whole)(2).output
  const { headSize } = whole
  const [q, k, v] = [queriesOf(whole), keysOf(whole), valuesOf(whole)]
  const keys = placePages(bank, k, headSize, 'f32', { heads: 1, isTransposed: true })
  const values = placePages(bank, v, headSize, 'f32', { heads: 1, isTransposed: false })
  for (const [from, count] of tuples('0x1 1x2 3x96 99x159 258x1 259x41')) {
    const part = q.subarray(from * 2 * headSize, (from + count) * 2 * headSize)
    const output = emptyRows(bank, count, 2 * headSize)
    const shape = { q: placeRows(bank, part, 2 * headSize), output, heads: 2, keyValueHeads: 1, headSize }
    const attention = new SoftmaxAttention(bank, { ...shape, scale: scaleOf(whole), format: 'f32' }, 2)
    attention.begin([{ first: 0, count, position: from, oldest: 0 }])
    attention.run(placeTokens(bank, { tokens: count, position: from }, keys, values))
    sameBits(floatsOf(output), together.subarray(from * output.stride, (from + count) * output.stride), `from ${from}`)
  }
})

test('several threads give the same bits as one, with units of every kind', async () => {
  for (const tier of ['relaxed', 'plain'] as const) {
    const bank = bankOf(tier)
    const runs = [
      prepare(bank, { ...BASE, tokens: 60, position: 150, rows: 'bf16' }),
      prepare(bank, { ...BASE, tokens: 1, position: 650, headSize: 64, rows: 'bf16' }),
      prepare(bank, { ...BASE, tokens: 2, position: 300, headSize: 9, window: 270 }),
      prepare(bank, { ...BASE, tokens: 1, position: 700, headSize: 64, sinks: 1 }),
      prepare(bank, {
        heads: 1,
        keyValueHeads: 1,
        headSize: 72,
        valueSize: 64,
        perToken: 16,
        tokens: 2,
        position: 300,
      }),
    ]
    // Its buffer fits the partial sums of this number of threads.
    await sameWithHelpers(bank, runs, 3, { rounds: 30, ms: 100, fewest: 3 })
  }
})

test.run()
