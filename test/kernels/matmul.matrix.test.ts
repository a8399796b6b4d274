import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { INTERLEAVED_ROWS } from '#molm/kernels/abi/formats.js'
import { Matmul } from '#molm/kernels/calls/matmul.js'
import type { Bank } from '#molm/kernels/memory/bank.js'
import { type ActivationName, padded, takesFloats } from '#molm/kernels/memory/formats.js'
import { Rows } from '#molm/kernels/memory/rows.js'
import type { WeightFormat } from '#molm/model/packing/format/formats.js'
import { combinations } from '../support/combinations.js'
import {
  bankOf,
  clearRows,
  floatsOf,
  matrixRequest,
  type Outcome,
  pack,
  place,
  placeGroups,
  placeInputs,
  placeRows,
  quantise,
  recordsOf,
  sameOnTiers,
  sameWithHelpers,
} from '../support/kernel-bench.js'
import { normalFloats } from '../support/random.js'
import { ACTIVATIONS, rowProduct } from '../support/reference-math.js'
import { unpackMatrix } from '../support/unpack-tiles.js'

const test = suite('matrix products')

const FORMATS: WeightFormat[] = ['f32', 'q8', 'q4', 'mxfp4', 'mxfp4_f32', 'q4m', 'q3', 'q2']

/** A grouped product: each matrix has its own list of activation rows. */
interface Case {
  format: WeightFormat
  rows: number
  columns: number
  /** Number of activation rows in each group. */
  groups: number[]
  activation?: ActivationName
  hasBias?: boolean
  hasRecords?: boolean
  scale?: number
  /** Factor of the activated output. Default: 1. */
  activatedScale?: number
  /** Makes all weights of a matrix and all numbers of an activation row as large as they can be. */
  isExtreme?: boolean
}

const tokensOf = ({ groups }: Case): number => groups.reduce((a, b) => a + b, 0)
const weightsOf = ({ rows, columns, isExtreme }: Case, group: number): Float32Array =>
  isExtreme ? new Float32Array(rows * columns).fill(group % 2 ? 6 : -6) : floatsFor(rows * columns, 100 + group)
const inputsOf = (c: Case): Float32Array =>
  c.isExtreme
    ? new Float32Array(tokensOf(c) * c.columns).map((_, i) => (Math.floor(i / c.columns) % 3 ? 1 : -1))
    : floatsFor(tokensOf(c) * c.columns, 7, 1.5)
const biasOf = ({ rows }: Case, group: number): Float32Array => floatsFor(rows, 200 + group)

/** Random floats by their arguments: making them again for every tier takes longer than the products. */
const made = new Map<string, Float32Array>()

function floatsFor(...[count, seed, spread]: Parameters<typeof normalFloats>): Float32Array {
  const key = `${count} ${seed} ${spread}`
  const floats = made.get(key) ?? normalFloats(count, seed, spread)
  made.set(key, floats)
  return floats
}

/** Output row of the n-th activation row, in a different order so that lists matter. */
const target = (n: number, tokens: number): number => tokens - 1 - n

/** Prepares a case in a bank. Returns a function that runs it, divided for `threads` threads, and gives the output. */
function prepare(bank: Bank, c: Case): (threads: number) => Outcome {
  const { format, rows, columns, groups, activation, hasBias, hasRecords, scale, activatedScale } = c
  const tokens = tokensOf(c)
  const input = placeInputs(bank, inputsOf(c), columns)
  const output = Rows.allocate(bank, tokens, rows, { records: hasRecords })
  let n = 0
  const listed = groups.map((count, g) => ({
    weights: place(bank, pack(bank, matrixRequest(weightsOf(c, g), rows, columns, format)).bytes),
    bias: hasBias ? placeRows(bank, biasOf(c, g), rows).address : 0,
    rows: Array.from({ length: count }, (): [number, number] => [n, target(n++, tokens)]),
  }))
  const table = placeGroups(bank, listed)
  return (threads) => {
    clearRows(output, 0)
    new Matmul(bank, { format, input, output, activation, scale, activatedScale }, threads).run(
      table,
      groups.length,
      tokens,
    )
    return { output: floatsOf(output), records: recordsOf(output) }
  }
}

/**
 * Compares an outcome with double precision. A sum of n products in float32, tile after tile, is off by at most about
 * n/32 + 32 roundings of the sum of magnitudes, but hardly ever by more than 16; the activation functions add a few
 * units in the last place, and squared ReLU multiplies what it gets by its slope.
 */
