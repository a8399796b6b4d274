import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { formatsFor } from '#molm/model/packing/format/formats.js'
import { planLayout } from '#molm/model/packing/format/layout.js'
import {
  alternate,
  changed,
  either,
  expertOf,
  expertVector,
  matrix,
  type PlannedPiece,
  part,
  regrouped,
  tapOf,
  transposedExpert,
  vector,
  whole,
} from '#molm/model/packing/format/pieces.js'
import { packParts } from '#molm/model/packing/write/pack.js'
import { bytesTensor, memoryTensor } from '../../support/memory-files.js'
import { referencePack } from '../../support/reference-pack.js'
import { unpackF32 } from '../../support/unpack-tiles.js'

const COLUMNS = 40

/** A tensor whose row r holds 1000 * name + r. */
function rowsNamed(name: number, rows: number) {
  const values = Float32Array.from({ length: rows * COLUMNS }, (_, i) => 1000 * name + Math.floor(i / COLUMNS))
  return memoryTensor(String(name), [rows, COLUMNS], values)
}

/** Tensor and row in each row of a packed piece; 0 is padding. */
async function packedRows(piece: PlannedPiece, tensors: ReturnType<typeof rowsNamed>[]): Promise<number[]> {
  const layout = planLayout({ parts: () => [part('only', [piece])] }, formatsFor('f32'))
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]))
  for await (const { bytes } of packParts(layout, byName, referencePack)) {
    const floats = unpackF32(bytes.subarray(0, piece.bytes), piece.kind, piece.rows, piece.cols)
    const step = piece.kind === 'vector' ? 1 : COLUMNS
    return Array.from({ length: floats.length / step }, (_, row) => floats[row * step])
  }
  throw new Error('nothing was packed')
}

test('stacked sources follow each other, each padded to 32 rows', async () => {
  const tensors = [rowsNamed(1, 40), rowsNamed(2, 3)]
  const piece = matrix('m', 'f32', [whole('1', [40, COLUMNS]), whole('2', [3, COLUMNS])])
  assert.is(piece.rows, 96)
  const rows = await packedRows(piece, tensors)
  assert.equal([rows[0], rows[39], rows[40], rows[63]], [1000, 1039, 0, 0])
  assert.equal([rows[64], rows[66], rows[67]], [2000, 2002, 0])
})

test('interleaved sources take turns after 32 rows each', async () => {
  const tensors = [rowsNamed(1, 40), rowsNamed(2, 40)]
  const piece = matrix('m', 'f32', [whole('1', [40, COLUMNS]), whole('2', [40, COLUMNS])], 'interleaved')
  assert.is(piece.rows, 128)
  const rows = await packedRows(piece, tensors)
  assert.equal([rows[0], rows[31], rows[32], rows[63]], [1000, 1031, 2000, 2031])
  assert.equal([rows[64], rows[71], rows[72], rows[96], rows[103], rows[104]], [1032, 1039, 0, 2032, 2039, 0])
})

test('a vector of several sources pads each to 32 entries', async () => {
  const values = (name: number, n: number) => Float32Array.from({ length: n }, (_, i) => 1000 * name + i)
  const tensors = [memoryTensor('1', [5], values(1, 5)), memoryTensor('2', [33], values(2, 33))]
  const piece = vector('v', [whole('1', [5]), whole('2', [33])])
  assert.is(piece.cols, 96)
  const entries = await packedRows(piece, tensors)
  assert.equal(
    [entries[0], entries[4], entries[5], entries[32], entries[64], entries[65]],
    [1000, 1004, 0, 2000, 2032, 0],
  )
})

test('the taps of a convolution are vectors of one channel after the other, tap by tap', async () => {
  const filters = Float32Array.from({ length: 40 * 3 }, (_, i) => 100 * Math.floor(i / 3) + (i % 3) + 1)
  const taps = [0, 1, 2].map((tap) => tapOf('w', [40, 1, 3], tap))
  const entries = await packedRows(vector('taps', taps), [memoryTensor('w', [40, 1, 3], filters)])
  for (const tap of [0, 1, 2]) {
    for (const channel of [0, 1, 31, 32, 39]) assert.is(entries[tap * 64 + channel], 100 * channel + tap + 1)
    assert.is(entries[tap * 64 + 40], 0)
  }
})

test('interleaved vectors have the order of the rows of interleaved matrices', async () => {
  const values = (name: number) => Float32Array.from({ length: 40 }, (_, i) => 1000 * name + i)
  const tensors = [memoryTensor('1', [40], values(1)), memoryTensor('2', [40], values(2))]
  const piece = vector('v', [whole('1', [40]), whole('2', [40])], 'interleaved')
  assert.is(piece.cols, 128)
  const entries = await packedRows(piece, tensors)
  assert.equal([entries[0], entries[31], entries[32], entries[63]], [1000, 1031, 2000, 2031])
  assert.equal([entries[64], entries[71], entries[72], entries[96], entries[103]], [1032, 1039, 0, 2032, 2039])
  assert.is(entries[104], 0)
})

