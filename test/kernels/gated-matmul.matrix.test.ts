import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { TILE_COLUMNS } from '#molm/kernels/abi/formats.js'
import { Matmul } from '#molm/kernels/calls/matmul.js'
import type { Bank } from '#molm/kernels/memory/bank.js'
import { type GatedActivationName, padded, takesFloats } from '#molm/kernels/memory/formats.js'
import { Rows } from '#molm/kernels/memory/rows.js'
import type { WeightFormat } from '#molm/model/packing/format/formats.js'
import { combinations } from '../support/combinations.js'
import {
  bankOf,
  clearRows,
  floatsOf,
  matrixRequest,
  type Outcome,
  oneGroup,
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
import { integers, normalFloats } from '../support/random.js'
import { GATED, rowProduct } from '../support/reference-math.js'
import { unpackMatrix } from '../support/unpack-tiles.js'

const test = suite('gated products')

const FORMATS: WeightFormat[] = ['f32', 'q8', 'q4', 'mxfp4', 'mxfp4_f32']

/** act(G x) * (U x) for several pairs of matrices, each with its own list of activation rows. */
interface Case {
  format: WeightFormat
  /** Number f of hidden channels. */
  hidden: number
  columns: number
  /** Number of activation rows in each group. */
  groups: number[]
  activation?: GatedActivationName
  hasRecords?: boolean
  /** Whether each group has a bias. */
  hasBias?: boolean
  /** Standard deviation of the inputs. Default: 1.5. */
  spread?: number
}

const itemsOf = ({ groups }: Case): number => groups.reduce((a, b) => a + b, 0)
const inputsOf = (c: Case): Float32Array => normalFloats(itemsOf(c) * c.columns, 81, c.spread ?? 1.5)

/** Row that the n-th item of all lists reads and writes, in an irregular order. */
function orderOf(c: Case, seed: number): number[] {
  const keys = integers(itemsOf(c), seed, 2 ** 30)
  return keys.map((_, n) => n).sort((a, b) => keys[a] - keys[b])
}

/** Gate and up alternately, TILE_COLUMNS rows of each, with zeros beyond f: [2 * padded(f), columns]. */
function weightsOf({ hidden, columns }: Case, group: number): Float32Array {
  const rows = 2 * padded(hidden)
  const weights = normalFloats(rows * columns, 90 + group, 1 / Math.sqrt(columns))
  for (let r = 0; r < rows; r++) {
    const channel = Math.floor(r / (2 * TILE_COLUMNS)) * TILE_COLUMNS + (r % TILE_COLUMNS)
    if (channel >= hidden) weights.fill(0, r * columns, (r + 1) * columns)
  }
  return weights
}

/** Biases in the order of the rows, with zeros beyond f. */
function biasOf({ hidden, hasBias }: Case, group: number): Float32Array {
  return normalFloats(2 * padded(hidden), 190 + group).map((value, r) => {
    const channel = Math.floor(r / (2 * TILE_COLUMNS)) * TILE_COLUMNS + (r % TILE_COLUMNS)
    return hasBias && channel < hidden ? value : 0
  })
}

/** Packed matrices by what they are made of. All tiers pack the same bytes (packing.test.ts). */
const known = new Map<string, Uint8Array>()

function packed(c: Case, group: number): Uint8Array {
  const { format, hidden, columns } = c
  const key = `${format} ${hidden} ${columns} ${group}`
  const request = () => matrixRequest(weightsOf(c, group), 2 * padded(hidden), columns, format)
  const bytes = known.get(key) ?? pack(bankOf('scalar'), request()).bytes
  known.set(key, bytes)
  return bytes
}

/** Prepares a case in a bank. Returns a function that runs it, divided for `threads` threads, and gives the output. */
function prepare(bank: Bank, c: Case): (threads: number) => Outcome {
  const { format, hidden, columns, groups, activation = 'silu', hasRecords = true } = c
  const items = itemsOf(c)
  const input = placeInputs(bank, inputsOf(c), columns)
  const output = Rows.allocate(bank, items, hidden, { records: hasRecords })
  const [reads, writes] = [orderOf(c, 82), orderOf(c, 83)]
  let n = 0
  const listed = groups.map((count, g) => ({
    weights: place(bank, packed(c, g)),
    bias: c.hasBias ? place(bank, biasOf(c, g)) : 0,
    rows: Array.from({ length: count }, (): [number, number] => [reads[n], writes[n++]]),
  }))
  const table = placeGroups(bank, listed)
  return (threads) => {
    clearRows(output)
    new Matmul(bank, { format, input, output, activation, gated: true }, threads).run(table, groups.length, items)
    return { output: floatsOf(output), records: recordsOf(output) }
  }
}

/**
 * Compares with double precision. The tolerance is the rounding error of both sums (see matmul.test.ts), propagated
 * through the product.
 */
function checkAgainstReference(c: Case, { output }: Outcome): void {
  const { format, hidden, columns, groups, activation = 'silu' } = c
  const inputs = inputsOf(c)
  const [reads, writes] = [orderOf(c, 82), orderOf(c, 83)]
  const stride = padded(hidden)
  let n = 0
  for (const [g, count] of groups.entries()) {
    const weights = unpackMatrix(packed(c, g), format, 2 * stride, columns)
    const bias = biasOf(c, g)
    for (let i = 0; i < count; i++, n++) {
      const row = inputs.subarray(reads[n] * columns, (reads[n] + 1) * columns)
      const x = takesFloats(format) ? row : quantise(row).values
      const product = (r: number) => {
        const { sum, magnitude } = rowProduct(weights.subarray(r * columns, (r + 1) * columns), x, bias[r])
        return { sum, error: 16 * 2 ** -24 * magnitude + 1e-6 }
      }
      for (let channel = 0; channel < stride; channel++) {
        const found = output[writes[n] * stride + channel]
        const at = Math.floor(channel / TILE_COLUMNS) * 2 * TILE_COLUMNS + (channel % TILE_COLUMNS)
        const [gate, up] = [product(at), product(at + TILE_COLUMNS)]
        const [act, factor] = GATED[activation](gate.sum, up.sum)
        // The slope of the other activation functions is at most 1.13.
        const slope = activation === 'relu2' ? Math.max(1.2, 2 * gate.sum) : 1.2
        const tolerance = slope * gate.error * Math.abs(factor) + (Math.abs(act) + 1e-3) * up.error + 1e-6
        assert.ok(Math.abs(found - act * factor) <= tolerance, `channel ${channel}: ${found}, not ${act * factor}`)
        if (channel >= hidden) assert.is(found, 0, `padding of channel ${channel}`)
      }
    }
  }
}

/** Compares the tiers with each other and with the reference, in several divisions into chunks. */
function check(c: Case): void {
  checkAgainstReference(
    c,
    sameOnTiers((bank) => prepare(bank, c), [1, 3, 64], c.hidden),
  )
}

const points = combinations({
  format: FORMATS,
  hidden: [1, 31, 32, 33, 100, 160],
  groups: [[1], [3], [5], [3, 1, 6, 4], [2, 20, 8], [1, 1, 1, 1, 1, 1, 1, 1]],
  form: [
    { columns: 33, hasBias: false, hasRecords: true },
    { columns: 70, hasBias: true, hasRecords: true },
    { columns: 64, hasBias: false, hasRecords: false },
    { columns: 70, hasBias: true, hasRecords: false },
  ],
})

for (const format of FORMATS) {
  test(`${format}: any hidden channels and experts, lists in any order, with and without biases and records`, () => {
    for (const { form, ...point } of points.filter((point) => point.format === format)) check({ ...point, ...form })
  })
}

test('each activation', () => {
  for (const activation of Object.keys(GATED) as GatedActivationName[]) {
    check({ format: 'f32', hidden: 45, columns: 37, groups: [6, 2], activation })
    check({ format: 'q8', hidden: 45, columns: 37, groups: [6, 2], activation, hasBias: true })
  }
})

test('clamped SwiGLU bounds a gate only from above, and up on both sides', () => {
  check({ format: 'f32', hidden: 300, columns: 40, groups: [9, 1], activation: 'clamped_swiglu', spread: 12 })
  const bank = bankOf('scalar')
  const product = (gate: number, up: number) => {
    const input = placeRows(bank, Float32Array.of(1), 1)
    const output = Rows.allocate(bank, 1, 1)
    const weights = Float32Array.from({ length: 64 }, (_, r) => (r === 0 ? gate : r === 32 ? up : 0))
    const table = oneGroup(bank, place(bank, pack(bank, matrixRequest(weights, 64, 1, 'f32')).bytes), 1)
    new Matmul(bank, { format: 'f32', input, output, activation: 'clamped_swiglu', gated: true }, 1).run(table, 1, 1)
    return output.row(0)[0]
  }
  assert.is(product(100, 3), product(7, 3))
  assert.is(product(3, 100), product(3, 7))
  assert.is(product(3, -100), product(3, -7))
  assert.is.not(product(-8, 3), product(-7, 3))
})

test('several threads give the same bits as one, job after job', async () => {
  for (const tier of ['relaxed', 'plain'] as const) {
    const bank = bankOf(tier)
    const runs = (['q4', 'q8', 'f32'] as const).map((format) => {
      return prepare(bank, { format, hidden: 256, columns: 128, groups: [1, 2, 5] })
    })
    await sameWithHelpers(bank, runs, 3, { rounds: 30, ms: 100 })
  }
})

test.run()