function checkAgainstReference(c: Case, { output }: Outcome): void {
  const { format, rows, columns, groups, activation = 'identity', hasBias, scale = 1, activatedScale = 1 } = c
  const inputs = inputsOf(c)
  const tokens = tokensOf(c)
  let n = 0
  for (const [g, count] of groups.entries()) {
    const packed = pack(bankOf('scalar'), matrixRequest(weightsOf(c, g), rows, columns, format)).bytes
    const weights = unpackMatrix(packed, format, rows, columns)
    const bias = biasOf(c, g)
    for (let i = 0; i < count; i++, n++) {
      const row = inputs.subarray(n * columns, (n + 1) * columns)
      const x = takesFloats(format) ? row : quantise(row).values
      for (let r = 0; r < rows; r++) {
        const { sum, magnitude } = rowProduct(
          weights.subarray(r * columns, (r + 1) * columns),
          x,
          hasBias ? bias[r] : 0,
        )
        const found = output[target(n, tokens) * padded(rows) + r]
        const slope = activation === 'relu2' ? Math.max(1, 2 * sum * scale) : 1
        const tolerance = activatedScale * slope * (16 * 2 ** -24 * magnitude * Math.abs(scale) + 1e-6)
        const expected = activatedScale * ACTIVATIONS[activation](sum * scale)
        assert.ok(Math.abs(found - expected) <= tolerance, `row ${r}: ${found}, not ${expected}`)
      }
    }
  }
}

/** Compares the tiers with each other and with the reference, in several divisions into chunks. */
function check(c: Case): void {
  checkAgainstReference(
    c,
    sameOnTiers((bank) => prepare(bank, c), [1, 3, 64], c.rows),
  )
}

/** Shapes of matrices, and what follows the sums. */
const FORMS: Pick<Case, 'rows' | 'columns' | 'hasBias' | 'hasRecords' | 'scale' | 'activation' | 'activatedScale'>[] = [
  { rows: 1, columns: 1, hasBias: true },
  { rows: 7, columns: 33, hasBias: true, hasRecords: true },
  { rows: 9, columns: 31 },
  { rows: 24, columns: 96 },
  { rows: 41, columns: 100, scale: 0.25 },
  { rows: 53, columns: 70, scale: 0.4, activation: 'tanh', activatedScale: 2.5 },
  { rows: 70, columns: 40, scale: 3, hasBias: true, activation: 'silu', hasRecords: true },
]

const points = combinations({
  format: FORMATS,
  // The kernels take 1, 2, 4 or 16 rows at once, and the rest.
  groups: [[1], [2], [3], [4], [6], [7], [9], [16], [19], [22], [1, 1, 9], [3, 1, 15, 4]],
  form: FORMS,
})

for (const format of FORMATS) {
  test(`${format}: any rows, columns and groups, with and without biases, factors and records`, () => {
    for (const { groups, form } of points.filter((point) => point.format === format)) check({ format, groups, ...form })
  })

  test(`${format}: many columns and rows, and the largest weights and activations`, () => {
    check({ format, rows: 16, columns: 2080, groups: [1, 5], hasBias: true, hasRecords: true })
    check({ format, rows: 16, columns: 64, groups: [INTERLEAVED_ROWS + 1, INTERLEAVED_ROWS + 19] })
    check({ format, rows: 16, columns: 64, groups: [20, 20], isExtreme: true })
  })
}

test('each activation, with biases and records', () => {
  for (const activation of Object.keys(ACTIVATIONS) as ActivationName[]) {
    check({ format: 'f32', rows: 45, columns: 37, groups: [6, 2], activation, hasBias: true, hasRecords: true })
  }
})

test('several threads give the same bits as one, job after job', async () => {
  const cases: Case[] = [
    { format: 'q4', rows: 512, columns: 256, groups: [1, 2, 5], activation: 'gelu_new', hasRecords: true },
    { format: 'q8', rows: 256, columns: 512, groups: [9], hasBias: true },
    { format: 'f32', rows: 192, columns: 128, groups: [4, 4], activation: 'gelu' },
  ]
  for (const tier of ['relaxed', 'plain'] as const) {
    const bank = bankOf(tier)
    const runs = cases.map((c) => prepare(bank, c))
    await sameWithHelpers(bank, runs, 3, { rounds: 60, ms: 100 })
  }
})

test.run()
