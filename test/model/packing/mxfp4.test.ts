import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { openLocalFile } from '#molm/ground/files/local-folder.js'
import { sourceBytes } from '#molm/library/hub/plan.js'
import { readSafetensors } from '#molm/model/checkpoint/safetensors.js'
import type { Tensor } from '#molm/model/checkpoint/tensor.js'
import { formatsFor, type Quant } from '#molm/model/packing/format/formats.js'
import { type Blueprint, planLayout } from '#molm/model/packing/format/layout.js'
import { openPackedFile } from '#molm/model/packing/format/packed-file.js'
import { expertOf, matrix, mxfp4Expert, part } from '#molm/model/packing/format/pieces.js'
import { checkTensors } from '#molm/model/packing/write/check-tensors.js'
import { packParts } from '#molm/model/packing/write/pack.js'
import { findLeftovers, packResumably } from '#molm/model/packing/write/resumable-packing.js'
import { convertCheckpoint } from '../../support/convert-checkpoint.js'
import { bankOf, pack } from '../../support/kernel-bench.js'
import { type BytesSource, bytesTensor, memoryTensor } from '../../support/memory-files.js'
import { mxfp4Values, randomMxfp4 } from '../../support/mxfp4.js'
import { rejectsWithUserError } from '../../support/rejects.js'
import { safetensors } from '../../support/safetensors-writer.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'
import { unpackMatrix } from '../../support/unpack-tiles.js'

/** Experts, inner channels, width. */
const [E, F, D] = [3, 40, 64]
const SHAPE = [E, 2 * F, D]
const KEY = 'experts.gate_up_proj'
const WEIGHTS = randomMxfp4(E * 2 * F, D, 71)
const VALUES = mxfp4Values(WEIGHTS)

/** Experts with alternating rows of gate and up, stored as MXFP4 or as floats. */
const blueprint: Blueprint = {
  *parts(formats) {
    const { mlp } = formats
    const isMxfp4 = mlp === 'mxfp4' || mlp === 'mxfp4_f32'
    for (let id = 0; id < E; id++) {
      const source = isMxfp4 ? mxfp4Expert(KEY, SHAPE, id) : expertOf(KEY, SHAPE, id)
      yield part(`experts.${id}`, [matrix('gate_up', mlp, source, 'alternating')])
    }
  },
  ignores: () => false,
  refusesUnknownTensors: true,
  readsMxfp4: true,
}

function tensors(): Map<string, Tensor> {
  const both = [
    bytesTensor(`${KEY}_blocks`, 'U8', [E, 2 * F, D / 32, 16], WEIGHTS.blocks),
    bytesTensor(`${KEY}_scales`, 'U8', [E, 2 * F, D / 32], WEIGHTS.scales),
  ]
  return new Map(both.map((tensor) => [tensor.name, tensor]))
}

/** Weights of a packed expert: [2, F, D], gate then up. */
function unpackExpert(bytes: Uint8Array): Float32Array {
  const rows = unpackMatrix(bytes, 'mxfp4', 128, D)
  return Float32Array.from({ length: 2 * F * D }, (_, i) => {
    const [half, channel, col] = [Math.floor(i / (F * D)), Math.floor(i / D) % F, i % D]
    return rows[(Math.floor(channel / 32) * 64 + half * 32 + (channel % 32)) * D + col]
  })
}

function checkExpert(bytes: Uint8Array, id: number): void {
  const found = unpackExpert(bytes)
  for (const [i, weight] of found.entries()) {
    const [half, channel, col] = [Math.floor(i / (F * D)), Math.floor(i / D) % F, i % D]
    assert.is(weight, VALUES[(id * 2 * F + 2 * channel + half) * D + col])
  }
}

test('each expert is read from its blocks and scales, once, and keeps every weight', async () => {
  for (const inStretches of [false, true]) {
    const layout = planLayout(blueprint, formatsFor('q4', 'mxfp4'))
    const read: string[] = []
    let id = 0
    const options = { inStretches, onRead: (_: unknown, { name }: Tensor) => void read.push(name) }
    for await (const { bytes, nonFinite } of packParts(layout, tensors(), packer, options)) {
      checkExpert(bytes, id++)
      assert.equal(nonFinite, [])
    }
    assert.is(id, E)
    assert.equal(
      read,
      [1, 2, 3].flatMap(() => [`${KEY}_blocks`, `${KEY}_scales`]),
    )
  }
})

test('the bytes to read are in both tensors', () => {
  const [first] = planLayout(blueprint, formatsFor('q4', 'mxfp4')).parts
  assert.is(sourceBytes(first, tensors()), (2 * F * D) / 2 + (2 * F * D) / 32)
})

test('weights that are not finite are reported with the tensor of the blocks', async () => {
  const damaged = tensors()
  damaged.set(
    `${KEY}_scales`,
    bytesTensor(`${KEY}_scales`, 'U8', [E, 2 * F, D / 32], WEIGHTS.scales.with(2 * 2 * F, 255)),
  )
  const found = []
  for await (const { nonFinite } of packParts(planLayout(blueprint, formatsFor('q4', 'mxfp4')), damaged, packer)) {
    found.push(...nonFinite)
  }
  assert.equal(found, [{ tensor: `${KEY}_blocks`, part: 'experts.1', count: 32 }])
})

