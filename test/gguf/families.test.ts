import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { convertModel } from '#molm/index.js'
import { readFamilyExpected } from '../support/family-fixtures.js'
import { checkForward, checkGreedy } from '../support/family-results.js'
import { fixturePath } from '../support/fixtures.js'
import { decodeTensor, encodeTensor, type TypeName } from '../support/gguf-blocks.js'
import { type GgufChoices, ggufFiles, ggufModelOf, writeGguf } from '../support/gguf-model.js'
import { withModel } from '../support/models.js'
import { packGguf } from '../support/packed-gguf.js'
import { type WrittenTensor, writeRandomCheckpoint, writeTensors } from '../support/synthetic-checkpoint.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'

/**
 * Every checkpoint whose model a GGUF file can describe, written as llama.cpp's converter would. Each file differs in
 * another way that leaves the model the same. BF16 and F16 hold the weights of checkpoints of these types exactly. The
 * checkpoint with MXFP4 experts is a fixture of its own (packed-logits.test.ts).
 */
const CHECKPOINTS: Readonly<Record<string, GgufChoices>> = {
  '21-granitemoe-f32': { alignment: 64 },
  '22-granitemoe-bf16-sharded': { typeOf: () => 'BF16', shuffle: 1 },
  '23-granitemoeshared-f16': { typeOf: () => 'F16', parts: 3 },
  '31-olmoe-f32': { parts: 3, emptyFirst: true, shuffle: 2 },
  '44-qwen3moe-yarn-f32': { joined: true },
  '45-qwen2moe-f32': { squeezed: true },
  '51-mixtral-f32': { alignment: 8 },
  '71-gptoss-bf16-sharded': { typeOf: () => 'BF16', parts: 2, alignment: 128 },
  '81-lfm2moe-f32': { shuffle: 3 },
  '101-ernie45moe-f32': { squeezed: true, parts: 2 },
  '102-ernie45moe-bf16-sharded': { typeOf: () => 'BF16' },
  '151-smallthinker-f32': { joined: true, shuffle: 4 },
  '152-smallthinker-window-bf16-sharded': { typeOf: () => 'BF16' },
}

const families = suite('GGUF files of the families')

for (const [name, choices] of Object.entries(CHECKPOINTS)) {
  families(`${name}: the logits, routes and greedy text of the checkpoint`, () =>
    inTemporaryFolder(async (dir) => {
      const expected = readFamilyExpected(name)
      const packed = join(dir, 'packed')
      await packGguf(await writeGguf(fixturePath(name), dir, name, choices), packed, 'f32')
      await withModel(packed, { threads: 1 }, async (model) => {
        await checkForward(model, expected)
        await checkGreedy(model, expected)
      })
    }),
  )
}

families.run()

const lossless = suite('levels that a packing takes as they are')

const SHAPE = {
  ...{
    model_type: 'olmoe',
    architectures: ['OlmoeForCausalLM'],
    vocab_size: 96,
    hidden_size: 64,
    norm_topk_prob: false,
  },
  ...{ intermediate_size: 96, num_hidden_layers: 2, num_attention_heads: 4, num_key_value_heads: 4, num_experts: 3 },
  ...{ num_experts_per_tok: 2, max_position_embeddings: 64, bos_token_id: 94, eos_token_id: 95 },
}

for (const [type, quant] of [
  ['Q4_0', 'q4'],
  ['Q8_0', 'q8'],
] as const) {
  lossless(`${quant} of ${type} is ${quant} of the same weights in floats, if bfloat16 holds the scales`, () =>
    inTemporaryFolder(async (dir) => {
      await writeRandomCheckpoint(dir, SHAPE)
      const model = await ggufModelOf(dir, { typeOf: () => type })
      const blockBytes = { Q4_0: 18, Q8_0: 34 }[type]
      const number = { Q4_0: 2, Q8_0: 8 }[type]
      for (const tensor of model.tensors) {
        if (tensor.type === number) shortenScales(tensor.data, blockBytes)
      }
      const files = ggufFiles(model, 'model', {})
      await writeFile(join(dir, 'model.gguf'), files.get('model.gguf') as Uint8Array)
      await writeTensors(dir, SHAPE, await roundedCheckpoint(dir, type, blockBytes))
      const packed = { own: join(dir, 'own'), floats: join(dir, 'floats') }
      await packGguf(join(dir, 'model.gguf'), packed.own, quant)
      await convertModel(dir, packed.floats, { quant, threads: 1 })
      const own = await dataOf(packed.own, quant)
      const floats = await dataOf(packed.floats, quant)
      assert.is(own.length, floats.length)
      assert.ok(own.equals(floats), 'the packed weights differ')
    }),
  )
}

/** Drops the three lowest bits of each block's scale, so that bfloat16 holds it. */
function shortenScales(data: Uint8Array, blockBytes: number): void {
  for (let at = 0; at < data.length; at += blockBytes) data[at] &= 0xf8
}

/** Tensors of a checkpoint after the same rounding, in its own names and order. */
async function roundedCheckpoint(dir: string, type: TypeName, blockBytes: number): Promise<Map<string, WrittenTensor>> {
  const { config: _, tensors } = await writeRandomCheckpoint(dir, SHAPE)
  const rounded = new Map<string, WrittenTensor>()
  for (const [name, values] of tensors) {
    const shape = shapeOf(name, values.length)
    if (/norm|mlp\.gate\./.test(name)) {
      rounded.set(name, { shape, values: Float32Array.from(values) })
      continue
    }
    const data = encodeTensor(type, Float32Array.from(values))
    shortenScales(data, blockBytes)
    rounded.set(name, { shape, values: decodeTensor(type, data) })
  }
  return rounded
}

function shapeOf(name: string, count: number): number[] {
  if (name.includes('norm')) return [count]
  const cols = name.includes('down_proj') ? SHAPE.intermediate_size : SHAPE.hidden_size
  return [count / cols, cols]
}

/** Weights of a packed file, without its header. */
async function dataOf(folder: string, quant: string): Promise<Buffer> {
  const bytes = await readFile(join(folder, `model-${quant}.molm.safetensors`))
  return bytes.subarray(8 + Number(bytes.readBigUInt64LE(0)))
}

lossless.run()
