import { readFile } from 'node:fs/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { localFolder, openCheckpoint } from '#molm/model/checkpoint/checkpoint.js'
import { everySecond, readSpan, type Tensor } from '#molm/model/checkpoint/tensor.js'
import { blueprintOf, parseConfig } from '#molm/model/families/index.js'
import { ggufBlueprint } from '#molm/model/gguf/blueprint.js'
import { ggufConfig } from '#molm/model/gguf/config/config.js'
import { type GgufFile, openGguf } from '#molm/model/gguf/file/gguf-file.js'
import { formatsFor } from '#molm/model/packing/format/formats.js'
import type { Blueprint, Piece } from '#molm/model/packing/format/layout.js'
import { checkTensors } from '#molm/model/packing/write/check-tensors.js'
import { joinBytes } from '../../support/bytes.js'
import { tuples } from '../../support/combinations.js'
import { sameBits } from '../../support/compare.js'
import { fixturePath } from '../../support/fixtures.js'
import { type GgufChoices, ggufFiles, ggufModelOf } from '../../support/gguf-model.js'
import { bytesSource, MemoryFiles } from '../../support/memory-files.js'
import { readFloats } from '../../support/read-floats.js'
import { rejectsWithUserError } from '../../support/rejects.js'
import { openFixture, sha256Of } from './fixtures.js'

const test = suite('pieces of GGUF files')

const F32 = formatsFor('f32')

/** Opens a file in memory with the model of a checkpoint. */
async function openWritten(fixture: string, choices: GgufChoices = {}): Promise<GgufFile> {
  const files = ggufFiles(await ggufModelOf(fixturePath(fixture), choices), 'model', choices)
  return openGguf(new MemoryFiles(Object.fromEntries(files)), [...files.keys()][0])
}

/** The pieces of a model as planned from config.json alone, each with the same piece of a file. */
function* pairs(file: GgufFile, blueprint: Blueprint): Generator<{ name: string; planned: Piece; stored: Piece }> {
  const own = [...ggufBlueprint(blueprint, file).parts(F32)]
  for (const [i, part] of [...blueprint.parts(F32)].entries()) {
    for (const [j, planned] of part.pieces.entries()) {
      yield { name: `${part.name}/${planned.name}`, planned, stored: own[i].pieces[j] }
    }
  }
}

test('have the values of the checkpoint that is the same as a file of llama.cpp’s converter', async () => {
  for (const folder of ['granitemoe-all-types', 'qwen3moe-q4_k_m', 'olmoe-q4_0-split']) {
    const file = await openFixture(folder)
    const config = parseConfig(ggufConfig(file), folder)
    const blueprint = blueprintOf(config)
    assert.equal(checkTensors(ggufBlueprint(blueprint, file), file.tensors), [])
    const values = new Map<string, Float32Array[]>()
    for (const { name, planned, stored } of pairs(file, blueprint)) {
      if (name === 'lm_head/weight' && !file.tensors.has('output.weight')) continue
      for (const [i, { tensor }] of planned.sources.entries()) {
        const found = values.get(tensor.key) ?? []
        values.set(tensor.key, found)
        found.push(await readFloats(stored.sources[i].view(file.tensors)))
      }
    }
    await file.close()
    const path = fixturePath(`gguf/${folder}/checkpoint-sha256.json`)
    const expected: Record<string, [number[], string]> = JSON.parse(await readFile(path, 'utf8'))
    assert.equal([...values.keys()].sort(), Object.keys(expected).sort())
    for (const [key, parts] of values) assert.is(sha256Of(joined(parts)), expected[key][1], `${folder} ${key}`)
  }
})

const joined = (parts: readonly Float32Array[]) => Float32Array.from(parts.flatMap((part) => [...part]))

/**
 * A checkpoint of every family that a GGUF file can describe, written as llama.cpp's converter would. Each file differs
 * in another way that leaves the model the same. BF16 and F16 hold the weights of checkpoints of these types exactly.
 */
