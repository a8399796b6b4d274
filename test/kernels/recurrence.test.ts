import { suite } from 'uvu'
import { Recurrence, recurrenceStateFloats } from '#molm/kernels/calls/recurrence.js'
import { allocateSegments, writeSegment } from '#molm/kernels/calls/state-segments.js'
import type { Bank } from '#molm/kernels/memory/bank.js'
import { Rows } from '#molm/kernels/memory/rows.js'
import { isNear, sameBits } from '../support/compare.js'
import { bankOf, clearRows, floatsAt, floatsOf, place, placeRows, TIERS } from '../support/kernel-bench.js'
import { normalFloats } from '../support/random.js'

const test = suite('recurrence of heads')

interface Case {
  keyHeads: number
  heads: number
  keySize: number
  valueSize: number
  isDelta: boolean
  /** Whether each row of a state has its own decay. */
  isByRow?: boolean
  isTiled?: boolean
  hasSkips?: boolean
  /** Number of new tokens of each sequence. */
  segments: number[]
}

/** Bytes of another state before the heads. */
const OFFSET = 128
const BLOCK = 16

const tokensOf = ({ segments }: Case): number => segments.reduce((a, b) => a + b, 0)
const widthOf = ({ keyHeads, keySize, heads, valueSize }: Case): number => 2 * keyHeads * keySize + heads * valueSize
/** Queries, keys and values [T, ..]; small, so that the delta rule does not grow. */
const inputsOf = (c: Case): Float32Array => normalFloats(tokensOf(c) * widthOf(c), 91, 1 / Math.sqrt(c.keySize))
const decayWidth = ({ heads, keySize, isByRow }: Case): number => (isByRow ? heads * keySize : heads)
const decaysOf = (c: Case): Float32Array =>
  normalFloats(tokensOf(c) * decayWidth(c), 92).map((x) => 1 / (1 + Math.exp(-x)))
const gainsOf = (c: Case): Float32Array => normalFloats(tokensOf(c) * c.heads, 93).map((x) => 1 / (1 + Math.exp(-x)))
const skipsOf = ({ heads }: Case): Float32Array => normalFloats(heads, 94)
/** [segments, heads, keySize, valueSize] */
const statesOf = ({ segments, heads, keySize, valueSize }: Case): Float32Array =>
  normalFloats(segments.length * heads * keySize * valueSize, 95)

/** Entry of a sequence's padded state, by the numbers of head, row and column. */
function placeInState({ keySize, valueSize }: Case, head: number, row: number, column: number): number {
  const blocks = Math.ceil(valueSize / BLOCK)
  const block = head * blocks + Math.floor(column / BLOCK)
  return (block * keySize + row) * BLOCK + (column % BLOCK)
}

function eachEntry(c: Case, use: (head: number, row: number, column: number, index: number) => void): void {
  const { heads, keySize, valueSize } = c
  let index = 0
  for (let h = 0; h < heads; h++) {
    for (let i = 0; i < keySize; i++) for (let j = 0; j < valueSize; j++) use(h, i, j, index++)
  }
}

interface Result {
  output: Float32Array
  states: Float32Array
}

/** Runs a case in a bank; `lengths` are the sequences' pieces, which are run one after the other. */
function run(bank: Bank, c: Case, threads: number, pieces: number[][] = [c.segments], inPlace = false): Result {
  const { keyHeads, heads, keySize, valueSize, isDelta, isByRow, isTiled, hasSkips } = c
  const T = tokensOf(c)
  const all = placeRows(bank, inputsOf(c), widthOf(c))
  const columnsOf = (first: number, columns: number) => new Rows(bank, all.address + first * 4, T, columns, all.stride)
  const keys = keyHeads * keySize
  const [decays, gains] = [placeRows(bank, decaysOf(c), decayWidth(c)), placeRows(bank, gainsOf(c), heads)]
  const output = clearRows(Rows.allocate(bank, T, heads * valueSize))
  const size = recurrenceStateFloats(heads, keySize, valueSize)
  const padded = new Float32Array(c.segments.length * size)
  const old = statesOf(c)
  for (const s of c.segments.keys()) {
    const from = s * heads * keySize * valueSize
    eachEntry(c, (h, i, j, index) => {
      padded[s * size + placeInState(c, h, i, j)] = old[from + index]
    })
  }
  const before = place(bank, padded)
  const after = inPlace ? before : place(bank, new Float32Array(padded.length).fill(5))
  const recurrence = new Recurrence(
    bank,
    {
      ...{ keyHeads, heads, keySize, valueSize, isDelta, isByRow, isTiled, decays, gains, output, stateOffset: OFFSET },
      ...{ queries: columnsOf(0, keys), keys: columnsOf(keys, keys), values: columnsOf(2 * keys, heads * valueSize) },
    },
    threads,
  )
  const table = allocateSegments(bank, c.segments.length)
  const skips = hasSkips ? place(bank, skipsOf(c)) : 0
  const done = c.segments.map(() => 0)
  for (const counts of pieces) {
    const started = counts.map((count, s) => ({ count, s })).filter(({ count }) => count > 0)
    for (const [i, { count, s }] of started.entries()) {
      const first = c.segments.slice(0, s).reduce((a, b) => a + b, 0) + done[s]
      const at = (states: number) => states + s * size * 4 - OFFSET
      writeSegment(bank, table, i, { first, count, before: at(done[s] === 0 ? before : after), after: at(after) })
      done[s] += count
    }
    recurrence.run(table, started.length, T, skips)
  }
  return { output: floatsOf(output), states: floatsAt(bank, after, padded.length) }
}

