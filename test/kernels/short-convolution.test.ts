import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { convolutionStateFloats, ShortConvolution } from '#molm/kernels/calls/short-convolution.js'
import { allocateSegments, writeSegment } from '#molm/kernels/calls/state-segments.js'
import type { Bank } from '#molm/kernels/memory/bank.js'
import { padded } from '#molm/kernels/memory/formats.js'
import { Rows } from '#molm/kernels/memory/rows.js'
import { isNear, sameBits } from '../support/compare.js'
import {
  bankOf,
  clearRows,
  emptyRows,
  floatsAt,
  floatsOf,
  type Outcome,
  place,
  placeRows,
  recordsOf,
  sameOnTiers,
  sameWithHelpers,
  TIERS,
} from '../support/kernel-bench.js'
import { normalFloats } from '../support/random.js'

const test = suite('short convolution')

interface Case {
  channels: number
  taps: number
  /** Number of new tokens of each sequence. */
  segments: number[]
  hasBias?: boolean
  hasRecords?: boolean
}

interface Result extends Outcome {
  /** States after the last token, one after the other. */
  states: Float32Array
  /** v of each row [T, d], as the kernel leaves them in the rows. */
  kept: Float32Array
}

const tokensOf = ({ segments }: Case): number => segments.reduce((a, b) => a + b, 0)
/** B, C and X without padding: [T, 3, d]. */
const inputsOf = (c: Case): Float32Array => normalFloats(tokensOf(c) * 3 * c.channels, 71)
/** [n, d] */
const weightsOf = ({ taps, channels }: Case): Float32Array => normalFloats(taps * channels, 72)
const biasOf = ({ channels }: Case): Float32Array => normalFloats(channels, 73)
/** [segments, n - 1, d] */
const statesOf = ({ segments, taps, channels }: Case): Float32Array =>
  normalFloats(segments.length * (taps - 1) * channels, 74)

/** Pads each row of `channels` floats with zeros. */
function paddedRows(values: Float32Array, channels: number): Float32Array {
  const stride = padded(channels)
  const rows = new Float32Array((values.length / channels) * stride)
  for (let r = 0; r * channels < values.length; r++) {
    rows.set(values.subarray(r * channels, (r + 1) * channels), r * stride)
  }
  return rows
}

/** Prepares a case in a bank. Returns a function that runs it, divided for `threads` threads. */
function prepare(bank: Bank, c: Case, { inPlace = false } = {}): (threads: number) => Result {
  const { channels, taps, segments, hasBias = true, hasRecords = true } = c
  const tokens = tokensOf(c)
  const stride = padded(channels)
  const input = Rows.allocate(bank, tokens, 3 * stride)
  const output = Rows.allocate(bank, tokens, channels, { records: hasRecords })
  const weights = place(bank, paddedRows(weightsOf(c), channels))
  const bias = hasBias ? place(bank, paddedRows(biasOf(c), channels)) : 0
  const size = convolutionStateFloats(channels, taps)
  const old = paddedRows(statesOf(c), channels)
  const before = bank.arena.allocate(Math.max(4, old.byteLength))
  const after = inPlace ? before : bank.arena.allocate(Math.max(4, old.byteLength))
  const table = allocateSegments(bank, segments.length)
  let first = 0
  for (const [s, count] of segments.entries()) {
    const at = s * size * 4
    writeSegment(bank, table, s, { first, count, before: before + at, after: after + at })
    first += count
  }
  return (threads) => {
    bank.f32.set(paddedRows(inputsOf(c), channels), input.address / 4)
    bank.f32.set(old, before / 4)
    clearRows(output)
    const convolution = new ShortConvolution(bank, { form: 'gated', input, output, taps }, threads)
    convolution.run(table, segments.length, tokens, weights, bias)
    const kept = Float32Array.from({ length: tokens * channels }, (_, i) => {
      return input.row(Math.floor(i / channels))[i % channels]
    })
    return {
      output: floatsOf(output),
      records: recordsOf(output),
      states: floatsAt(bank, after, segments.length * size),
      kept,
    }
  }
}

