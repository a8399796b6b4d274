import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { DType } from '#molm/model/checkpoint/dtype.js'
import { select, type Tensor } from '#molm/model/checkpoint/tensor.js'
import { blueprintOf, parseConfig } from '#molm/model/families/index.js'
import { ggufBlueprint } from '#molm/model/gguf/blueprint.js'
import { ggufConfig } from '#molm/model/gguf/config/config.js'
import { openGguf } from '#molm/model/gguf/file/gguf-file.js'
import { ggufFormats } from '#molm/model/gguf/formats.js'
import { formatsFor, type Quant } from '#molm/model/packing/format/formats.js'
import { planLayout } from '#molm/model/packing/format/layout.js'
import { fixturePath } from '../../support/fixtures.js'
import { ggufFiles, ggufModelOf } from '../../support/gguf-model.js'
import { MemoryFiles } from '../../support/memory-files.js'
import { openFixture } from './fixtures.js'

const test = suite('formats of GGUF files')

/** Formats of a fixture in test/fixtures/gguf. */
async function ofFixture(folder: string, quant?: Quant) {
  const file = await openFixture(folder)
  const blueprint = ggufBlueprint(blueprintOf(parseConfig(ggufConfig(file), folder)), file)
  const found = ggufFormats(blueprint, file, quant)
  planLayout(blueprint, found.formats)
  await file.close()
  return found
}

/** Formats of the OLMoE fixture after a change of its tensors. */
async function ofChanged(change: (tensors: Map<string, Tensor>) => void, quant?: Quant) {
  const file = await openFixture('olmoe-q4_0-split')
  const blueprint = ggufBlueprint(blueprintOf(parseConfig(ggufConfig(file), 'olmoe')), file)
  change(file.tensors)
  await file.close()
  return ggufFormats(blueprint, file, quant)
}

/** The same if its matrices had the types that `typeOf` returns for their names. */
const ofTypes = (typeOf: (name: string) => DType, quant?: Quant) =>
  ofChanged((tensors) => {
    for (const tensor of tensors.values()) if (tensor.shape.length > 1) tensor.dtype = typeOf(tensor.name)
  }, quant)

test('keep what a file with one type has', async () => {
  assert.equal(await ofFixture('olmoe-q4_0-split'), { quant: 'q4', formats: { ...formatsFor('q4'), head: 'q8' } })
})

test('keep mixed types matrix by matrix', async () => {
  const { quant, formats } = await ofFixture('qwen3moe-q4_k_m')
  assert.is(quant, 'q4')
  assert.equal(formats, {
    embedding: 'q8',
    router: 'q8',
    attention: 'q4',
    mlp: 'q4',
    head: 'q8',
    pieces: {
      'layers.0.dense/qkv.weight': 'q8',
      'layers.0.dense/output.weight': 'q4m',
      'layers.0.mlp.*/gate_up': 'q4m',
      'layers.0.mlp.*/down': 'q8',
      'layers.1.dense/qkv.weight': 'q4m',
      'layers.1.dense/output.weight': 'q4m',
      'layers.1.mlp.*/gate_up': 'q4m',
      'layers.1.mlp.*/down': 'q4m',
      'layers.2.dense/qkv.weight': 'q8',
      'layers.2.dense/output.weight': 'q4m',
      'layers.2.mlp.*/gate_up': 'q4m',
      'layers.2.mlp.*/down': 'q8',
    },
  })
})

test('take the finest of a matrix with several types', async () => {
  const { quant, formats } = await ofFixture('granitemoe-all-types')
  assert.equal({ quant, formats }, { quant: 'q8', formats: formatsFor('q8') })
})

test('round keys of latents finely, if a file has their blocks along the other side', async () => {
  const formatOf = async (keepsLatents: boolean, piece: string) => {
    const files = ggufFiles(await ggufModelOf(fixturePath('113-deepseekv2-yarn-f32'), { keepsLatents }), 'model', {})
    const file = await openGguf(new MemoryFiles(Object.fromEntries(files)), 'model.gguf')
    const blueprint = ggufBlueprint(blueprintOf(parseConfig(ggufConfig(file), 'deepseek')), file)
    for (const tensor of file.tensors.values()) if (tensor.shape.length > 1) tensor.dtype = 'Q4_0'
    const { formats } = ggufFormats(blueprint, file)
    return formats.pieces?.[`layers.1.dense/latent.${piece}.2`] ?? formats.attention
  }
  assert.is(await formatOf(true, 'keys'), 'q8')
  assert.is(await formatOf(true, 'values'), 'q4')
  assert.is(await formatOf(false, 'keys'), 'q4')
})

test('keep MXFP4 in every packing', async () => {
  const mxfp4 = 'mxfp4'
  assert.equal(await ofFixture('gptoss-mxfp4'), { quant: 'q4', formats: formatsFor('q4', mxfp4) })
  for (const quant of ['f32', 'q8', 'q4'] as const) {
    assert.equal(await ofFixture('gptoss-mxfp4', quant), { quant, formats: formatsFor(quant, mxfp4) })
  }
})

test("are a checkpoint's with a given packing", async () => {
  for (const quant of ['f32', 'q8', 'q4'] as const) {
    assert.equal(await ofFixture('qwen3moe-q4_k_m', quant), { quant, formats: formatsFor(quant) })
  }
})

test("of floats are the packing's", async () => {
  assert.equal(await ofTypes(() => 'F16'), { quant: 'q4', formats: formatsFor('q4') })
  const isExpert = (name: string) => name.includes('_exps')
  assert.equal(await ofTypes((name) => (isExpert(name) ? 'Q6_K' : 'BF16')), { quant: 'q8', formats: formatsFor('q8') })
  assert.equal(await ofTypes((name) => (isExpert(name) ? 'Q4_1' : 'BF16')), {
    quant: 'q4',
    formats: {
      ...formatsFor('q4'),
      pieces: {
        'layers.0.mlp.*/gate_up': 'q4m',
        'layers.0.mlp.*/down': 'q4m',
        'layers.1.mlp.*/gate_up': 'q4m',
        'layers.1.mlp.*/down': 'q4m',
      },
    },
  })
})

test('leave room for MXFP4 beside floats', async () => {
  const typeOf = (name: string) => (/blk.0.ffn_down_exps|attn/.test(name) ? 'MXFP4' : 'Q8_0')
  const found = await ofTypes(typeOf, 'f32')
  assert.equal(found, {
    quant: 'f32',
    formats: {
      ...formatsFor('f32', 'mxfp4'),
      pieces: { 'layers.0.mlp.*/gate_up': 'f32', 'layers.1.mlp.*/gate_up': 'f32', 'layers.1.mlp.*/down': 'f32' },
    },
  })
})

test('name experts one by one if they differ', async () => {
  const { formats } = await ofChanged((tensors) => {
    const down = tensors.get('blk.0.ffn_down_exps.weight') as Tensor
    for (let e = 0; e < down.shape[0]; e++) {
      tensors.set(`blk.0.ffn_down.${e}.weight`, { ...select(down, 0, e), dtype: e === 3 ? 'Q8_0' : 'Q4_0' })
    }
  })
  assert.equal(formats.pieces, { 'layers.0.mlp.3/down': 'q8' })
})

test.run()
