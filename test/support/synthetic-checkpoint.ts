import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { layoutOf, parseConfig, publishedFormats } from '#molm/architectures/index.js'
import type { ModuleFormerConfig } from '#molm/architectures/moduleformer.js'
import type { ModelConfig } from '#molm/model/config.js'
import { randomMxfp4 } from './mxfp4.js'
import { normals } from './random.js'
import type { Tensors } from './reference-model.js'
import { safetensors } from './safetensors-writer.js'

/** Default keys of config.json: a small model. */
const SMALL = {
  model_type: 'moduleformer',
  architectures: ['ModuleFormerForCausalLM'],
  vocab_size: 67,
  n_embd: 40,
  n_layer: 2,
  n_head: 2,
  att_hidden: 24,
  ffd_hidden: 52,
  gating_size: 20,
  n_att_experts: 5,
  n_mlp_experts: 7,
  k_att: 2,
  k_mlp: 3,
  bos_token_id: 66,
  eos_token_id: 66,
}

/** Writes a checkpoint of random float32 weights to `dir`, as config.json and model.safetensors. */
export async function writeCheckpoint(
  dir: string,
  json: Record<string, unknown>,
  seed = 1,
): Promise<{ config: ModuleFormerConfig; tensors: Tensors }> {
  const { config, tensors } = await writeRandomCheckpoint(dir, { ...SMALL, ...json }, seed)
  return { config: config as ModuleFormerConfig, tensors }
}

/**
 * Writes such a checkpoint of any architecture. `keys` are all keys of config.json; `gain` multiplies a tensor's
 * spread. Experts are MXFP4 if config.json says so; the result has the tensors of floats alone.
 */
export async function writeRandomCheckpoint(
  dir: string,
  keys: Record<string, unknown>,
  seed = 1,
  gain: (key: string) => number = () => 1,
): Promise<{ config: ModelConfig; tensors: Tensors }> {
  const config = parseConfig(keys, 'config.json')
  const tensors = randomTensors(config, seed, gain)
  await writeTensors(dir, keys, tensors)
  const floats = [...tensors].flatMap(([name, { values }]) =>
    values instanceof Uint8Array ? [] : [[name, values] as const],
  )
  return { config, tensors: new Map(floats) }
}

/** A tensor of a checkpoint. Bytes are U8; floats are F32, or BF16 if `isHalf` is true. */
export interface WrittenTensor {
  shape: readonly number[]
  values: Float32Array | Uint8Array
  isHalf?: boolean
}

/** Writes config.json and model.safetensors. */
export async function writeTensors(
  dir: string,
  keys: object,
  tensors: ReadonlyMap<string, WrittenTensor>,
): Promise<void> {
  const header: Record<string, unknown> = {}
  const chunks: Uint8Array[] = []
  let at = 0
  for (const [name, { values, shape, isHalf = false }] of tensors) {
    const dtype = values instanceof Uint8Array ? 'U8' : isHalf ? 'BF16' : 'F32'
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
    const chunk = isHalf ? bytes.filter((_, i) => i % 4 >= 2) : bytes
    header[name] = { dtype, shape, data_offsets: [at, at + chunk.length] }
    chunks.push(chunk)
    at += chunk.length
  }
  await writeFile(join(dir, 'config.json'), JSON.stringify(keys))
  await writeFile(join(dir, 'model.safetensors'), safetensors(header, Buffer.concat(chunks)))
}

function randomTensors(
  config: ModelConfig,
  seed: number,
  gain: (key: string) => number,
): Map<string, { values: Float32Array | Uint8Array; shape: number[] }> {
  const next = normals(seed)
  const tensors = new Map<string, { values: Float32Array | Uint8Array; shape: number[] }>()
  for (const part of layoutOf(config, publishedFormats(config, 'f32')).parts) {
    for (const { tensor, scales, rows, cols } of part.pieces.flatMap(({ sources }) => sources)) {
      const { key, shape } = tensor
      if (tensors.has(key)) continue
      if (scales) {
        const experts = tensor.shape[0]
        const weights = randomMxfp4(experts * rows, cols, seed)
        tensors.set(key, { values: weights.blocks, shape })
        tensors.set(scales.tensor.key, { values: weights.scales, shape: scales.tensor.shape })
        continue
      }
      const scale = gain(key) * scaleOf(key, shape)
      const centre = /(ln_\w+|norm)\.weight$/.test(key) ? 1 : 0
      const values = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => centre + scale * next())
      tensors.set(key, { values, shape })
    }
  }
  return tensors
}

/** Spread of a tensor that keeps every step of the model near unit size, with clear decisions of routers and heads. */
function scaleOf(key: string, shape: number[]): number {
  if (/wte|embed_tokens/.test(key)) return 1
  if (shape.length === 1) return 0.2
  const inputs = shape.length === 3 ? shape[1] : shape[shape.length - 1]
  const gain = key.includes('gate') || key.includes('head') ? 2 : 1
  return gain / Math.sqrt(inputs)
}
