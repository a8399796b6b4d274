import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ModelConfig } from '#molm/model/config/config.js'
import { layoutOf, parseConfig, publishedFormats } from '#molm/model/families/index.js'
import type { ModuleFormerConfig } from '#molm/model/families/moduleformer/moduleformer.js'
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

export interface WeightOptions {
  /** Factor of a tensor's spread. Default 1. */
  gain?: (key: string) => number
  /** Least and most exponents of MXFP4 blocks. Default: weights of unit products. */
  scales?: readonly [number, number]
  /** Whether weights are BF16, all but routers, their biases, and bytes. Default false. */
  isHalf?: boolean
}

/**
 * Writes such a checkpoint of any architecture. `keys` are all keys of config.json. Experts are MXFP4 if config.json says
 * so; the result has the tensors of floats alone.
 */
export async function writeRandomCheckpoint(
  dir: string,
  keys: Record<string, unknown>,
  seed = 1,
  options: WeightOptions = {},
): Promise<{ config: ModelConfig; tensors: Tensors }> {
  const written = randomTensors(keys, seed, options)
  await writeTensors(dir, keys, written)
  const floats = [...written].flatMap(([name, { values }]) =>
    values instanceof Uint8Array ? [] : [[name, values] as const],
  )
  return { config: parseConfig(keys, 'config.json'), tensors: new Map(floats) }
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

/** Random weights for a config.json, reproducible by seed, with clear decisions of routers and heads. */
export function randomTensors(
  keys: Record<string, unknown>,
  seed: number,
  { gain = () => 1, scales: exponents, isHalf = false }: WeightOptions = {},
): Map<string, WrittenTensor> {
  // JSON has no undefined keys.
  const config = parseConfig(JSON.parse(JSON.stringify(keys)), 'config.json')
  const next = normals(seed)
  const tensors = new Map<string, WrittenTensor>()
  for (const part of layoutOf(config, publishedFormats(config, 'f32')).parts) {
    for (const { tensor, scales, rows, cols } of part.pieces.flatMap(({ sources }) => sources)) {
      const { key, shape } = tensor
      if (tensors.has(key)) continue
      if (scales) {
        const weights = randomMxfp4(tensor.shape[0] * rows, cols, seed + tensors.size, exponents)
        tensors.set(key, { values: weights.blocks, shape })
        tensors.set(scales.tensor.key, { values: weights.scales, shape: scales.tensor.shape })
        continue
      }
      const scale = gain(key) * scaleOf(key, shape)
      const centre = /(ln_\w+|norm|norm_f)\.weight$|_scale$|temp$/.test(key) ? 1 : 0
      const values = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => centre + scale * next())
      const isRounded = isHalf && !/gate\.weight$|expert_bias$|correction_bias$|balancing_biases$/.test(key)
      tensors.set(key, { values: isRounded ? bfloats(values) : values, shape, isHalf: isRounded })
    }
  }
  return tensors
}

/** Drops the bits that BF16 has not. */
function bfloats({ buffer }: Float32Array): Float32Array {
  return new Float32Array(new Uint32Array(buffer).map((word) => word & 0xffff0000).buffer)
}

/** Spread of a tensor that keeps every step of the model near unit size, with clear decisions of routers and heads. */
function scaleOf(key: string, shape: number[]): number {
  if (/wte|embed_tokens|embeddings|sinks$/.test(key)) return 1
  if (/(conv\.conv|mamba\.conv1d|mixer\.conv1d)\.weight$/.test(key)) return 0.6
  if (shape.length === 1 || key.endsWith('bias')) return 0.2
  const inputs = shape.length === 3 ? shape[1] : shape[shape.length - 1]
  const gain = /gate|head|primary_router|mlp\.router/.test(key) ? 2 : 1
  return gain / Math.sqrt(inputs)
}
