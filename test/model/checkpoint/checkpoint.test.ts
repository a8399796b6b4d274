import { readFile } from 'node:fs/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { isCheckpoint, localFolder, openCheckpoint } from '#molm/model/checkpoint/checkpoint.js'
import type { Tensor } from '#molm/model/checkpoint/tensor.js'
import { tensorOf, withFixture } from '../../support/checkpoints.js'
import { FIXTURES, fixturePath, repositoryPath } from '../../support/fixtures.js'
import { MemoryFiles } from '../../support/memory-files.js'
import type { Py } from '../../support/pickle-writer.js'
import { readAll } from '../../support/read-all.js'
import { readFloats } from '../../support/read-floats.js'
import { rejectsWithUserError } from '../../support/rejects.js'
import { safetensors } from '../../support/safetensors-writer.js'
import { floatStorage, storageId, tensor, torchZip } from '../../support/torch-writer.js'

type Files = Record<string, Uint8Array | string>

const refuses = async (files: Files, pattern: RegExp) => {
  const set = new MemoryFiles(files)
  await rejectsWithUserError(() => openCheckpoint(set), pattern)
  assert.is(set.opened.size, 0, 'nothing is left open')
}

/** A safetensors file of float32 vectors. */
function vectors(values: Record<string, number[]>): Uint8Array {
  let at = 0
  const header = Object.entries(values).map(([name, { length }]) => {
    const entry = { dtype: 'F32', shape: [length], data_offsets: [at, at + 4 * length] }
    at += 4 * length
    return [name, entry]
  })
  const data = new Uint8Array(Float32Array.from(Object.values(values).flat()).buffer)
  return safetensors(Object.fromEntries(header), data)
}

/** The same as a .bin file. */
function binVectors(values: Record<string, number[]>): Uint8Array {
  const storages = Object.values(values).map((vector, i) => floatStorage(`${i}`, vector))
  const items = Object.keys(values).map((name, i): [Py, Py] => {
    return [name, tensor(storageId(storages[i]), 0, [storages[i].elements], [1])]
  })
  return torchZip(new Map(items), storages)
}

const indexOf = (map: unknown) => JSON.stringify({ metadata: { total_size: 1 }, weight_map: map })
const config = '{"model_type":"moduleformer"}'

test('every checkpoint opens, and its tensors can be read', async () => {
  for (const name of FIXTURES) {
    await withFixture(name, async (_, checkpoint) => {
      assert.is(checkpoint.config.model_type, 'moduleformer')
      assert.is(checkpoint.name, fixturePath(name))
      assert.ok(checkpoint.tensors.size > 20)
      for (const [key, t] of checkpoint.tensors) {
        assert.is(t.name, key)
        const floats = await readFloats(t)
        assert.is(
          floats.length,
          t.shape.reduce((product, n) => product * n, 1),
        )
        assert.ok(floats.every(Number.isFinite), key)
      }
    })
  }
})

test('the .bin and the safetensors file of the same model hold the same tensors', () =>
  withFixture('01-base-bin-f32', async (_, bin) => {
    await withFixture('02-base-safetensors-f32', async (_, safe) => {
      assert.equal(bin.files, ['pytorch_model.bin'])
      assert.equal(safe.files, ['model.safetensors'])
      assert.equal([...bin.tensors.keys()].sort(), [...safe.tensors.keys()].sort())
      for (const [name, t] of bin.tensors) {
        const other = tensorOf(safe, name)
        assert.equal({ dtype: t.dtype, shape: t.shape }, { dtype: other.dtype, shape: other.shape }, name)
        assert.equal(await readFloats(t), await readFloats(other), name)
      }
    })
  }))

