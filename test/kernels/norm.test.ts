import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Norm } from '#molm/kernels/calls/norm.js'
import type { Bank } from '#molm/kernels/memory/bank.js'
import { padded } from '#molm/kernels/memory/formats.js'
import { isNear, sameBits } from '../support/compare.js'
import {
  bankOf,
  emptyRows,
  floatsOf,
  type Outcome,
  place,
  placeRows,
  quantise,
  recordsOf,
  sameOnTiers,
  TIERS,
} from '../support/kernel-bench.js'
import { normalFloats } from '../support/random.js'
import { layerNorm, rmsNorm } from '../support/reference-math.js'

const test = suite('residual addition, LayerNorm and RMSNorm')

interface Case {
  width: number
  tokens: number
  /** Number of experts per token, whose outputs are added first. */
  k?: number
  hasNorm?: boolean
  /** Default: LayerNorm with epsilon 1e-5. */
  kind?: 'layer' | 'rms' | 'none'
  /** Whether LayerNorm has a bias. Default: true. */
  hasBias?: boolean
  epsilon?: number
  /** Factor of all added outputs. */
  scale?: number
  /** Whether experts have gates; without, the factor of each is 1. Default: true. */
  hasGates?: boolean
  /** Whether the sum of the added outputs is normalised first. */
  normsSum?: boolean
  /** Whether a further row is added to every token. */
  hasRow?: boolean
  /** Whether x and the added rows have factors and biases. */
  isScaled?: boolean
  /** Factor of x after the additions. Default: 1. */
  factor?: number
  /** Added to all of x: a mean that is large compared to the spread. */
  offset?: number
}

const streamOf = ({ width, tokens, offset = 0 }: Case): Float32Array =>
  normalFloats(width * tokens, 41).map((v) => v + offset)
const expertsOf = ({ width, tokens, k = 0 }: Case): Float32Array => normalFloats(width * tokens * k, 42)
const gatesOf = ({ tokens, k = 0, hasGates = true }: Case): Float32Array =>
  normalFloats(tokens * k, 43).map((v) => (hasGates ? Math.abs(v) / 2 : 1))
const addedOf = ({ width }: Case): Float32Array => normalFloats(width, 48)
/** Of x and of the added rows. */
const factorsOf = ({ width }: Case): Float32Array => normalFloats(2 * width, 49)
const biasesOf = ({ width }: Case): Float32Array => normalFloats(2 * width, 50)
const weightOf = ({ width }: Case): Float32Array => normalFloats(width, 44)
const biasOf = ({ width, hasBias = true }: Case): Float32Array =>
  hasBias ? normalFloats(width, 45) : new Float32Array(width)
const sumWeightOf = ({ width }: Case): Float32Array => normalFloats(width, 49)

const NOTHING = { output: new Float32Array(), records: new Uint8Array() }

function run(bank: Bank, c: Case, threads: number): Outcome & { x: Float32Array } {
  const { width, tokens, k = 0, hasNorm = true, kind, epsilon, scale, hasGates = true } = c
  const { normsSum, hasRow, isScaled, factor = 1, hasBias = true } = c
  const x = placeRows(bank, streamOf(c), width)
  const output = emptyRows(bank, tokens, width)
  const gates = hasGates ? place(bank, gatesOf(c)) : undefined
  const add = { y: placeRows(bank, expertsOf(c), width), gates, perToken: k, scale }
  const vector = (values: Float32Array) => placeRows(bank, values, width).address
  const weight = hasNorm ? vector(weightOf(c)) : 0
  const bias = hasNorm && kind !== 'rms' && hasBias ? vector(biasOf(c)) : 0
  const norm = new Norm(bank, { x, ...(k > 0 && { add }), kind, epsilon, output }, threads)
  if (normsSum) norm.sumWeight(vector(sumWeightOf(c)))
  if (isScaled) norm.scaledBy(vector(factorsOf(c)), vector(biasesOf(c)))
  norm.times(factor)
  norm.run(tokens, weight, bias, hasRow ? vector(addedOf(c)) : 0)
  if (!hasNorm) assert.ok(recordsOf(output).every((byte) => byte === 0))
  // Without a norm the rows have no meaning.
  const normalised = hasNorm ? { output: floatsOf(output), records: recordsOf(output) } : NOTHING
  return { x: floatsOf(x), ...normalised }
}

