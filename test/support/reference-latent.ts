import { forward, headsOf, type Keys, largest, ofExperts, type Passed, total } from './reference-families.js'
import { attention, type Reader, type ReferenceTensors, type Row, rotated, softmax } from './reference-layers.js'
import { dot, rmsNorm, sigmoid } from './reference-math.js'
import { type RopeObject, rotationOf } from './reference-rope.js'

/*
 * Families with DeepSeek's mixtures in double precision, like those in reference-families.ts. Latent attention rebuilds
 * the keys and values of each head here, as the papers write it.
 */

type Scaling = RopeObject & { mscale?: number; mscale_all_dim?: number }

export interface GroupedKeys extends Keys {
  q_lora_rank?: number | null
  kv_lora_rank?: number
  qk_nope_head_dim?: number
  qk_rope_head_dim?: number
  v_head_dim?: number
  rope_interleave?: boolean
  rope_scaling?: Scaling | null
  partial_rotary_factor?: number
  topk_method?: string
  n_group?: number
  topk_group?: number
  use_qk_norm?: boolean
}

interface Defaults {
  score: 'softmax' | 'sigmoid'
  factor: number
  theta: number
  eps: number
  /** Names of the bias of the choice. */
  bias?: string
  /** Whether softmax scores follow the rule of sigmoid ones. */
  isThird?: boolean
}

interface LatentRules {
  theta: number
  /** Whether no channel turns. */
  isFlat?: boolean
  gate?: 'head' | 'channel'
  output?: string
}

/** The rule of DeepSeek's routers, and the experts beside the shared ones. */
export function grouped(keys: GroupedKeys, defaults: Defaults) {
  const { score, factor, bias = 'e_score_correction_bias', isThird = score === 'sigmoid' } = defaults
  return (l: number, y: Row, _: Row, read: Reader) => {
    const mlp = `model.layers.${l}.mlp`
    if (!read.has(`${mlp}.gate.weight`)) return { outputs: [{ gate: 1, y: read.gated(mlp, y) }] }
    const z = [...read.linear(`${mlp}.gate`, y)]
    const s = score === 'sigmoid' ? z.map(sigmoid) : softmax(z)
    const biases = read.has(`${mlp}.gate.${bias}`) ? read.get(`${mlp}.gate.${bias}`) : []
    const ranks = s.map((value, e) => value + (biases[e] ?? 0))
    const isGrouped = isThird || keys.topk_method === 'group_limited_greedy'
    const [groups, kept] = isGrouped ? [keys.n_group ?? 1, keys.topk_group ?? 1] : [1, 1]
    const size = ranks.length / groups
    const ofGroups = Array.from({ length: groups }, (_, g) => {
      const [first, second = 0] = ranks.slice(g * size, (g + 1) * size).sort((a, b) => b - a)
      return isThird ? first + second : first
    })
    const best = largest(ofGroups, kept)
    const free = ranks.map((rank, e) => (best.includes(Math.floor(e / size)) ? rank : Number.NEGATIVE_INFINITY))
    const ids = largest(free, keys.num_experts_per_tok ?? 8)
    const isNormalised = isThird && (keys.norm_topk_prob ?? true)
    const whole = isNormalised ? total(ids, s) + 1e-20 : 1
    const chosen = ids.map((id) => ({ id, gate: (s[id] / whole) * (keys.routed_scaling_factor ?? factor) }))
    const hasShared = read.has(`${mlp}.shared_experts.gate_proj.weight`)
    const shared = hasShared ? [{ gate: 1, y: read.gated(`${mlp}.shared_experts`, y) }] : []
    return { chosen, outputs: [...ofExperts(chosen, (e) => read.gated(`${mlp}.experts.${e}`, y)), ...shared] }
  }
}

/** Latent attention of normed rows. */
export function latentAttention(
  read: Reader,
  key: string,
  y: readonly Row[],
  keys: GroupedKeys,
  { theta, isFlat, gate, output = 'o_proj' }: LatentRules,
): Row[] {
  const { num_attention_heads: H, kv_lora_rank: r = 512, qk_nope_head_dim: a = 128 } = keys
  const { qk_rope_head_dim: c = 64, v_head_dim: v = 128, rope_scaling: scaling } = keys
  const sizeBy = (mscale: number) => 0.1 * mscale * Math.log(scaling?.factor ?? 1) + 1
  const { mscale, mscale_all_dim: all } = scaling ?? {}
  const rotation = {
    ...rotationOf(keys, c, { theta }),
    ...(mscale && all && { size: sizeBy(mscale) / sizeBy(all) }),
    pairs: (keys.rope_interleave ?? true) ? ('neighbours' as const) : ('halves' as const),
  }
  const placed = (row: Row, t: number) => (isFlat ? row : rotated(row, t, rotation))
  const scale = (all ? sizeBy(all) ** 2 : 1) / Math.sqrt(a + c)
  const latentNorm = (row: Row, name: string) => rmsNorm(row, read.get(`${key}.${name}.weight`), 1e-6)
  const queries = y.map((row, t) => {
    const low = read.has(`${key}.q_a_proj.weight`)
      ? latentNorm(read.linear(`${key}.q_a_proj`, row), 'q_a_layernorm')
      : undefined
    const q = low ? read.linear(`${key}.q_b_proj`, low) : read.linear(`${key}.q_proj`, row)
    return Array.from({ length: H }, (_, h) => {
      const head = q.subarray(h * (a + c), (h + 1) * (a + c))
      return Float64Array.from([...head.subarray(0, a), ...placed(head.subarray(a), t)])
    })
  })
  const cached = y.map((row, t) => {
    const both = read.linear(`${key}.kv_a_proj_with_mqa`, row)
    const rebuilt = read.linear(`${key}.kv_b_proj`, latentNorm(both.subarray(0, r), 'kv_a_layernorm'))
    const turned = placed(both.subarray(r), t)
    return Array.from({ length: H }, (_, h) => {
      const head = rebuilt.subarray(h * (a + v), (h + 1) * (a + v))
      return { key: Float64Array.from([...head.subarray(0, a), ...turned]), value: head.subarray(a) }
    })
  })
  return y.map((_, t) => {
    const o = new Float64Array(H * v)
    for (let h = 0; h < H; h++) {
      const seen = cached.slice(0, t + 1).map((heads) => heads[h])
      const weights = softmax(seen.map(({ key }) => scale * dot(queries[t][h], key)))
      for (const [i, { value }] of seen.entries()) {
        for (let channel = 0; channel < v; channel++) o[h * v + channel] += weights[i] * value[channel]
      }
    }
    const z = gate ? read.linear(`${key}.g_proj`, y[t]) : []
    const gated = gate ? o.map((x, i) => x * sigmoid(z[gate === 'head' ? Math.floor(i / v) : i])) : o
    return read.linear(`${key}.${output}`, gated)
  })
}

