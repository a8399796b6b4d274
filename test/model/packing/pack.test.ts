import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Tensor, transpose } from '#molm/model/checkpoint/tensor.js'
import { layoutOf } from '#molm/model/families/index.js'
import { formatsFor, packedBytes } from '#molm/model/packing/format/formats.js'
import { type Layout, planLayout } from '#molm/model/packing/format/layout.js'
import { matrix, part } from '#molm/model/packing/format/pieces.js'
import { type PackRequest, packParts } from '#molm/model/packing/write/pack.js'
import { tensorOf, withFixture } from '../../support/checkpoints.js'
import { FIXTURES } from '../../support/fixtures.js'
import { bytesSource, memoryTensor } from '../../support/memory-files.js'
import { readFloats } from '../../support/read-floats.js'
import { markingPack, referencePack } from '../../support/reference-pack.js'
import { thrownBy } from '../../support/rejects.js'
import { unpackF32 } from '../../support/unpack-tiles.js'

function countNonZero(values: Float32Array): number {
  let count = 0
  for (const value of values) if (value !== 0) count++
  return count
}

function isSame(a: Float32Array, b: Float32Array): boolean {
  return a.length === b.length && a.every((value, i) => Object.is(value, b[i]))
}

/** A layout of one part with one f32 matrix, made from one tensor in memory. */
function singlePiece(tensor: Tensor): Layout {
  const [rows, cols] = tensor.shape
  const source = { tensor: { key: tensor.name, shape: tensor.shape }, rows, cols, view: () => tensor }
  return planLayout({ parts: () => [part('only', [matrix('weight', 'f32', source)])] }, formatsFor('f32'))
}

/** One of each form of file, type and head. */
const FORMS = FIXTURES.filter((name) => /^(01|03|04|13)/.test(name))

test("packed f32 weights equal the checkpoint's, and the rest is zero", async () => {
  for (const name of FORMS) {
    await withFixture(name, async (config, { tensors }) => {
      const layout = layoutOf(config, formatsFor('f32'))
      const order: string[] = []
      for await (const { part, bytes, nonFinite } of packParts(layout, tensors, referencePack)) {
        order.push(part.name)
        assert.is(bytes.length, part.bytes)
        assert.equal(nonFinite, [])
        let nonZero = 0
        for (const { offset, kind, rows, cols, bytes: length, sources, name: piece } of part.pieces) {
          const expected = await readFloats(sources[0].view(tensors))
          const actual = unpackF32(bytes.subarray(offset, offset + length), kind, rows, cols)
          assert.ok(isSame(actual, expected), `${part.name} ${piece}`)
          nonZero += countNonZero(expected)
        }
        assert.is(countNonZero(new Float32Array(bytes.buffer)), nonZero, `padding of ${part.name}`)
      }
      assert.equal(
        order,
        layout.parts.map((part) => part.name),
      )
    })
  }
})

test('a q4 packing asks for the planned formats and fills every piece', () =>
  withFixture('11-molm-like-bin-bf16-sharded', async (config, { tensors }) => {
    const layout = layoutOf(config, formatsFor('q4'))
    for await (const { part, bytes } of packParts(layout, tensors, markingPack)) {
      const marked = bytes.filter((byte) => byte === 0xff).length
      assert.is(
        marked,
        part.pieces.reduce((sum, piece) => sum + piece.bytes, 0),
        part.name,
      )
    }
  }))

test('a large matrix is read in runs of whole tile rows, with the same result as at once', async () => {
  // Rows far apart make it large in the file with few weights to pack.
  const [rows, cols, rowStride] = [1101, 40, 4096]
  const stored = Float32Array.from({ length: rows * rowStride }, (_, i) => i)
  const whole = memoryTensor('big', [rows, rowStride], stored)
  const tensor = { ...whole, shape: [rows, cols] }
  const requests: PackRequest[] = []
  for await (const { bytes } of packParts(singlePiece(tensor), new Map(), (request) => {
    requests.push(request)
    return referencePack(request)
  })) {
    assert.ok(isSame(unpackF32(bytes, 'matrix', rows, cols), await readFloats(tensor)))
  }
  assert.equal(
    requests.map((request) => request.rows),
    [1024, 77],
  )
  assert.ok(whole.source.reads.slice(0, 2).every(({ length }) => length <= 16 * 2 ** 20))
})

