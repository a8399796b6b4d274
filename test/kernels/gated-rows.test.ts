import { suite } from 'uvu'
import { GatedRows } from '#molm/kernels/calls/gated-rows.js'
import type { Bank } from '#molm/kernels/memory/bank.js'
import { isNear } from '../support/compare.js'
import { floatsOf, type Outcome, place, placeRows, recordsOf, sameOnTiers } from '../support/kernel-bench.js'
import { normalFloats } from '../support/random.js'
import { rmsNorm } from '../support/reference-math.js'

const test = suite('norm and gate of rows')

interface Case {
  columns: number
  tokens: number
  kind: 'sigmoid' | 'silu' | 'plain' | 'none'
  /** Columns of a plain gate. */
  perGate?: number
  span?: number
  /** Whether spans have different weights. */
  apart?: boolean
  gatesFirst?: boolean
}

const EPSILON = 1e-5

const rowsOf = ({ tokens, columns }: Case): Float32Array => normalFloats(tokens * columns, 81, 2)
const gatesOf = ({ tokens, columns, perGate = 1 }: Case): Float32Array =>
  normalFloats((tokens * columns) / perGate, 82, 3)
const weightOf = ({ columns, span = 0, apart }: Case): Float32Array => normalFloats(apart ? columns : span, 83)

function prepare(bank: Bank, c: Case): (threads: number) => Outcome {
  const { columns, tokens, kind, perGate = 1, span, apart, gatesFirst } = c
  return (threads) => {
    const rows = placeRows(bank, rowsOf(c), columns, { records: true })
    const gates = kind === 'none' ? {} : { kind, perGate, gates: placeRows(bank, gatesOf(c), columns / perGate) }
    const norm = span ? { span, epsilon: EPSILON, apart } : undefined
    const weight = span ? place(bank, weightOf(c)) : 0
    new GatedRows(bank, { rows, ...gates, norm, gatesFirst }, threads).run(tokens, weight)
    return { output: floatsOf(rows), records: recordsOf(rows) }
  }
}

/** One row in double precision. */
function reference(row: Float32Array, gates: Float32Array, c: Case): Float64Array {
  const { kind, perGate = 1, span, apart, gatesFirst } = c
  const factors = Float64Array.from(row, (_, i) => {
    const z = gates[Math.floor(i / perGate)]
    if (kind === 'plain') return z
    return kind === 'none' ? 1 : (kind === 'silu' ? z : 1) / (1 + Math.exp(-z))
  })
  const x = Float64Array.from(row)
  const gate = () => x.set(x.map((value, i) => value * factors[i]))
  if (gatesFirst) gate()
  for (let at = 0; span && at < x.length; at += span)
    x.set(rmsNorm(x.subarray(at, at + span), weightOf(c).subarray(apart ? at : 0), EPSILON), at)
  if (!gatesFirst) gate()
  return x
}

function check(c: Case): void {
  const { output } = sameOnTiers((bank) => prepare(bank, c), [1, 2, 8], c.columns)
  const stride = output.length / c.tokens
  for (let t = 0; t < c.tokens; t++) {
    const part = (values: Float32Array, of = c.columns) => values.subarray(t * of, (t + 1) * of)
    const expected = new Float64Array(stride)
    expected.set(reference(part(rowsOf(c)), part(gatesOf(c), c.columns / (c.perGate ?? 1)), c))
    isNear(output.subarray(t * stride, (t + 1) * stride), expected, 1e-5, `row ${t}`)
  }
}

test('plain gates, one for each column or for several', () => {
  for (const [columns, perGate] of [
    [1, 1],
    [33, 1],
    [30, 6],
    [256, 64],
  ]) {
    check({ columns, perGate, tokens: 5, kind: 'plain' })
  }
})

for (const kind of ['sigmoid', 'silu'] as const) {
  test(`${kind} gates of any width, without a norm`, () => {
    for (const columns of [1, 6, 32, 33, 128]) check({ columns, tokens: 5, kind })
  })

  test(`${kind} gates before and after the norm of heads or of the whole row`, () => {
    for (const [columns, span] of [
      [24, 6],
      [96, 96],
      [12, 3],
      [70, 70],
      [256, 128],
    ]) {
      for (const gatesFirst of [false, true]) {
        for (const apart of [false, true]) check({ columns, span, apart, gatesFirst, tokens: 19, kind })
      }
    }
  })
}

test('rows without a gate, whose records alone are written, or their norm, too', () => {
  for (const columns of [6, 32, 70]) check({ columns, tokens: 5, kind: 'none' })
  check({ columns: 24, span: 6, tokens: 5, kind: 'none' })
})

test.run()