const latent =
  (defaults: Defaults) =>
  (keys: GroupedKeys, tensors: ReferenceTensors, tokens: readonly number[]): Passed =>
    forward(keys, tensors, tokens, {
      eps: keys.rms_norm_eps ?? defaults.eps,
      isTied: keys.tie_word_embeddings ?? false,
      mix: (l, y, read) => latentAttention(read, `model.layers.${l}.self_attn`, y, keys, defaults),
      feed: grouped(keys, defaults),
    })

export const deepseek2Forward = latent({ score: 'softmax', factor: 1, theta: 1e4, eps: 1e-6 })
export const deepseek3Forward = latent({ score: 'sigmoid', factor: 2.5, theta: 1e4, eps: 1e-6 })
export const glmLiteForward = latent({ score: 'sigmoid', factor: 1.8, theta: 1e4, eps: 1e-5 })

/** GLM-4.5: the first part of each head turns. */
export function glmForward(keys: GroupedKeys, tensors: ReferenceTensors, tokens: readonly number[]): Passed {
  const eps = keys.rms_norm_eps ?? 1e-5
  return forward(keys, tensors, tokens, {
    eps,
    isTied: keys.tie_word_embeddings ?? false,
    mix(l, y, read) {
      const headNorms = keys.use_qk_norm ? eps : undefined
      return turnedInPart(read, `model.layers.${l}.self_attn`, y, keys, { share: 0.5, theta: 1e4, headNorms })
    },
    feed: grouped(keys, { score: 'sigmoid', factor: 1, theta: 1e4, eps }),
  })
}

/** Ling 2: as GLM, with one matrix of queries, keys and values. */
export function bailingForward(keys: GroupedKeys, tensors: ReferenceTensors, tokens: readonly number[]): Passed {
  const eps = keys.rms_norm_eps ?? 1e-6
  const isNormalised = (keys.num_experts_per_tok ?? 8) > 1
  const groups = { n_group: keys.n_group ?? 8, topk_group: keys.topk_group ?? 4, norm_topk_prob: isNormalised }
  return forward(keys, withUsualNames(keys, tensors), tokens, {
    eps,
    isTied: keys.tie_word_embeddings ?? false,
    mix(l, y, read) {
      const headNorms = (keys.use_qk_norm ?? true) ? eps : undefined
      return turnedInPart(read, `model.layers.${l}.self_attn`, y, keys, { share: 1, theta: 6e5, headNorms })
    },
    feed: grouped({ ...keys, ...groups }, { score: 'sigmoid', factor: 1, theta: 6e5, eps, bias: 'expert_bias' }),
  })
}

function turnedInPart(
  read: Reader,
  key: string,
  y: readonly Row[],
  keys: GroupedKeys,
  { share: usual, theta, headNorms }: { share: number; theta: number; headNorms?: number },
): Row[] {
  const headSize = keys.head_dim ?? keys.hidden_size / keys.num_attention_heads
  const share = keys.rope_parameters?.partial_rotary_factor ?? keys.partial_rotary_factor ?? usual
  const rotation = rotationOf(keys, Math.trunc(headSize * share), { theta })
  return attention(read, key, y, { ...headsOf(keys, headSize), rotation, headNorms, headNorm: 'norm' })
}

function withUsualNames(keys: GroupedKeys, tensors: ReferenceTensors): ReferenceTensors {
  const { num_attention_heads: H, num_key_value_heads: K = H } = keys
  const size = keys.head_dim ?? keys.hidden_size / H
  const named = new Map(tensors)
  for (const [key, values] of tensors) {
    const usual = key
      .replace('word_embeddings', 'embed_tokens')
      .replace('attention.dense', 'self_attn.o_proj')
      .replace(/attention\.(q|k)\w+_layernorm/, 'self_attn.$1_norm')
    named.set(usual, values)
    if (!key.includes('query_key_value')) continue
    const rows = Float64Array.from(values)
    const width = rows.length / ((H + 2 * K) * size)
    for (const [name, first, count] of [
      ['q', 0, H],
      ['k', H, K],
      ['v', H + K, K],
    ] as const) {
      const part = rows.subarray(first * size * width, (first + count) * size * width)
      named.set(key.replace('attention.query_key_value', `self_attn.${name}_proj`), part)
    }
  }
  return named
}