/** Outputs [T, padded d] and states in double precision. */
function reference(c: Case): { output: Float64Array; states: Float64Array } {
  const { channels, taps, segments, hasBias = true } = c
  const [inputs, weights, bias, before] = [inputsOf(c), weightsOf(c), biasOf(c), statesOf(c)]
  const stride = padded(channels)
  const output = new Float64Array(tokensOf(c) * stride)
  const states = new Float64Array(segments.length * (taps - 1) * stride)
  for (let ch = 0; ch < channels; ch++) {
    let row = 0
    for (const [s, count] of segments.entries()) {
      const v = Array.from({ length: taps - 1 }, (_, i) => before[(s * (taps - 1) + i) * channels + ch])
      for (let t = 0; t < count; t++, row++) {
        const part = (block: number) => inputs[(row * 3 + block) * channels + ch]
        v.push(part(0) * part(2))
        let y = hasBias ? bias[ch] : 0
        for (let j = 0; j < taps; j++) y += weights[j * channels + ch] * v[t + j]
        output[row * stride + ch] = part(1) * y
      }
      for (let i = 0; i < taps - 1; i++) states[(s * (taps - 1) + i) * stride + ch] = v[count + i]
    }
  }
  return { output, states }
}

function check(c: Case): void {
  const [expected, inPlace] = [false, true].map((inPlace) => {
    return sameOnTiers((bank) => prepare(bank, c, { inPlace }), [1, 2, 5, 64], c.channels)
  })
  assert.equal(inPlace, expected)
  const { output, states } = reference(c)
  isNear(expected.output, output, 2e-5, 'output')
  isNear(expected.states, states, 2e-6, 'states')
  const inputs = inputsOf(c)
  for (const [i, v] of expected.kept.entries()) {
    const at = Math.floor(i / c.channels) * 3 * c.channels + (i % c.channels)
    assert.is(v, Math.fround(inputs[at] * inputs[at + 2 * c.channels]), `v of channel ${i}`)
  }
}

test('any taps, also for texts of fewer tokens', () => {
  for (const taps of [1, 2, 3, 4, 5, 8]) {
    check({ channels: 64, taps, segments: [9] })
    check({ channels: 64, taps, segments: [9], hasBias: false })
    check({ channels: 40, taps, segments: [1] })
    check({ channels: 40, taps, segments: [2, 1, 1, 3] })
  }
})

test('any channels and sequences', () => {
  for (const channels of [1, 3, 31, 32, 33, 70, 100, 256]) {
    check({ channels, taps: 3, segments: [6, 1] })
    check({ channels, taps: 4, segments: [1, 5], hasBias: false, hasRecords: false })
  }
  check({ channels: 96, taps: 3, segments: [1, 40, 1, 1, 7, 2, 1, 90] })
})

for (const taps of [3, 4]) {
  test(`a text gives the same bits however it is split, with ${taps} taps`, () => {
    const c = { channels: 70, taps, segments: [23] }
    const stride = padded(c.channels)
    for (const tier of TIERS) {
      const bank = bankOf(tier)
      const whole = prepare(bank, c)(1)
      const inputs = paddedRows(inputsOf(c), c.channels)
      const weights = place(bank, paddedRows(weightsOf(c), c.channels))
      const bias = place(bank, paddedRows(biasOf(c), c.channels))
      const state = place(bank, paddedRows(statesOf(c), c.channels))
      const table = allocateSegments(bank, 1)
      let first = 0
      for (const count of [1, 1, 2, 5, 1, 13]) {
        const input = new Rows(bank, place(bank, inputs.slice(first * 3 * stride)), count, 3 * stride, 3 * stride)
        const output = emptyRows(bank, count, c.channels)
        writeSegment(bank, table, 0, { first: 0, count, before: state, after: state })
        new ShortConvolution(bank, { form: 'gated', input, output, taps }, 2).run(table, 1, count, weights, bias)
        sameBits(floatsOf(output), whole.output.subarray(first * stride, (first + count) * stride), `from ${first}`)
        first += count
      }
      sameBits(floatsAt(bank, state, whole.states.length), whole.states, 'the last state')
    }
  })
}

