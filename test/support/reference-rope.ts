import type { Rotation } from './reference-layers.js'

const { fround: f32, log, PI } = Math

/** Object of `rope_scaling` or `rope_parameters`. */
export interface RopeObject {
  rope_theta?: number
  rope_type?: string
  type?: string
  factor?: number
  beta_fast?: number
  beta_slow?: number
  truncate?: boolean
  attention_factor?: number
  original_max_position_embeddings?: number
  partial_rotary_factor?: number
}

export interface RopeKeys {
  rope_theta?: number
  rope_scaling?: RopeObject | null
  rope_parameters?: (RopeObject & { full_attention?: RopeObject; sliding_attention?: RopeObject }) | null
  max_position_embeddings?: number
}

/**
 * Rotary positions of the keys of config.json, in the float32 steps of Hugging Face transformers. Of an odd number of
 * channels the last pair has one more.
 */
export function rotationOf(
  keys: RopeKeys,
  headSize: number,
  defaults: { theta: number; scaling?: RopeObject },
): Rotation {
  const absent = keys.rope_scaling === undefined ? defaults.scaling : undefined
  const rope = keys.rope_scaling ?? keys.rope_parameters ?? absent ?? {}
  const theta = rope.rope_theta ?? keys.rope_theta ?? defaults.theta
  const powers = Array.from({ length: Math.ceil(headSize / 2) }, (_, i) => f32(theta ** f32((2 * i) / headSize)))
  const type = rope.rope_type ?? rope.type ?? 'default'
  if (type === 'default') return { frequencies: powers.map((p) => f32(1 / p)) }
  const { factor, partial_rotary_factor: share = 1 } = rope
  if (type === 'proportional') {
    const turned = Math.floor((share * headSize) / 2)
    return { frequencies: powers.map((p, i) => (i < turned ? f32(1 / p) : 0)) }
  }
  if (type === 'linear' && factor) return { frequencies: powers.map((p) => f32(f32(1 / p) / factor)) }
  if (type !== 'yarn' || rope.factor === undefined) throw new Error(`no reference for ${type}`)

  const F = f32(rope.factor)
  const M = rope.original_max_position_embeddings ?? keys.max_position_embeddings ?? Number.NaN
  const channel = (turns: number) => (headSize * log(M / (2 * PI * turns))) / (2 * log(theta))
  const [low, high] = [channel(rope.beta_fast ?? 32), channel(rope.beta_slow ?? 1)]
  const first = Math.max(rope.truncate === false ? low : Math.floor(low), 0)
  const end = Math.min(rope.truncate === false ? high : Math.ceil(high), headSize - 1)
  const last = end === first ? end + 0.001 : end
  const frequencies = powers.map((p, i) => {
    const r = f32(Math.min(1, Math.max(0, (i - first) / (last - first))))
    return f32(r * f32(1 / f32(F * p)) + (1 - r) * f32(1 / p))
  })
  const size = rope.attention_factor ?? (rope.factor <= 1 ? 1 : 0.1 * log(rope.factor) + 1)
  return { frequencies, size }
}