test('in stretches, a large part of one source is never in memory whole, and has the same bytes', async () => {
  const [rows, cols, rowStride] = [2101, 40, 4096]
  const whole = memoryTensor(
    'big',
    [rows, rowStride],
    Float32Array.from({ length: rows * rowStride }, (_, i) => i % 1013),
  )
  const layout = singlePiece({ ...whole, shape: [rows, cols] })
  const [part] = layout.parts
  for (const kind of ['matrix', 'rows'] as const) {
    part.pieces[0].kind = kind
    const joined = new Uint8Array(part.bytes)
    const lengths: number[] = []
    let end = 0
    for await (const { bytes, offset, isLast } of packParts(layout, new Map(), referencePack, { inStretches: true })) {
      assert.is(offset, end)
      end += bytes.length
      assert.is(isLast, end === part.bytes)
      joined.set(bytes, offset)
      lengths.push(bytes.length)
    }
    assert.is(lengths.length, 3)
    assert.ok(lengths.every((length) => length <= packedBytes('matrix', 'f32', 1024, cols)))
    for await (const { bytes, offset, isLast } of packParts(layout, new Map(), referencePack)) {
      assert.equal({ offset, isLast }, { offset: 0, isLast: true })
      assert.ok(Buffer.from(bytes).equals(joined))
    }
  }
})

test('in stretches, parts of several sources are still yielded whole', () =>
  withFixture('21-granitemoe-f32', async (config, { tensors }) => {
    const layout = layoutOf(config, formatsFor('f32'))
    const names: string[] = []
    for await (const { part, bytes, offset, isLast } of packParts(layout, tensors, referencePack, {
      inStretches: true,
    })) {
      assert.equal({ bytes: bytes.length, offset, isLast }, { bytes: part.bytes, offset: 0, isLast: true })
      names.push(part.name)
    }
    assert.equal(
      names,
      layout.parts.map(({ name }) => name),
    )
  }))

test('a large transposed matrix is read once and whole', async () => {
  const tensor = memoryTensor('big', [2100, 2048], new Float32Array(2100 * 2048))
  for await (const { bytes } of packParts(singlePiece(transpose(tensor)), new Map(), markingPack)) {
    assert.is(bytes.length, packedBytes('matrix', 'f32', 2048, 2100))
  }
  assert.equal(tensor.source.reads, [{ offset: 0, length: 2100 * 2048 * 4 }])
})

test('weights that are not finite are reported with their tensor and part', () =>
  withFixture('02-base-safetensors-f32', async (config, checkpoint) => {
    const { tensors } = checkpoint
    const name = 'transformer.h.1.mlpf.experts.weight'
    const values = await readFloats(tensorOf(checkpoint, name))
    const perExpert = 64 * 128
    values[3 * perExpert] = Number.NaN
    values[3 * perExpert + 70] = Number.POSITIVE_INFINITY
    values[5 * perExpert] = Number.NEGATIVE_INFINITY
    const broken = new Map(tensors).set(name, memoryTensor(name, [8, 64, 128], values))
    const found = []
    const layout = layoutOf(config, formatsFor('f32'))
    for await (const { nonFinite } of packParts(layout, broken, referencePack)) found.push(...nonFinite)
    assert.equal(found, [
      { tensor: name, part: 'layers.1.mlp.3', count: 2 },
      { tensor: name, part: 'layers.1.mlp.5', count: 1 },
    ])
  }))

