import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type BlockType, blockOf, bytesOf } from '#molm/model/checkpoint/dtype.js'
import { readSafetensors } from '#molm/model/checkpoint/safetensors.js'
import {
  contiguousStrides,
  elementCount,
  everySecond,
  joinLast,
  rows,
  select,
  span,
  type Tensor,
  tensorIn,
} from '#molm/model/checkpoint/tensor.js'
import { sameBits } from '../../support/compare.js'
import { bytesSource } from '../../support/memory-files.js'
import { BLOCK_TYPES, randomBlocks } from '../../support/random-blocks.js'
import { readFloats } from '../../support/read-floats.js'
import { rejectsWithUserError } from '../../support/rejects.js'
import { safetensors } from '../../support/safetensors-writer.js'

const test = suite('block types')

/** A tensor of random blocks, and its view of other strides. */
function blocks(
  dtype: BlockType,
  shape: number[],
  strides = contiguousStrides(shape),
  first = 0,
  name = 'w',
): Tensor & { dtype: BlockType } {
  const elements = first + shape.reduce((sum, n, dim) => sum + (n - 1) * strides[dim], 0) + 1
  const bytes = randomBlocks(dtype, elements / blockOf(dtype).elements, 5)
  const extent = { source: bytesSource(bytes, 'storage.gguf'), offset: 0, bytes: bytes.length }
  return { ...tensorIn(extent, { name, dtype, shape, strides, first }), dtype }
}

test('views have the elements of the whole tensor', async () => {
  for (const dtype of BLOCK_TYPES) {
    const { elements } = blockOf(dtype)
    const width = 2 * elements
    const t = blocks(dtype, [4, 3, width])
    const all = await readFloats(t)
    const at = (i: number, j: number) => [...all.subarray((3 * i + j) * width, (3 * i + j + 1) * width)]
    /** Checks that a view has some rows, each named by its two indices. */
    const same = async (view: Tensor, ...named: string[]) => {
      const expected = named.flatMap(([i, j]) => at(Number(i), Number(j)))
      sameBits(await readFloats(view), Float32Array.from(expected), dtype)
    }
    await same(select(t, 0, 2), '20', '21', '22')
    await same(select(t, 1, 1), '01', '11', '21', '31')
    await same(rows(select(t, 1, 2), 1, 3), '12', '22')
    await same(everySecond(select(t, 1, 0), 1), '10', '30')
    await same(joinLast(rows(t, 3, 4)), '30', '31', '32')
    const row = select(select(t, 0, 1), 0, 2)
    sameBits(await readFloats(rows(row, elements, width)), Float32Array.from(at(1, 2).slice(elements)), 'second block')
    const { start, end } = span(rows(row, elements, width))
    assert.equal([start, end], [bytesOf(dtype, 5 * width + elements), bytesOf(dtype, 6 * width)])
  }
})

test('a view that cuts a block is refused by name', async () => {
  for (const dtype of BLOCK_TYPES) {
    const { elements } = blockOf(dtype)
    const refuses = (make: () => unknown) =>
      rejectsWithUserError(make, /^storage\.gguf: tensor w (of type|is stored in blocks of) /)
    for (const [shape, strides, first] of [
      [[2, elements / 2], [elements / 2, 1], 0],
      [[2, elements], [elements / 2, 1], 0],
      [[elements], [1], elements / 2],
      [[elements, elements], [1, elements], 0],
      [[2, elements], [elements, 0], 0],
      [[], [], 0],
    ] as [number[], number[], number][]) {
      await refuses(() => {
        const extent = { source: bytesSource(new Uint8Array(2 ** 17), 'storage.gguf'), offset: 0, bytes: 2 ** 17 }
        return tensorIn(extent, { name: 'w', dtype, shape, strides, first })
      })
    }
    const t = blocks(dtype, [3, 2 * elements])
    await refuses(() => select(t, 1, 0))
    await refuses(() => select(select(t, 0, 0), 0, 0))
    await refuses(() => rows(select(t, 0, 0), 0, elements / 2))
    await refuses(() => everySecond(select(t, 0, 0), 0))
  }
})

test('sizes that do not fit the file are refused', async () => {
  for (const dtype of BLOCK_TYPES) {
    const { elements, bytes } = blockOf(dtype)
    const source = bytesSource(new Uint8Array(3 * bytes - 1), 'storage.gguf')
    const extent = { source, offset: 0, bytes: 3 * bytes - 1 }
    const view = (shape: number[]) =>
      tensorIn(extent, { name: 'w', dtype, shape, strides: contiguousStrides(shape), first: 0 })
    assert.equal(span(view([2, elements])), { start: 0, end: 2 * bytes })
    for (const shape of [[3, elements], [2 ** 40, elements], [2 ** 26, 2 ** 26], [3 * elements]]) {
      await rejectsWithUserError(() => view(shape), /^storage\.gguf: tensor w (reaches|has the impossible shape)/)
    }
    assert.is(elementCount(view([0, 7]).shape), 0)
    assert.equal([...(await readFloats(view([0, 7])))], [])
  }
})

test('a safetensors file has no block types', async () => {
  const header = { w: { dtype: 'Q8_0', shape: [32], data_offsets: [0, 34] } }
  await rejectsWithUserError(
    () => readSafetensors(bytesSource(safetensors(header, new Uint8Array(34)), 'model.safetensors')),
    /^model\.safetensors: tensor w has the unknown dtype "Q8_0" \(known: F64, F32, .*BOOL\)$/,
  )
})

test.run()