test("without gates the rows are the filter's input, and the outputs may pass through silu", () => {
  const [channels, taps, tokens] = [33, 3, 6]
  const c = { channels, taps, segments: [tokens] }
  const values = inputsOf(c).subarray(0, tokens * channels)
  const [weights, old] = [weightsOf(c), statesOf(c)]
  const before = paddedRows(old, channels)
  for (const form of ['plain', 'silu'] as const) {
    const { output } = sameOnTiers(
      (bank) => (threads) => {
        const input = placeRows(bank, values, channels)
        const output = emptyRows(bank, tokens, channels)
        const [state, table] = [place(bank, before), allocateSegments(bank, 1)]
        writeSegment(bank, table, 0, { first: 0, count: tokens, before: state, after: state })
        const convolution = new ShortConvolution(bank, { form, input, output, taps }, threads)
        convolution.run(table, 1, tokens, place(bank, paddedRows(weights, channels)))
        return { output: floatsOf(output), records: recordsOf(output) }
      },
      [1, 2],
      channels,
    )
    const expected = new Float64Array(output.length)
    for (let i = 0; i < values.length; i++) {
      const [t, ch] = [Math.floor(i / channels), i % channels]
      let y = 0
      for (let j = 0; j < taps; j++) {
        const at = (t + j - taps + 1) * channels + ch
        y += weights[j * channels + ch] * (at < 0 ? old[(t + j) * channels + ch] : values[at])
      }
      expected[t * padded(channels) + ch] = form === 'silu' ? y / (1 + Math.exp(-y)) : y
    }
    isNear(output, expected, 1e-5, form)
  }
})

test('parts of an output row have records of their own', () => {
  const [parts, columns, taps, tokens] = [3, 64, 2, 5]
  const channels = parts * columns
  const values = normalFloats(tokens * channels, 75)
  sameOnTiers(
    (bank) => (threads) => {
      const input = placeRows(bank, values, channels)
      const heads = Rows.allocate(bank, tokens * parts, columns, { records: true })
      const output = new Rows(bank, heads.address, tokens, channels, channels)
      const [state, table] = [place(bank, statesOf({ channels, taps, segments: [1] })), allocateSegments(bank, 1)]
      writeSegment(bank, table, 0, { first: 0, count: tokens, before: state, after: state })
      const shape = { form: 'plain', input, output, parts: heads, taps } as const
      const weights = place(bank, weightsOf({ channels, taps, segments: [1] }))
      new ShortConvolution(bank, shape, threads).run(table, 1, tokens, weights)
      return { output: floatsOf(heads), records: recordsOf(heads) }
    },
    [1, 3],
    columns,
  )
})

test('more taps than the kernel has are refused', () => {
  const bank = bankOf('scalar')
  const shape = { form: 'gated' as const, input: Rows.allocate(bank, 1, 96), output: Rows.allocate(bank, 1, 32) }
  for (const taps of [0, 9]) assert.throws(() => new ShortConvolution(bank, { ...shape, taps }, 1), RangeError)
})

for (const threads of [2, 3]) {
  test(`${threads} threads give the same bits as one, job after job`, async () => {
    for (const tier of ['relaxed', 'plain'] as const) {
      const bank = bankOf(tier)
      const runs = [
        prepare(bank, { channels: 512, taps: 3, segments: [30, 1, 4] }),
        prepare(bank, { channels: 300, taps: 4, segments: [64] }),
      ]
      await sameWithHelpers(bank, runs, threads, { rounds: 30, ms: 200 })
    }
  })
}

test.run()