function check(c: Case): void {
  const { width, tokens, k = 0, hasNorm = true, kind, epsilon = 1e-5, scale = 1, offset = 0 } = c
  const { normsSum, hasRow, isScaled, factor = 1 } = c
  const expected = sameOnTiers((bank) => (threads) => run(bank, c, threads), [1, 2, 8], width)
  const stride = padded(width)
  const [stream, experts, gates, added] = [streamOf(c), expertsOf(c), gatesOf(c), addedOf(c)]
  const [factors, biases] = [factorsOf(c), biasesOf(c)]
  for (let t = 0; t < tokens; t++) {
    const sums = Float64Array.from({ length: width }, (_, i) => {
      let sum = 0
      for (let r = 0; r < k; r++) sum += gates[t * k + r] * experts[(t * k + r) * width + i]
      return sum
    })
    const y = normsSum ? rmsNorm(sums, sumWeightOf(c), epsilon) : sums
    const x = y.map((value, i) => {
      const [own, rows] = [stream[t * width + i], scale * value]
      const ofRows = isScaled && k > 0 ? (rows + biases[width + i]) * factors[width + i] : rows
      return factor * ((isScaled ? (own + biases[i]) * factors[i] : own) + ofRows + (hasRow ? added[i] : 0))
    })
    isNear(expected.x.subarray(t * stride, t * stride + width), x, 2e-6 * (1 + Math.abs(offset)), 'x')
    if (!hasNorm) continue
    const a = expected.output.subarray(t * stride, (t + 1) * stride)
    // A large mean costs digits of the rest of x, in any float32 implementation.
    const tolerance = 5e-6 * (1 + Math.abs(offset))
    const norm = kind === 'rms' ? rmsNorm(x, weightOf(c), epsilon) : layerNorm(x, weightOf(c), biasOf(c))
    const normalised = kind === 'none' ? x : norm
    isNear(a.subarray(0, width), normalised, tolerance, 'a')
    assert.ok(
      a.subarray(width).every((v) => v === 0),
      'padding is zero',
    )
  }
}

test('rows of any width', () => {
  for (const width of [1, 2, 15, 16, 17, 31, 32, 33, 40, 100, 192, 1024]) {
    check({ width, tokens: 3 })
    check({ width, tokens: 3, k: 2 })
    check({ width, tokens: 3, kind: 'rms', epsilon: 1e-6 })
    check({ width, tokens: 3, kind: 'rms', epsilon: 0.3, k: 2, scale: 0.22 })
    check({ width, tokens: 3, k: 2, hasGates: false, hasRow: true })
    check({ width, tokens: 3, kind: 'rms', epsilon: 0.01, k: 3, normsSum: true, scale: 0.6 })
    check({ width, tokens: 3, kind: 'rms', k: 1, hasGates: false, normsSum: true, hasNorm: false })
    check({ width, tokens: 3, kind: 'rms', hasRow: true })
    check({ width, tokens: 3, k: 1, hasNorm: false, hasGates: false, scale: -0.7, hasRow: true })
    check({ width, tokens: 3, k: 2, kind: 'rms', scale: 0.6, isScaled: true })
    check({ width, tokens: 3, kind: 'rms', isScaled: true })
    check({ width, tokens: 3, kind: 'rms', k: 2, normsSum: true, factor: 0.07 })
    check({ width, tokens: 3, kind: 'rms', k: 1, hasNorm: false, factor: -1.3 })
    check({ width, tokens: 3, k: 1, hasBias: false })
    check({ width, tokens: 3, kind: 'none', k: 2, normsSum: true })
  }
})

test('many tokens, the addition alone, and a mean far from zero', () => {
  check({ width: 48, tokens: 67, k: 3 })
  check({ width: 48, tokens: 67, k: 3, kind: 'rms', scale: 0.5, hasRow: true })
  check({ width: 45, tokens: 5, k: 4, hasNorm: false })
  check({ width: 128, tokens: 2, offset: 20 })
})

test('a constant row becomes the bias', () => {
  for (const tier of TIERS) {
    const bank = bankOf(tier)
    const x = placeRows(bank, new Float32Array(64).fill(3), 64)
    const [weight, bias] = [place(bank, new Float32Array(64).fill(2)), place(bank, normalFloats(64, 46))]
    const output = emptyRows(bank, 1, 64)
    new Norm(bank, { x, output }, 1).run(1, weight, bias)
    sameBits(floatsOf(output), normalFloats(64, 46), tier)
  }
})

test('all tiers quantise rows of zeros, of the smallest and of the largest numbers alike', () => {
  for (const scale of [0, 1e-45, 1e-40, 1e-37, 1e-36, 2e-36, 1e-30, 1e30, 1e38]) {
    const values = normalFloats(64, 47).map((v) => Math.max(-3, Math.min(3, v)) * scale)
    const expected = quantise(values).record
    for (const tier of TIERS) {
      const bank = bankOf(tier)
      // LayerNorm of a constant row gives the bias, so this quantises the bias.
      const x = placeRows(bank, new Float32Array(64), 64)
      const output = emptyRows(bank, 1, 64)
      new Norm(bank, { x, output }, 1).run(1, place(bank, new Float32Array(64)), place(bank, values))
      assert.equal(recordsOf(output), expected, `${tier}, scale ${scale}`)
    }
  }
})

test.run()