const FAMILIES: Record<string, GgufChoices> = {
  '21-granitemoe-f32': { shuffle: 5, alignment: 64 },
  '23-granitemoeshared-f16': { typeOf: () => 'F16', parts: 3 },
  '31-olmoe-f32': { parts: 3, emptyFirst: true },
  '41-qwen3moe-f32': { joined: true },
  '44-qwen3moe-yarn-f32': {},
  '45-qwen2moe-f32': { squeezed: true },
  '51-mixtral-f32': { alignment: 8 },
  '71-gptoss-bf16-sharded': { typeOf: () => 'BF16', parts: 2, alignment: 128 },
  '81-lfm2moe-f32': { squeezed: true, shuffle: 3 },
  '91-granitehybrid-f32': { shuffle: 6, alignment: 64 },
  '92-granitehybrid-dense-bf16-sharded': { typeOf: () => 'BF16', parts: 2 },
  '101-ernie45moe-f32': { squeezed: true, parts: 2 },
  '102-ernie45moe-bf16-sharded': {},
  '111-deepseekv2-f32': { keepsLatents: true },
  '112-deepseekv2-bf16-sharded': { typeOf: () => 'BF16', shuffle: 3 },
  '113-deepseekv2-yarn-f32': { parts: 2 },
  '121-deepseekv3-f32': { joined: true },
  '122-moonlight-bf16-sharded': { typeOf: () => 'BF16', keepsLatents: true },
  '131-glm4moe-f32': { parts: 2 },
  '132-glm4moe-bf16-sharded': { typeOf: () => 'BF16' },
  '151-smallthinker-f32': { joined: true, shuffle: 4 },
  '152-smallthinker-window-bf16-sharded': { typeOf: () => 'BF16' },
  '162-qwen35moe-text-bf16-sharded': { typeOf: () => 'BF16', shuffle: 6 },
  '171-gemma4-f32': { joined: true, parts: 2 },
  '181-afmoe-f32': { shuffle: 6, joined: true },
  '191-qwen3next-f32': { joined: true },
  '201-mellum-f32': { parts: 2 },
  '211-ling3-f32': { joined: true, squeezed: true },
  '216-kimilinear-f32': { parts: 2, shuffle: 4, squeezed: true },
  '221-ling2-f32': { joined: true },
  '222-ling2-bf16-sharded': { typeOf: () => 'BF16', squeezed: true },
  '226-laguna-f32': { shuffle: 5, joined: true },
  '231-granitemoeswa-f32': { shuffle: 2, parts: 2 },
  '236-nemotronh-f32': { shuffle: 4 },
  '241-cohere2moe-f32': { joined: true },
  '247-hyv3-bf16-sharded': { typeOf: () => 'BF16' },
}

test('have the values and the config of a checkpoint of each family', async () => {
  for (const [fixture, choices] of Object.entries(FAMILIES)) {
    const file = await openWritten(fixture, choices)
    const checkpoint = await openCheckpoint(localFolder(fixturePath(fixture)))
    const { raw: _, ...config } = parseConfig(ggufConfig(file), 'made')
    const { raw: __, textPartOf: ___, ...expected } = parseConfig(checkpoint.config, 'stored')
    assert.equal(config, expected, fixture)
    const blueprint = blueprintOf(parseConfig(checkpoint.config, fixture))
    assert.equal(checkTensors(ggufBlueprint(blueprint, file), file.tensors), [])
    for (const { name, planned, stored } of pairs(file, blueprint)) {
      const views = planned.sources.flatMap(({ view }) => split(view(checkpoint.tensors), planned))
      for (const [i, { rows, cols, view }] of stored.sources.entries()) {
        const found = view(file.tensors)
        assert.equal(found.shape, planned.kind === 'vector' ? [cols] : [rows, cols], `${fixture} ${name}`)
        sameBits(await readFloats(found), await readFloats(views[i]), `${fixture} ${name}`)
      }
    }
    await checkpoint.close()
  }
})

