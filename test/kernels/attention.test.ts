import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Attention } from '#molm/kernels/calls/attention.js'
import { allocatePlaces, writePositions, writeTables } from '#molm/kernels/calls/places.js'
import type { Bank } from '#molm/kernels/memory/bank.js'
import { type CacheFormat, padded } from '#molm/kernels/memory/formats.js'
import { asCached, placePages, placeTokens } from '../support/cache-pages.js'
import { tuples } from '../support/combinations.js'
import { isNear, sameBits } from '../support/compare.js'
import {
  bankOf,
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
import { dot, stickBreaking } from '../support/reference-math.js'

const test = suite('stick-breaking attention')

/** The model's bound for stopping: half a unit in the last place of the largest value. */
const ENOUGH = 2 ** -25

interface Case {
  channels: number
  heads: number
  k: number
  /** Number of new tokens, the first at `position`. Keys before `oldest` are forgotten. */
  tokens: number
  position: number
  oldest?: number
  enough?: number
  /** Spread of the queries. Large queries use up the stick within a few keys. */
  spread?: number
  /** Mean of the keys, and of the queries with the other sign: logits below 0, so that sticks last longer. */
  mean?: number
  shared?: boolean
  /** Format of the cached rows. */
  rows?: CacheFormat
}

interface WithDepths extends Outcome {
  depths: Uint32Array
}

/** Keys and values before they are cached. */
const keysOf = ({ position, tokens, channels, mean = 0 }: Case): Float32Array =>
  normalFloats((position + tokens) * channels, 31).map((x) => x + mean)
const valuesOf = (c: Case): Float32Array =>
  c.shared ? keysOf(c) : normalFloats((c.position + c.tokens) * c.channels, 32)
const queriesOf = ({ tokens, k, channels, spread = 1, mean = 0 }: Case): Float32Array =>
  normalFloats(tokens * k * channels, 33, spread).map((x) => x - mean)

function prepare(bank: Bank, c: Case): (threads: number) => WithDepths {
  const { channels, heads, k, tokens, position, oldest = 0, enough = ENOUGH, rows = 'f32' } = c
  const keys = placePages(bank, keysOf(c), channels, rows, undefined, heads)
  const values = c.shared ? keys : placePages(bank, valuesOf(c), channels, rows, undefined, heads)
  const q = placeRows(bank, queriesOf(c), channels)
  const output = emptyRows(bank, tokens * k, channels)
  const depths = place(bank, new Uint32Array(tokens * k * heads))
  const shape = { q, output, heads, k, format: rows, enough, depths }
  const places = placeTokens(bank, { tokens, position, oldest }, keys, values)
  return (threads) => {
    new Attention(bank, shape, threads).run(tokens, places)
    return {
      output: floatsOf(output),
      records: recordsOf(output),
      depths: bank.u32.slice(depths / 4, depths / 4 + tokens * k * heads),
    }
  }
}

/** Sum over all kept keys in double precision. */
function reference(c: Case): Float64Array {
  const { channels, heads, k, tokens, position, oldest = 0, rows = 'f32' } = c
  const size = channels / heads
  const [queries, keys, values] = [queriesOf(c), asCached(keysOf(c), rows, size), asCached(valuesOf(c), rows, size)]
  const stride = padded(channels)
  const output = new Float64Array(tokens * k * stride)
  for (let item = 0; item < tokens * k; item++) {
    const i = position + Math.floor(item / k)
    const back = Array.from({ length: i - oldest + 1 }, (_, n) => i - n)
    for (let h = 0; h < heads; h++) {
      const head = (of: Float32Array, row: number) =>
        of.subarray(row * channels + h * size, row * channels + (h + 1) * size)
      const q = head(queries, item)
      const weights = stickBreaking(back.map((j) => dot(q, head(keys, j)) / Math.sqrt(size)))
      for (const [n, j] of back.entries()) {
        for (let ch = 0; ch < size; ch++) output[item * stride + h * size + ch] += weights[n] * head(values, j)[ch]
      }
    }
  }
  return output
}

/**
 * Maximum error in units of the largest value, due to stopping and to float32 rounding in sums over a few hundred keys.
 */
function toleranceOf(c: Case): number {
  const largest = valuesOf(c).reduce((most, v) => Math.max(most, Math.abs(v)), 0)
  return (c.enough ?? ENOUGH) * largest + (c.rows === 'q8' ? 1e-4 : 4e-6) * largest
}

function check(c: Case): WithDepths {
  const expected = sameOnTiers((bank) => prepare(bank, c), [1, 2, 16], c.channels)
  isNear(expected.output, reference(c), toleranceOf(c), 'output')
  return expected
}

const BASE: Case = { channels: 64, heads: 4, k: 2, tokens: 5, position: 0 }

test('one token or a prompt, with an empty cache and after cached tokens, over edges of pages', () => {
  check({ ...BASE, tokens: 1 })
  check({ ...BASE, tokens: 70 })
  check({ ...BASE, position: 203 })
  for (const position of [1, 7, 8, 30, 31, 32, 33, 63, 64, 65]) check({ ...BASE, tokens: 3, position })
})

test('any heads and channels', () => {
  for (const [channels, heads] of tuples('1x1 64x1 5x5 15x3 33x1 51x3 62x2 140x4')) {
    check({ ...BASE, channels, heads, position: 37 })
  }
})

test('keys that are forgotten', () => {
  for (const oldest of [1, 5, 31, 32, 33, 90]) check({ ...BASE, position: 90, oldest })
})

test('each format of cached rows, with one cache for keys and values and with two', () => {
  for (const [channels, heads] of tuples('1x1 33x1 51x3 64x4 140x4 1984x1')) {
    for (const rows of ['f32', 'bf16', 'q8'] as const) {
      const shared = heads === 1
      check({ ...BASE, channels, heads, tokens: 3, position: 70, oldest: 3, shared, rows })
      if (channels < 50) check({ ...BASE, channels, heads, position: 40, shared: !shared, rows })
    }
  }
})

test('stops once the rest of the stick is below rounding, without a larger error', () => {
  const { depths } = check({ ...BASE, position: 400, spread: 6 })
  assert.ok(
    depths.every((depth) => depth > 0 && depth < 200),
    `${depths}`,
  )
})

test('with a coarse bound it stops sooner, and the error stays within the bound', () => {
  const fine = check({ ...BASE, position: 300, tokens: 8 })
  const coarse = check({ ...BASE, position: 300, tokens: 8, enough: 0.05 })
  assert.ok(coarse.depths.every((depth, i) => depth <= fine.depths[i]))
  assert.ok(coarse.depths.some((depth, i) => depth < fine.depths[i]))
})

test('without a bound it visits every key', () => {
  const { depths } = check({ ...BASE, tokens: 2, position: 100, oldest: 3, enough: 0, spread: 6 })
  assert.equal([...new Set(depths.subarray(0, 8))], [98])
  assert.equal([...new Set(depths.subarray(8))], [99])
})

test('long sticks', () => {
  for (const [mean, least, most] of tuples('0.8x30x150 1x60x300 1.3x300x400')) {
    const rows = mean === 1 ? 'bf16' : 'f32'
    const { depths } = check({ ...BASE, tokens: 10, position: 391, oldest: 3, k: 3, mean, rows })
    assert.ok(Math.min(...depths) < most && Math.max(...depths) > least, `${Math.min(...depths)}`)
  }
  for (const k of [1, 2, 4, 17]) check({ ...BASE, tokens: 5, position: 203, k, mean: 1.2 })
  check({ ...BASE, channels: 51, heads: 3, position: 100, mean: 1.2 })
})

test('tokens of several sequences walk through their own caches', () => {
  const [first, second] = [
    { ...BASE, tokens: 4, position: 150, mean: 1.2 },
    { ...BASE, tokens: 3, position: 90, mean: 1.2 },
  ]
  const bank = bankOf('relaxed')
  const alone = [first, second].map((c) => prepare(bank, c)(1).output)
  const caches = [first, second].map((c) => placePages(bank, keysOf(c), c.channels, 'f32'))
  const values = [first, second].map((c) => placePages(bank, valuesOf(c), c.channels, 'f32'))
  const places = allocatePlaces(bank, 7)
  for (const [i, { tokens, position }] of [first, second].entries()) {
    const span = { first: i * 4, count: tokens, position, oldest: 0 }
    writePositions(bank, places, span)
    writeTables(bank, places, span, caches[i], values[i])
  }
  const q = placeRows(bank, Float32Array.from([...queriesOf(first), ...queriesOf(second)]), 64)
  const output = emptyRows(bank, 14, 64)
  const shape = { q, output, heads: 4, k: 2, format: 'f32', enough: ENOUGH, depths: 0 } as const
  new Attention(bank, shape, 1).run(7, places)
  sameBits(floatsOf(output), Float32Array.from(alone.flatMap((floats) => [...floats])))
})

test('several threads give the same bits as one, also if few items divide heads among them', async () => {
  const bank = bankOf('relaxed')
  const runs = [
    prepare(bank, { ...BASE, tokens: 60, position: 150 }),
    prepare(bank, { ...BASE, channels: 128, heads: 4, tokens: 1, position: 150 }),
  ]
  await sameWithHelpers(bank, runs, 3, { rounds: 60, ms: 100 })
})

test.run()