/** Outputs [T, heads, valueSize] and states in double precision, by the formulas as the papers have them. */
function reference(c: Case): { output: Float64Array; states: Float64Array } {
  const { keyHeads, heads, keySize, valueSize, isDelta, isByRow, isTiled, hasSkips, segments } = c
  const [inputs, decays, gains, skips] = [inputsOf(c), decaysOf(c), gainsOf(c), skipsOf(c)]
  const states = Float64Array.from(statesOf(c))
  const output = new Float64Array(tokensOf(c) * heads * valueSize)
  let t = 0
  for (const [s, count] of segments.entries()) {
    for (const end = t + count; t < end; t++) {
      for (let h = 0; h < heads; h++) {
        const key = (isTiled ? h % keyHeads : Math.floor((h * keyHeads) / heads)) * keySize
        const at = (first: number, i: number) => inputs[t * widthOf(c) + first + i]
        const S = states.subarray((s * heads + h) * keySize * valueSize, (s * heads + h + 1) * keySize * valueSize)
        const g = gains[t * heads + h]
        const decay = (i: number) => decays[t * decayWidth(c) + (isByRow ? h * keySize + i : h)]
        for (let j = 0; j < valueSize; j++) {
          const v = at(2 * keyHeads * keySize + h * valueSize, j)
          let known = 0
          for (let i = 0; i < keySize; i++) {
            S[i * valueSize + j] *= decay(i)
            known += S[i * valueSize + j] * at(keyHeads * keySize + key, i)
          }
          const e = g * (isDelta ? v - known : v)
          let o = hasSkips ? skips[h] * v : 0
          for (let i = 0; i < keySize; i++) {
            S[i * valueSize + j] += at(keyHeads * keySize + key, i) * e
            o += S[i * valueSize + j] * at(key, i)
          }
          output[(t * heads + h) * valueSize + j] = o
        }
      }
    }
  }
  return { output, states }
}

function check(c: Case): void {
  const { heads, keySize, valueSize } = c
  const expected = run(bankOf('scalar'), c, 1)
  const { output, states } = reference(c)
  const width = heads * valueSize
  const stride = expected.output.length / tokensOf(c)
  for (let t = 0; t < tokensOf(c); t++) {
    const wanted = new Float64Array(stride)
    wanted.set(output.subarray(t * width, (t + 1) * width))
    isNear(expected.output.subarray(t * stride, (t + 1) * stride), wanted, 1e-5, `token ${t}`)
  }
  const size = recurrenceStateFloats(heads, keySize, valueSize)
  const wanted = new Float64Array(expected.states.length)
  for (const s of c.segments.keys()) {
    eachEntry(c, (h, i, j, index) => {
      wanted[s * size + placeInState(c, h, i, j)] = states[s * heads * keySize * valueSize + index]
    })
  }
  isNear(expected.states, wanted, 1e-5, 'states, padded with zeros')
  for (const tier of TIERS) {
    for (const threads of [1, 2, 8]) {
      const found = run(bankOf(tier), c, threads, [c.segments], threads === 2)
      sameBits(found.output, expected.output, `${tier}, for ${threads} threads`)
      sameBits(found.states, expected.states, `${tier}, for ${threads} threads: states`)
    }
  }
}

for (const [rule, form] of [
  ['the delta rule', { isDelta: true }],
  ['the delta rule with a decay for each row', { isDelta: true, isByRow: true }],
  ['a plain sum', { isDelta: false }],
] as const) {
  test(`heads of any size by ${rule}`, () => {
    for (const [keySize, valueSize] of [
      [1, 1],
      [6, 5],
      [16, 16],
      [20, 17],
      [9, 40],
      [128, 64],
    ]) {
      check({ keyHeads: 2, heads: 4, keySize, valueSize, ...form, segments: [7] })
      check({ keyHeads: 2, heads: 6, keySize, valueSize, ...form, isTiled: true, segments: [3] })
      check({ keyHeads: 3, heads: 3, keySize, valueSize, ...form, hasSkips: true, segments: [1, 4, 1] })
    }
  })

  test(`a text gives the same bits however it is split, by ${rule}`, () => {
    const c = { keyHeads: 1, heads: 3, keySize: 12, valueSize: 20, ...form, hasSkips: true, segments: [9, 4] }
    for (const tier of TIERS) {
      const whole = run(bankOf(tier), c, 1)
      const pieces = run(bankOf(tier), c, 2, [
        [1, 0],
        [3, 1],
        [0, 2],
        [5, 1],
      ])
      sameBits(pieces.output, whole.output, tier)
      sameBits(pieces.states, whole.states, `${tier}: states`)
    }
  })
}

test.run()
