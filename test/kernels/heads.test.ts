import { suite } from 'uvu'
import { HeadTransform } from '#molm/kernels/calls/head-transform.js'
import type { Bank } from '#molm/kernels/memory/bank.js'
import { Rows } from '#molm/kernels/memory/rows.js'
import { isNear, sameBits } from '../support/compare.js'
import { bankOf, floatsOf, place, placeRows, TIERS } from '../support/kernel-bench.js'
import { normalFloats } from '../support/random.js'
import { rmsNorm } from '../support/reference-math.js'

const test = suite('norm, clamp and rotation of heads')

interface Case {
  heads: number
  headSize: number
  tokens: number
  perToken?: number
  norm?: 'row' | 'head'
  clip?: number
  isRotated?: boolean
  /** Channels of a head that turn, the first ones. Default: all. */
  turned?: number
  /** Channels that turn together. Default: halves. */
  pairs?: 'halves' | 'neighbours'
}

/** Number of floats of other rows on both sides of each row. */
const MARGIN = 8
const EPSILON = 1e-5

const rowsOf = ({ heads, headSize, tokens, perToken = 1 }: Case): Float32Array =>
  normalFloats(tokens * perToken * heads * headSize, 61, 2)
const weightOf = ({ heads, headSize, norm }: Case): Float32Array =>
  normalFloats(norm === 'row' ? heads * headSize : headSize, 62)
const turnedOf = ({ headSize, turned = headSize }: Case): number => turned
const anglesOf = (c: Case): Float32Array => normalFloats(c.tokens * (turnedOf(c) / 2), 63, 3)

/** Output with margins. */
function run(bank: Bank, c: Case, threads: number): Float32Array {
  const { heads, headSize, tokens, perToken = 1, norm, clip, isRotated, pairs } = c
  const columns = heads * headSize
  const all = Rows.allocate(bank, tokens * perToken, columns + 2 * MARGIN)
  bank.f32.fill(7, all.address / 4, all.address / 4 + all.count * all.stride)
  const rows = new Rows(bank, all.address + MARGIN * 4, all.count, columns, all.stride)
  const values = rowsOf(c)
  for (let r = 0; r < rows.count; r++) rows.row(r).set(values.subarray(r * columns, (r + 1) * columns))
  const table = (of: (x: number) => number) => placeRows(bank, anglesOf(c).map(of), turnedOf(c) / 2)
  const rope = isRotated ? { cos: table(Math.cos), sin: table(Math.sin), pairs } : undefined
  const shape = { rows, headSize, perToken, norm: norm && { span: norm, epsilon: EPSILON }, clip, rope }
  new HeadTransform(bank, shape, threads).run(tokens, norm ? place(bank, weightOf(c)) : 0)
  return floatsOf(all)
}

/** One row in double precision. */
function reference(row: Float32Array, token: number, c: Case): Float64Array {
  const { headSize, norm, clip, isRotated, pairs = 'halves' } = c
  const span = norm === 'row' ? row.length : headSize
  const x = Float64Array.from(row)
  for (let at = 0; norm && at < x.length; at += span)
    x.set(rmsNorm(x.subarray(at, at + span), weightOf(c), EPSILON), at)
  if (clip) for (const [i, value] of x.entries()) x[i] = Math.min(clip, Math.max(-clip, value))
  if (!isRotated) return x
  const half = turnedOf(c) / 2
  const angles = anglesOf(c)
  return x.map((value, i) => {
    const within = i % headSize
    if (within >= 2 * half) return value
    const areHalves = pairs === 'halves'
    const angle = angles[token * half + (areHalves ? within % half : within >> 1)]
    const isFirst = areHalves ? within < half : within % 2 === 0
    const apart = areHalves ? half : 1
    return isFirst
      ? value * Math.cos(angle) - x[i + apart] * Math.sin(angle)
      : value * Math.cos(angle) + x[i - apart] * Math.sin(angle)
  })
}

function check(c: Case): void {
  const { heads, headSize, perToken = 1 } = c
  const columns = heads * headSize
  const expected = run(bankOf('scalar'), c, 1)
  const values = rowsOf(c)
  const count = values.length / columns
  const stride = expected.length / count
  for (let r = 0; r < count; r++) {
    const row = values.subarray(r * columns, (r + 1) * columns)
    const found = expected.subarray(r * stride, (r + 1) * stride)
    isNear(found.subarray(MARGIN, MARGIN + columns), reference(row, Math.floor(r / perToken), c), 5e-6, `row ${r}`)
    isNear(found.subarray(0, MARGIN), new Float32Array(MARGIN).fill(7), 0, 'the margin before')
    isNear(found.subarray(MARGIN + columns), new Float32Array(stride - MARGIN - columns).fill(7), 0, 'the margin after')
  }
  for (const tier of TIERS) {
    for (const threads of [1, 2, 8])
      sameBits(run(bankOf(tier), c, threads), expected, `${tier}, for ${threads} threads`)
  }
}

const BASE: Case = { heads: 3, headSize: 16, tokens: 5 }

test('heads of any size, with each norm, clamped and rotated', () => {
  for (const headSize of [2, 4, 6, 10, 16, 24, 30, 64, 128]) {
    check({ ...BASE, headSize, isRotated: true })
    check({ ...BASE, headSize, isRotated: true, pairs: 'neighbours' })
    for (const norm of ['row', 'head'] as const) check({ ...BASE, headSize, norm })
    check({ ...BASE, headSize, clip: 0.7 })
    check({ ...BASE, headSize, norm: 'head', clip: 0.7, isRotated: true })
    check({ ...BASE, headSize, norm: 'row', clip: 0.7, isRotated: true })
  }
})

test('a part of each head turns, and the rest passes', () => {
  for (const [headSize, turned] of [
    [16, 4],
    [10, 6],
    [128, 64],
    [24, 2],
  ]) {
    check({ ...BASE, headSize, turned, norm: 'head', isRotated: true })
    check({ ...BASE, headSize, turned, isRotated: true, pairs: 'neighbours' })
  }
})

test('heads of an odd size, without rotation', () => {
  for (const headSize of [1, 3, 9]) {
    for (const norm of ['row', 'head'] as const) check({ ...BASE, headSize, norm, clip: 0.7 })
  }
})

test('several rows of one position, and many tokens', () => {
  for (const pairs of ['halves', 'neighbours'] as const) {
    check({ ...BASE, perToken: 3, norm: 'head', isRotated: true, pairs })
  }
  check({ ...BASE, tokens: 83, norm: 'row', isRotated: true })
})

test('without norm, clamp and rotation the rows are unchanged', () => {
  const c = { ...BASE, tokens: 1 }
  sameBits(run(bankOf('relaxed'), c, 1).slice(MARGIN, MARGIN + 48), rowsOf(c))
})

test.run()