test('every second entry of a vector', async () => {
  const values = memoryTensor(
    'v',
    [9],
    Float32Array.from({ length: 9 }, (_, i) => i + 1),
  )
  assert.is(alternate(whole('v', [9]), 0).cols, 5)
  assert.equal((await packedRows(vector('v', alternate(whole('v', [9]), 0)), [values])).slice(0, 5), [1, 3, 5, 7, 9])
})

test('gate and up rows that take turns in the experts of one tensor', async () => {
  const [E, d, f] = [3, COLUMNS, 35]
  // Each weight is the number of its expert and row.
  const of = (expert: number, row: number) => 1000 * expert + row + 1
  const outFirst = Float32Array.from({ length: E * 2 * f * d }, (_, i) => {
    return of(Math.floor(i / (2 * f * d)), Math.floor(i / d) % (2 * f))
  })
  const inFirst = Float32Array.from({ length: E * d * 2 * f }, (_, i) => of(Math.floor(i / (2 * f * d)), i % (2 * f)))
  const biases = Float32Array.from({ length: E * 2 * f }, (_, i) => of(Math.floor(i / (2 * f)), i % (2 * f)))
  const tensors = [
    memoryTensor('out', [E, 2 * f, d], outFirst),
    memoryTensor('in', [E, d, 2 * f], inFirst),
    memoryTensor('bias', [E, 2 * f], biases),
  ]
  const expected = Array.from({ length: 128 }, (_, at) => {
    const channel = Math.floor(at / 64) * 32 + (at % 32)
    return channel < f ? of(2, 2 * channel + (Math.floor(at / 32) % 2)) : 0
  })
  const out = matrix('m', 'f32', expertOf('out', [E, 2 * f, d], 2), 'alternating')
  assert.equal(await packedRows(out, tensors), expected)
  const transposed = matrix('m', 'f32', transposedExpert('in', [E, d, 2 * f], 2), 'alternating')
  assert.equal(await packedRows(transposed, tensors), expected)
  const ofExpert = expertVector('bias', [E, 2 * f], 2)
  const bias = vector('b', [alternate(ofExpert, 0), alternate(ofExpert, 1)], 'interleaved')
  assert.equal(await packedRows(bias, tensors), expected)
})

test('rows of blocks are regrouped, and a vector has the same order', async () => {
  // Blocks of 7 rows: 2, 3, 2.
  const ranges = [[0, 2] as const, [5, 2] as const]
  const rows = await packedRows(matrix('m', 'f32', regrouped(whole('1', [21, COLUMNS]), 7, ranges)), [rowsNamed(1, 21)])
  const expected = [0, 1, 7, 8, 14, 15, 5, 6, 12, 13, 19, 20].map((row) => 1000 + row)
  assert.equal(rows.slice(0, 12), expected)
  const entries = memoryTensor(
    '2',
    [21],
    Float32Array.from({ length: 21 }, (_, i) => 1000 + i),
  )
  assert.equal(
    (await packedRows(vector('v', regrouped(whole('2', [21]), 7, ranges)), [entries])).slice(0, 12),
    expected,
  )
  const { arrange } = regrouped(whole('1', [21, COLUMNS]), 7, ranges)
  assert.throws(() => arrange?.({ ...rowsNamed(1, 21), strides: [1, 21] }), /is not stored row after row/)
})

test('rows of blocks are planned without a list of them, so that absurd sizes cost nothing', () => {
  assert.is(regrouped(whole('1', [2 ** 40, 1]), 2 ** 30, [[0, 2 ** 29]]).rows, 2 ** 39)
})

test('numbers of a vector are changed, whatever its type is', async () => {
  const numbers = [0, 1.5, -2, 2 ** -24, 65504, Number.POSITIVE_INFINITY]
  const stored = {
    F64: new Float64Array(numbers),
    F32: new Float32Array(numbers),
    F16: Uint16Array.of(0, 0x3e00, 0xc000, 1, 0x7bff, 0x7c00),
    BF16: Uint16Array.from(new Uint32Array(new Float32Array(numbers).buffer), (word) => word >>> 16),
  }
  for (const [dtype, { buffer }] of Object.entries(stored)) {
    const tensor = bytesTensor('v', dtype as keyof typeof stored, [6], new Uint8Array(buffer))
    const found = changed(whole('v', [6]), (x) => 1 + 2 * x).view(new Map([['v', tensor]]))
    const wanted = numbers.map((x) => Math.fround(1 + 2 * (dtype === 'BF16' && x === 65504 ? 65280 : x)))
    const bytes = await found.source.read(0, 24)
    assert.equal([...new Float32Array(bytes.buffer)], wanted, dtype)
    assert.equal(await found.source.read(6, 9), bytes.slice(6, 15), dtype)
  }
})

test('a checkpoint without a tensor may have another one instead', async () => {
  const piece = matrix('m', 'f32', either(whole('1', [3, COLUMNS]), whole('2', [3, COLUMNS])))
  assert.is((await packedRows(piece, [rowsNamed(1, 3), rowsNamed(2, 3)]))[0], 1000)
  assert.is((await packedRows(piece, [rowsNamed(2, 3)]))[0], 2000)
})

test.run()
