import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  readSpan,
  rows,
  select,
  shapeText,
  span,
  type Tensor,
  tensorIn,
  transpose,
} from '#molm/model/checkpoint/tensor.js'
import { bytesSource } from '../../support/memory-files.js'
import { readFloats } from '../../support/read-floats.js'
import { rejectsWithUserError } from '../../support/rejects.js'

const COUNTING = Float32Array.from({ length: 24 }, (_, i) => i)

/** A view of a storage that counts 0, 1, ... 23. */
function view(shape: number[], strides: number[], first = 0): Tensor {
  const source = bytesSource(new Uint8Array(COUNTING.buffer), 'storage.bin')
  return tensorIn({ source, offset: 0, bytes: 96 }, { name: 'w', dtype: 'F32', shape, strides, first })
}

const floatsOf = async (t: Tensor) => [...(await readFloats(t))]

test('views are read in logical order', async () => {
  assert.equal(await floatsOf(view([2, 3], [3, 1], 6)), [6, 7, 8, 9, 10, 11])
  assert.equal(await floatsOf(view([3, 2], [1, 3])), [0, 3, 1, 4, 2, 5], 'transposed')
  assert.equal(await floatsOf(view([2, 2], [12, 3], 1)), [1, 4, 13, 16], 'with gaps')
  assert.equal(await floatsOf(view([2, 3], [0, 1], 4)), [4, 5, 6, 4, 5, 6], 'expanded along the first dimension')
  assert.equal(await floatsOf(view([3, 2], [6, 0])), [0, 0, 6, 6, 12, 12], 'expanded along the last dimension')
  assert.equal(await floatsOf(view([2, 2, 2], [1, 12, 6])), [0, 6, 12, 18, 1, 7, 13, 19], 'permuted')
  assert.equal(await floatsOf(view([], [], 23)), [23], 'a scalar')
  assert.equal(await floatsOf(view([0, 5], [5, 1])), [], 'empty')
})

test('select, rows and transpose make views of views', async () => {
  const t = view([2, 3, 4], [12, 4, 1])
  assert.equal(await floatsOf(select(t, 0, 1)), [12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23])
  assert.equal(await floatsOf(select(t, 1, 2)), [8, 9, 10, 11, 20, 21, 22, 23])
  assert.equal(await floatsOf(rows(select(t, 2, 3), 1, 2)), [15, 19, 23])
  assert.equal(await floatsOf(transpose(select(t, 0, 0))), [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11])
  assert.equal(await floatsOf(rows(t, 2, 2)), [])
  assert.equal(t.shape, [2, 3, 4], 'the tensor itself does not change')
})

test('select, rows and transpose refuse parts that do not exist', () => {
  const t = view([2, 3, 4], [12, 4, 1])
  assert.throws(() => select(t, 0, 2), RangeError)
  assert.throws(() => select(t, 3, 0), RangeError)
  assert.throws(() => rows(t, 0, 3), RangeError)
  assert.throws(() => transpose(t), RangeError)
})

test('a span covers every element and nothing more', async () => {
  assert.equal(span(view([2, 2], [12, 3], 1)), { start: 4, end: 4 + 4 * 16 })
  assert.equal(span(view([3, 2], [1, 3])), { start: 0, end: 24 })
  assert.equal(span(view([4, 4], [0, 0], 2)), { start: 8, end: 12 })
  assert.equal(span(view([0], [1])), { start: 0, end: 0 })
  assert.equal(new Float32Array((await readSpan(view([2], [2], 1))).buffer), Float32Array.of(1, 2, 3))
})

test('a view that would leave its storage is refused by name', async () => {
  const outside: [number[], number[], number][] = [
    [[25], [1], 0],
    [[24], [1], 1],
    [[2], [24], 0],
    [[1], [1], 24],
    [[], [], 24],
    [[2, 2], [22, 2], 0],
    [[2], [2 ** 52], 0],
    [[2 ** 30, 2 ** 30], [2 ** 30, 1], 0],
  ]
  for (const [shape, strides, first] of outside) {
    await rejectsWithUserError(() => view(shape, strides, first), /storage\.bin: tensor w (reaches|has the impossible)/)
  }
})

test('negative, fractional and mismatched shapes and strides are refused', async () => {
  const impossible: [number[], number[], number][] = [
    [[-1], [1], 0],
    [[2], [-1], 2],
    [[1.5], [1], 0],
    [[1], [1], -1],
    [[2, 2], [1], 0],
    [[Number.NaN], [1], 0],
    [new Array(65).fill(1), new Array(65).fill(1), 0],
  ]
  for (const [shape, strides, first] of impossible) {
    await rejectsWithUserError(() => view(shape, strides, first), /storage\.bin: tensor w has/)
  }
})

test('a message shows the first sizes of a shape with many dimensions', () => {
  assert.is(shapeText([2, 3]), '[2, 3]')
  assert.is(shapeText([]), '[]')
  const text = shapeText(Array.from({ length: 60 }, () => 1e15))
  assert.match(text, /^\[10+(, 10+){5}, \.\.\. 60 dimensions\]$/)
  assert.ok(text.length < 160)
})

test.run()
