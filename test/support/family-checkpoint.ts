import type { Shapes } from './family-shapes.js'
import { integers, normals } from './random.js'
import type { WrittenTensor } from './synthetic-checkpoint.js'

export interface WeightOptions {
  /** Factor of a tensor's spread. Default 1. */
  gain?: (key: string) => number
  /** Least and most exponents of MXFP4 blocks. Default: weights of unit products. */
  scales?: readonly [number, number]
  /** Whether weights are BF16, all but routers, their biases, and bytes. Default false. */
  isHalf?: boolean
}

/** Random weights for tensors of these shapes, reproducible by seed, with clear decisions of routers and heads. */
export function randomWeights(shapes: Shapes, seed: number, options: WeightOptions = {}): Map<string, WrittenTensor> {
  const { gain = () => 1, scales = [121, 123], isHalf = false } = options
  const next = normals(seed)
  const weights = new Map<string, WrittenTensor>()
  for (const [key, shape] of shapes) {
    const count = shape.reduce((a, b) => a * b, 1)
    if (key.endsWith('_blocks')) {
      weights.set(key, { shape, values: Uint8Array.from(integers(count, seed + weights.size, 256)) })
    } else if (key.endsWith('_scales')) {
      const [least, most] = scales
      const exponents = integers(count, seed + weights.size, most - least + 1)
      weights.set(key, { shape, values: Uint8Array.from(exponents, (n) => least + n) })
    } else {
      const spread = gain(key) * spreadOf(key, shape)
      const centre = /norm\.weight$/.test(key) ? 1 : 0
      const values = Float32Array.from({ length: count }, () => centre + spread * next())
      const isRounded = isHalf && !/gate\.weight$|expert_bias$|correction_bias$/.test(key)
      weights.set(key, { shape, values: isRounded ? bfloats(values) : values, isHalf: isRounded })
    }
  }
  return weights
}

/** Drops the bits that BF16 has not. */
function bfloats(values: Float32Array): Float32Array {
  const bits = new Uint32Array(values.buffer)
  return new Float32Array(bits.map((word) => word & 0xffff0000).buffer)
}

function spreadOf(key: string, shape: readonly number[]): number {
  if (key.includes('embed_tokens')) return 1
  if (/conv\.weight$/.test(key)) return 0.6
  if (/bias$|norm\.weight$|sinks$/.test(key)) return key.endsWith('sinks') ? 1 : 0.2
  const isTransposed = /experts\.\w+_proj$/.test(key)
  const inputs = isTransposed ? shape[1] : shape[shape.length - 1]
  return (/gate\.weight|router|head/.test(key) ? 2 : 1) / Math.sqrt(inputs)
}
