import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { convertModel } from '#molm/index.js'
import { decodeTensor, encodeTensor } from '../support/gguf-blocks.js'
import { ggufFiles, ggufModelOf } from '../support/gguf-model.js'
import { packGguf } from '../support/packed-gguf.js'
import { type WrittenTensor, writeRandomCheckpoint, writeTensors } from '../support/synthetic-checkpoint.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'

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
async function roundedCheckpoint(
  dir: string,
  type: 'Q4_0' | 'Q8_0',
  blockBytes: number,
): Promise<Map<string, WrittenTensor>> {
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