const SHARDED: [folder: string, weight: string, shards: number, index: string][] = [
  ['03-topk4-safetensors-bf16-sharded', 'BF16', 2, 'model.safetensors.index.json'],
  ['04-bin-f16-sharded', 'F16', 3, 'pytorch_model.bin.index.json'],
  ['11-molm-like-bin-bf16-sharded', 'BF16', 2, 'pytorch_model.bin.index.json'],
]
test('sharded checkpoints have their tensors in the files that the index names', async () => {
  for (const [folder, weight, shards, indexFile] of SHARDED) {
    const { weight_map: map } = JSON.parse(await readFile(fixturePath(`${folder}/${indexFile}`), 'utf8'))
    await withFixture(folder, (_, checkpoint) => {
      assert.is(checkpoint.files.length, shards)
      const found = [...checkpoint.tensors.values()].map((t): [string, string] => [t.name, shardOf(t)])
      assert.equal(
        Object.fromEntries(found.sort()),
        Object.fromEntries((Object.entries(map) as [string, string][]).sort()),
      )
      assert.is(tensorOf(checkpoint, 'transformer.wte.weight').dtype, weight)
      const masks = [...checkpoint.tensors.values()].filter((t) => t.name.endsWith('.attn.mask'))
      assert.ok(masks.every((t) => t.dtype === 'I8'))
    })
  }
})

function shardOf(t: Tensor): string {
  return t.source.name.split(/[/\\]/).at(-1) ?? ''
}

test('the bfloat16 values of a .bin file are the stored bits', () =>
  withFixture('11-molm-like-bin-bf16-sharded', async (_, checkpoint) => {
    for (const t of checkpoint.tensors.values()) {
      if (t.dtype !== 'BF16') continue
      const bits = new Uint32Array((await readFloats(t)).buffer)
      assert.ok(bits.every((b) => (b & 0xffff) === 0))
    }
  }))