test('missing, misshapen and mistyped tensors are named', async () => {
  assert.equal(checkTensors(blueprint, tensors()), [])
  const without = (name: string) => new Map([...tensors()].filter(([other]) => other !== name))
  const refuses = (changed: Map<string, Tensor>, message: RegExp) =>
    rejectsWithUserError(() => checkTensors(blueprint, changed, 'folder'), message)
  await refuses(without(`${KEY}_scales`), /^folder: tensor experts\.gate_up_proj_scales is missing .*\[3, 80, 2\]/)
  await refuses(without(`${KEY}_blocks`), /^folder: tensor experts\.gate_up_proj_blocks is missing .*\[3, 80, 2, 16\]/)
  const blocks = bytesTensor(`${KEY}_blocks`, 'U8', [E, 2 * F, D, 8], new Uint8Array(E * 2 * F * D * 8))
  await refuses(
    tensors().set(blocks.name, blocks),
    /_blocks has shape \[3, 80, 64, 8\], config\.json asks for \[3, 80, 2, 16\]/,
  )
  const scales = bytesTensor(`${KEY}_scales`, 'U8', [E, 2 * F, 1], new Uint8Array(E * 2 * F))
  await refuses(
    tensors().set(scales.name, scales),
    /_scales has shape \[3, 80, 1\], config\.json asks for \[3, 80, 2\]/,
  )
  const floats = { ...scales, dtype: 'BF16' as const, shape: [E, 2 * F, D / 32] }
  await refuses(tensors().set(scales.name, floats), /_scales has dtype BF16, MXFP4 is stored as U8/)
})

test('rows that do not make whole blocks are refused', async () => {
  await rejectsWithUserError(
    () => mxfp4Expert(KEY, [E, 2 * F, 40], 0),
    /gate_up_proj_blocks.* 32 columns, and 40 are not/,
  )
})

test('the same model with float weights is packed from these', async () => {
  const floats = memoryTensor(KEY, SHAPE, Float32Array.from(VALUES))
  const stored = new Map([[KEY, floats]])
  assert.equal(checkTensors(blueprint, stored), [])
  await rejectsWithUserError(
    () => checkTensors({ ...blueprint, readsMxfp4: false }, tensors()),
    /tensor experts\.gate_up_proj is missing/,
  )
})

test('a packed file says that its experts are MXFP4, and only such a file has version 2', async () => {
  const floats = memoryTensor(KEY, SHAPE, Float32Array.from(VALUES))
  for (const [quant, mlp, version, stored] of [
    ['q4', 'mxfp4', '2', tensors()],
    ['q8', 'mxfp4', '2', tensors()],
    ['f32', 'mxfp4_f32', '2', tensors()],
    ['q4', 'q4', '1', new Map([[KEY, floats]])],
  ] as const) {
    await inTemporaryFolder(async (dir) => {
      const from = join(dir, 'from')
      await mkdir(from)
      await writeFile(join(from, 'config.json'), '{}')
      await writeFile(join(from, 'model.safetensors'), safetensorsOf(stored))
      const options = { quant: quant as Quant, pack: packer, blueprint: () => blueprint }
      const { path } = await convertCheckpoint(from, join(dir, 'to'), options)
      const { metadata, parts } = await openPackedFile(path)
      assert.equal(metadata.formats, { ...formatsFor(quant), mlp })
      const bytes = await readFile(path)
      const source = await openLocalFile(path)
      assert.is((await readSafetensors(source)).metadata.format_version, version)
      await source.close()
      if (mlp === 'q4') return
      for (const [id, range] of [...parts.values()].entries()) {
        checkExpert(bytes.subarray(range.offset, range.offset + range.bytes), id)
      }
    })
  }
})

test('an interrupted packing resumes with the same file', () =>
  inTemporaryFolder(async (dir) => {
    const formats = formatsFor('q4', 'mxfp4')
    const metadata = { quant: 'q4' as const, formats, source: 'org/model', sourceRevision: 'a'.repeat(40), files: {} }
    const layout = planLayout(blueprint, formats)
    const packing = (name: string) => ({ path: join(dir, name), layout, metadata })
    const checkpoint = { name: 'memory', config: {}, tensors: tensors(), files: [], close: async () => {} }
    const whole = await packResumably(checkpoint, packing('whole'), { pack: packer, done: [] })
    const aborter = new AbortController()
    const onPartDone = () => aborter.abort(new Error('cut'))
    const options = { pack: packer, done: [], signal: aborter.signal, onPartDone }
    await packResumably(checkpoint, packing('cut'), options).catch(() => undefined)
    const { entries } = await findLeftovers(packing('cut'))
    assert.equal(
      entries.map(({ part }) => part),
      ['experts.0'],
    )
    const { path } = await packResumably(checkpoint, packing('cut'), { pack: packer, done: entries })
    assert.ok((await readFile(path)).equals(await readFile(whole.path)))
  }))

/** A safetensors file with the data of tensors in memory. */
function safetensorsOf(tensors: Map<string, Tensor>): Uint8Array {
  const header: Record<string, unknown> = {}
  const data: number[] = []
  for (const { name, dtype, shape, source } of tensors.values()) {
    const { bytes } = source as BytesSource
    header[name] = { dtype, shape, data_offsets: [data.length, data.length + bytes.length] }
    for (const byte of bytes) data.push(byte)
  }
  return safetensors(header, data)
}

const packer = async (request: Parameters<typeof pack>[1]) => pack(bankOf('relaxed'), request)

test.run()