test('the next read is in progress while a chunk is packed', () =>
  withFixture('02-base-safetensors-f32', async (config, { tensors }) => {
    const layout = layoutOf(config, formatsFor('f32'))
    const source = bytesSource(new Uint8Array(4 * 8 * 64 * 128))
    const counted = new Map([...tensors].map(([key, t]) => [key, { ...t, source, offset: 0 }]))
    let packed = 0
    const readsWhenPacked: number[] = []
    for await (const _ of packParts(layout, counted, (request) => {
      readsWhenPacked.push(source.reads.length - packed++)
      return markingPack(request)
    })) {
      if (packed > 20) break
    }
    assert.ok(packed > 20)
    assert.ok(readsWhenPacked.every((ahead) => ahead === 2))
  }))

test('neighbours in a file are read together, up to a size, whatever the order of packing', async () => {
  const [rows, cols] = [64, 4]
  const size = 4 * rows * cols
  const { source } = memoryTensor(
    'all',
    [11 * rows, cols],
    Float32Array.from({ length: 11 * rows * cols }, (_, i) => i),
  )
  // Two neighbours, one behind a small gap, and behind a large one two that take turns row by row.
  const matrices = [0, size, 2 * size + 64, 9 * size, 9 * size + 4 * cols].map((offset, i): Tensor => {
    const strides = [i < 3 ? cols : 2 * cols, 1]
    return { name: `${i}`, dtype: 'F32', shape: [rows, cols], strides, source, offset }
  })
  const expected = await Promise.all(matrices.map(readFloats))
  const parts = [3, 4, 1, 0, 2].map((i) => {
    const tensor = { key: `${i}`, shape: [rows, cols] }
    return part(`${i}`, [matrix('weight', 'f32', { tensor, rows, cols, view: () => matrices[i] })])
  })
  const layout = planLayout({ parts: () => parts }, formatsFor('f32'))
  const readsWith = async (together?: number) => {
    source.reads.length = 0
    const readAhead = { reads: 2, bytes: 2 ** 20, together }
    for await (const { part, bytes } of packParts(layout, new Map(), referencePack, { readAhead })) {
      assert.ok(isSame(unpackF32(bytes, 'matrix', rows, cols), expected[Number(part.name)]), part.name)
    }
    return source.reads.map(({ offset, length }) => [offset, offset + length])
  }
  const alternating = [9 * size, 11 * size]
  assert.equal(await readsWith(2 ** 20), [[0, 3 * size + 64], alternating])
  const [pair, alone] = [
    [0, 2 * size],
    [2 * size + 64, 3 * size + 64],
  ]
  assert.equal(await readsWith(2 * size), [alternating, pair, alone])
  assert.is((await readsWith()).length, 5)
})

test('parts to skip are neither read nor packed', () =>
  withFixture('02-base-safetensors-f32', async (config, { tensors }) => {
    const layout = layoutOf(config, formatsFor('f32'))
    const names = []
    let requests = 0
    const skip = (part: { name: string }) => !part.name.startsWith('layers.1.mlp.')
    for await (const { part } of packParts(
      layout,
      tensors,
      (request) => {
        requests++
        return markingPack(request)
      },
      { skip },
    )) {
      names.push(part.name)
    }
    assert.is(names.length, 8)
    assert.is(requests, 16)
  }))

test('an aborted signal stops between chunks with its reason', () =>
  withFixture('02-base-safetensors-f32', async (config, { tensors }) => {
    const controller = new AbortController()
    const reason = new Error('enough')
    let parts = 0
    const { signal } = controller
    const packing = async () => {
      for await (const _ of packParts(layoutOf(config, formatsFor('f32')), tensors, markingPack, { signal })) {
        if (++parts === 3) controller.abort(reason)
      }
    }
    assert.is(await thrownBy(packing()), reason)
    assert.is(parts, 3)
  }))

test('a packer that returns too few bytes is detected', async () => {
  const tensor = memoryTensor('small', [8, 32], new Float32Array(256))
  const short = async () => ({ bytes: new Uint8Array(5), nonFinite: 0 })
  const packed = packParts(singlePiece(tensor), new Map(), short)
  assert.match(String(await thrownBy(packed.next())), /only weight gave 5 bytes/)
})

test.run()
