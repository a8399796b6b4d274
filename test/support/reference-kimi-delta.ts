import { forward, type Passed } from './reference-families.js'
import { type GroupedKeys, grouped, latentAttention } from './reference-latent.js'
import type { Reader, ReferenceTensors, Row } from './reference-layers.js'
import { dot, rmsNorm, sigmoid } from './reference-math.js'

/* Ling 3.0 and Kimi Linear in double precision, as plainly as their formulas. */

export interface KimiDeltaKeys extends GroupedKeys {
  layer_group_size?: number
  short_conv_kernel_size?: number
  no_kda_lora?: boolean
  kda_lower_bound?: number | null
  gated_attention_proj_granularity_type?: 'head_wise' | 'element_wise' | null
  linear_attn_config?: {
    full_attn_layers: number[]
    num_heads: number
    head_dim: number
    short_conv_kernel_size: number
  }
  linear_key_head_dim?: number
  linear_num_key_heads?: number
  moe_router_activation_func?: 'sigmoid' | 'softmax'
  moe_renormalize?: boolean
  num_experts_per_token?: number
  num_expert_group?: number
}

/** Ling 3.0: latent attention at the end of each group of layers, and in the layers of a last group that is not whole. */
export function bailingHybridForward(keys: KimiDeltaKeys, stored: ReferenceTensors, tokens: readonly number[]): Passed {
  const { layer_group_size: group = 6, num_hidden_layers: L, rms_norm_eps: eps = 1e-6 } = keys
  const { gated_attention_proj_granularity_type: granularity, kda_lower_bound: bound = -5 } = keys
  const isLatent = (l: number) => (l + 1) % group === 0 || l >= Math.floor(L / group) * group
  const k = keys.num_experts_per_tok ?? 8
  const groups = { n_group: keys.n_group ?? 8, topk_group: keys.topk_group ?? 4, norm_topk_prob: k > 1 }
  const gate = granularity ? ({ head_wise: 'head', element_wise: 'channel' } as const)[granularity] : undefined
  const shape = { heads: keys.num_attention_heads, size: keys.head_dim ?? 128, taps: keys.short_conv_kernel_size ?? 4 }
  const renamed = renamedBy(stored, (key) => key.replace('word_embeddings', 'embed_tokens'))
  return forward(keys, renamed, tokens, {
    eps,
    isTied: keys.tie_word_embeddings ?? false,
    mix(l, y, read) {
      const key = `model.layers.${l}.attention`
      const flat = { ...keys, partial_rotary_factor: undefined }
      return isLatent(l)
        ? latentAttention(read, key, y, flat, { theta: 6e6, gate, output: 'dense' })
        : kimiDelta(read, key, y, { ...shape, eps, bound })
    },
    feed: grouped({ ...keys, ...groups }, { score: 'sigmoid', factor: 2.5, theta: 6e6, eps, bias: 'expert_bias' }),
  })
}

/** Kimi Linear: latent attention without positions in listed layers. */
export function kimiLinearForward(keys: KimiDeltaKeys, stored: ReferenceTensors, tokens: readonly number[]): Passed {
  const { linear_attn_config: own, rms_norm_eps: eps = 1e-5, moe_router_activation_func: score = 'sigmoid' } = keys
  const isFull = (l: number) =>
    own && !keys.layer_types ? own.full_attn_layers.includes(l + 1) : keys.layer_types?.[l] === 'full_attention'
  const k = keys.num_experts_per_token ?? keys.num_experts_per_tok ?? 8
  const divides = (keys.moe_renormalize ?? keys.norm_topk_prob ?? true) && k > 1
  const groups = { n_group: keys.num_expert_group ?? keys.n_group, norm_topk_prob: divides, num_experts_per_tok: k }
  const shape = {
    heads: own?.num_heads ?? keys.linear_num_key_heads ?? 32,
    size: own?.head_dim ?? keys.linear_key_head_dim ?? 128,
    taps: own?.short_conv_kernel_size ?? 4,
  }
  const names: Record<string, string> = { w1: 'gate_proj', w2: 'down_proj', w3: 'up_proj' }
  const renamed = renamedBy(stored, (key) =>
    key.replace('block_sparse_moe', 'mlp').replace(/(?<=experts\.\d+\.)w\d/, (name) => names[name]),
  )
  return forward(keys, renamed, tokens, {
    eps,
    isTied: keys.tie_word_embeddings ?? false,
    mix(l, y, read) {
      const key = `model.layers.${l}.self_attn`
      return isFull(l)
        ? latentAttention(read, key, y, { ...keys, rope_scaling: null }, { theta: 1e4, isFlat: true })
        : kimiDelta(read, key, y, { ...shape, eps, bound: null })
    },
    feed: grouped({ ...keys, ...groups }, { score, factor: own ? 1 : 2.446, theta: 1e4, eps, isThird: true }),
  })
}