test('safetensors files are preferred to .bin files, and one file to shards', async () => {
  const all: Files = {
    'config.json': config,
    'pytorch_model.bin.index.json': indexOf({ w: 'pytorch_model-1.bin' }),
    'pytorch_model-1.bin': binVectors({ w: [4] }),
    'pytorch_model.bin': binVectors({ w: [3] }),
    'model.safetensors.index.json': indexOf({ w: 'model-1.safetensors' }),
    'model-1.safetensors': vectors({ w: [2] }),
    'model.safetensors': vectors({ w: [1] }),
  }
  const one = ['model.safetensors', 'pytorch_model.bin']
  for (const [i, file] of one.flatMap((file) => [file, `${file}.index.json`]).entries()) {
    const checkpoint = await openCheckpoint(new MemoryFiles(all))
    assert.equal((await readAll(checkpoint.tensors.values())).w.values, [i + 1])
    delete all[file]
  }
  await refuses(all, /no weights in this folder \(looked for model\.safetensors, /)
})

test('a .bin file from before PyTorch 1.6 is refused with what to do', async () => {
  const file = await readFile(repositoryPath('test/model/checkpoint/saved-by-torch/views-legacy.bin'))
  const again = /pytorch_model\.bin: in the form of PyTorch before 1\.6; save it again with a later one: torch\.save\(/
  await refuses({ 'config.json': config, 'pytorch_model.bin': file }, again)
})

test('only the tensors that the index names are read from a shard', async () => {
  const files = new MemoryFiles({
    'config.json': config,
    'model.safetensors.index.json': indexOf({ v: 'b.safetensors', w: 'a.safetensors' }),
    'a.safetensors': vectors({ w: [1], v: [0] }),
    'b.safetensors': vectors({ v: [2] }),
  })
  const { tensors, files: shards } = await openCheckpoint(files)
  assert.equal(shards, ['a.safetensors', 'b.safetensors'])
  const found = await readAll(tensors.values())
  assert.equal([found.w.values, found.v.values], [[1], [2]])
})

test('close closes every shard, and may be called twice', async () => {
  const files = new MemoryFiles({
    'config.json': config,
    'pytorch_model.bin.index.json': indexOf({ v: 'b.bin', w: 'a.bin' }),
    'a.bin': binVectors({ w: [1] }),
    'b.bin': binVectors({ v: [2] }),
  })
  const checkpoint = await openCheckpoint(files)
  assert.is(files.opened.size, 2)
  await checkpoint.close()
  await checkpoint.close()
  assert.is(files.opened.size, 0)
})

test('a missing shard is named', async () => {
  const files = { 'config.json': config, 'a.bin': binVectors({ w: [1] }) }
  const map = { w: 'a.bin', v: 'pytorch_model-00002-of-00002.bin' }
  await refuses(
    { ...files, 'pytorch_model.bin.index.json': indexOf(map) },
    /pytorch_model\.bin\.index\.json: names the shard pytorch_model-00002-of-00002\.bin, which is missing/,
  )
})

test('a tensor that its shard lacks is named', async () => {
  const shards = { 'a.safetensors': vectors({ w: [1] }), 'b.safetensors': vectors({ u: [1] }) }
  const index = indexOf({ w: 'a.safetensors', u: 'b.safetensors', 'h.0.bias': 'a.safetensors' })
  await refuses(
    { 'config.json': config, ...shards, 'model.safetensors.index.json': index },
    /a\.safetensors: lacks tensor h\.0\.bias, which the index places here/,
  )
})

test('an index cannot lead out of the folder', async () => {
  const wrong = ['../a.bin', '/etc/passwd', '..', '.', '', 'sub/a.bin', 'sub\\a.bin', 'a.bin\0', 3, null, ['a.bin'], {}]
  const files = { 'config.json': config, 'a.bin': binVectors({ w: [1] }) }
  for (const shard of wrong) {
    const index = { 'pytorch_model.bin.index.json': indexOf({ w: shard }) }
    await refuses({ ...files, ...index }, /index\.json: places tensor w in .*, which is not a file in this folder/)
  }
})

test('a file that is not an index is refused', async () => {
  const withIndex = (index: string) => ({ 'config.json': config, 'model.safetensors.index.json': index })
  await refuses(withIndex('{'), /index\.json: not valid JSON/)
  await refuses(withIndex('{}'), /has no weight_map/)
  await refuses(withIndex('{"weight_map":[]}'), /has no weight_map/)
})

test('a config.json that is missing or broken is refused', async () => {
  const weights = { 'model.safetensors': vectors({ w: [1] }) }
  await refuses(weights, /memory: no config\.json in this folder/)
  await refuses({ ...weights, 'config.json': '{"a": 1,}' }, /config\.json: not valid JSON/)
  await refuses({ ...weights, 'config.json': '' }, /config\.json: not valid JSON/)
  await refuses({ ...weights, 'config.json': '[1, 2]' }, /config\.json: a JSON object was expected/)
  await refuses({ ...weights, 'config.json': new Uint8Array(2 ** 20 + 1) }, /too many for such a file/)
  await refuses({ ...weights, 'config.json': `{"a":${'{"a":'.repeat(1e5)}` }, /nested more than 64 deep/)
  const marked = new MemoryFiles({ ...weights, 'config.json': `\ufeff${config}` })
  assert.is((await openCheckpoint(marked)).config.model_type, 'moduleformer', 'a byte order mark is skipped')
})

test('files that are not weights are refused with their kind', async () => {
  const pointer = 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n'
  for (const file of ['model.safetensors', 'pytorch_model.bin']) {
    await refuses({ 'config.json': config, [file]: pointer }, /a Git LFS pointer.*git lfs pull/)
    await refuses({ 'config.json': config, [file]: '' }, /the file is empty/)
  }
  await refuses(
    { 'config.json': config, 'pytorch_model.bin': '<html>' },
    /pytorch_model\.bin: not a file written by torch/,
  )
  await refuses({ 'config.json': config, 'model.safetensors': '<html></html>' }, /not a safetensors file/)
  const evil = "cos\nsystem\n(S'touch hurt'\ntR."
  await refuses(
    { 'config.json': config, 'pytorch_model.bin': evil },
    /pytorch_model\.bin: not a file written by torch\.save/,
  )
})

test('a folder with config.json and weights is recognised', async () => {
  assert.ok(await isCheckpoint(localFolder(fixturePath('04-bin-f16-sharded'))))
  assert.not(await isCheckpoint(new MemoryFiles({ 'config.json': config })))
  assert.not(await isCheckpoint(new MemoryFiles({ 'model.safetensors': vectors({}) })))
  assert.not(await isCheckpoint(new MemoryFiles({ 'config.json': config, 'model-q4.molm.safetensors': vectors({}) })))
})

test.run()