/** The tensors of a source: alternating rows are two. */
function split(tensor: Tensor, { order, kind }: Piece): Tensor[] {
  if (order === 'alternating') return [everySecond(tensor, 0), everySecond(tensor, 1)]
  return kind === 'vector' && tensor.shape.length > 1
    ? [{ ...tensor, shape: [tensor.shape[1]], strides: [1] }]
    : [tensor]
}

test('refuse tensors that have no place', async () => {
  const file = await openWritten('31-olmoe-f32')
  const blueprint = ggufBlueprint(blueprintOf(parseConfig(ggufConfig(file), 'made')), file)
  const check = () => checkTensors(blueprint, file.tensors)
  const some = file.tensors.get('blk.0.attn_norm.weight') as Tensor
  file.tensors.set('blk.0.attn_q.bias', { ...some, name: 'blk.0.attn_q.bias' })
  await rejectsWithUserError(check, /tensor blk.0.attn_q.bias has no place/)
  file.tensors.delete('blk.0.attn_q.bias')
  check()
  file.tensors.delete('blk.1.ffn_down_exps.weight')
  await rejectsWithUserError(check, /tensor blk.1.ffn_down_exps.weight is missing/)
})

test('take gates from no tensor without gates', async () => {
  const file = await openWritten('181-afmoe-f32')
  const blueprint = ggufBlueprint(blueprintOf(parseConfig(ggufConfig(file), 'made')), file)
  file.tensors.delete('blk.0.attn_gate.weight')
  const check = () => checkTensors(blueprint, file.tensors)
  await rejectsWithUserError(check, /tensor blk.0.attn_gate.weight is missing/)
})

test('come in order from reads of any length', async () => {
  const file = await openWritten('51-mixtral-f32')
  const { parts } = ggufBlueprint(blueprintOf(parseConfig(ggufConfig(file), 'made')), file)
  const piece = [...parts(F32)].flatMap(({ pieces }) => pieces).find(({ name }) => name === 'qkv.weight') as Piece
  const tensor = piece.sources[0].view(file.tensors)
  const whole = await readSpan(tensor)
  const { length } = whole
  for (const [from, to] of tuples(`0x1 3x250 191x193 1000x${length} ${length}x${length}`)) {
    assert.equal(await tensor.source.read(tensor.offset + from, to - from), whole.slice(from, to))
  }
  assert.is(file.tensors.get('blk.0.attn_q.weight')?.source.name, tensor.source.name)
})

test('come from files with a tensor for each expert, and with one for queries, keys and values', async () => {
  const file = await openWritten('51-mixtral-f32')
  const blueprint = blueprintOf(parseConfig(ggufConfig(file), 'made'))
  const values = async () => {
    assert.equal(checkTensors(ggufBlueprint(blueprint, file), file.tensors), [])
    const parts: Float32Array[] = []
    for (const { stored } of pairs(file, blueprint)) {
      for (const { view } of stored.sources) parts.push(await readFloats(view(file.tensors)))
    }
    return sha256Of(joined(parts))
  }
  const before = await values()
  for (const [name, tensor] of [...file.tensors]) {
    if (!name.endsWith('_exps.weight')) continue
    file.tensors.delete(name)
    const [count, ...shape] = tensor.shape
    const bytes = 4 * shape[0] * shape[1]
    for (let e = 0; e < count; e++) {
      const own = name.replace('_exps.weight', `.${e}.weight`)
      file.tensors.set(own, { ...tensor, name: own, shape, strides: [shape[1], 1], offset: tensor.offset + e * bytes })
    }
  }
  assert.is(await values(), before)
  const names = ['q', 'k', 'v'].map((name) => `blk.0.attn_${name}.weight`)
  const matrices = names.map((name) => file.tensors.get(name) as Tensor)
  const source = bytesSource(joinBytes(...(await Promise.all(matrices.map(readSpan)))))
  const shape = [matrices.reduce((sum, { shape }) => sum + shape[0], 0), matrices[0].shape[1]]
  const name = 'blk.0.attn_qkv.weight'
  file.tensors.set(name, { ...matrices[0], name, shape, source, offset: 0 })
  for (const name of names) file.tensors.delete(name)
  assert.is(await values(), before)
})

test.run()