function renamedBy(tensors: ReferenceTensors, rename: (key: string) => string): ReferenceTensors {
  return new Map([...tensors].map(([key, values]) => [rename(key), values]))
}

interface DeltaRules {
  heads: number
  size: number
  taps: number
  eps: number
  bound: number | null
}

const silu = (x: number) => x * sigmoid(x)
const softplus = (x: number) => Math.log1p(Math.exp(x))
const unit = (head: Row) => head.map((x) => x / Math.sqrt(dot(head, head) + 1e-6))

/** Kimi's delta attention, with the paper's recurrence. */
function kimiDelta(read: Reader, key: string, y: Row[], { heads: H, size, taps, eps, bound }: DeltaRules): Row[] {
  const [rates, bias, norm] = [read.get(`${key}.A_log`), read.get(`${key}.dt_bias`), read.get(`${key}.o_norm.weight`)]
  const filtered = (name: string) => {
    const filter = read.get(`${key}.${name}_conv1d.weight`)
    const raw = y.map((row) => read.linear(`${key}.${name}_proj`, row))
    return raw.map((row, t) =>
      row.map((_, c) => {
        let sum = 0
        for (let i = 0; i < taps; i++) sum += filter[c * taps + i] * (raw[t - taps + 1 + i]?.[c] ?? 0)
        return silu(sum)
      }),
    )
  }
  const [queries, keys, values] = ['q', 'k', 'v'].map(filtered)
  const low = (name: string, row: Row) =>
    read.has(`${key}.${name}_proj.weight`)
      ? read.linear(`${key}.${name}_proj`, row)
      : read.linear(`${key}.${name}_b_proj`, read.linear(`${key}.${name}_a_proj`, row))
  const S = Array.from({ length: H }, () => Array.from({ length: size }, () => new Float64Array(size)))
  return y.map((row, t) => {
    const [f, z, b] = [low('f', row), low('g', row), read.linear(`${key}.b_proj`, row)]
    const o = new Float64Array(H * size)
    for (let h = 0; h < H; h++) {
      const ofHead = (all: Row) => all.subarray(h * size, (h + 1) * size)
      const q = unit(ofHead(queries[t])).map((x) => x / Math.sqrt(size))
      const k = unit(ofHead(keys[t]))
      const v = ofHead(values[t])
      const decays = ofHead(f).map((x, i) => {
        const [A, u] = [Math.exp(rates[h]), x + bias[h * size + i]]
        return Math.exp(bound === null ? -A * softplus(u) : bound * sigmoid(A * u))
      })
      const out = new Float64Array(size)
      for (let c = 0; c < size; c++) {
        for (let i = 0; i < size; i++) S[h][i][c] *= decays[i]
        const known = k.reduce((sum, x, i) => sum + x * S[h][i][c], 0)
        for (let i = 0; i < size; i++) {
          S[h][i][c] += k[i] * sigmoid(b[h]) * (v[c] - known)
          out[c] += S[h][i][c] * q[i]
        }
      }
      o.set(
        rmsNorm(out, norm, eps).map((x, c) => x * sigmoid(z[h * size + c])),
        h * size,
      )
    }
    return read.linear(`${key}.o_proj`, o)
  })
}
