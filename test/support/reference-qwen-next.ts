import { forward, headsOf, type Keys, largest, ofExperts, type Passed, total } from './reference-families.js'
import { attention, type Reader, type ReferenceTensors, type Row, softmax } from './reference-layers.js'
import { dot, rmsNorm, sigmoid } from './reference-math.js'
import { rotationOf } from './reference-rope.js'

/* Qwen3-Next and Qwen3.5 in double precision, as plainly as their formulas. */

interface NextKeys extends Keys {
  num_experts?: number
  moe_intermediate_size?: number
  full_attention_interval?: number
  linear_num_key_heads?: number
  linear_num_value_heads?: number
  linear_key_head_dim?: number
  linear_value_head_dim?: number
  linear_conv_kernel_dim?: number
  partial_rotary_factor?: number
  mlp_only_layers?: number[]
  decoder_sparse_step?: number
}

type Forward = (keys: Keys, tensors: ReferenceTensors, tokens: readonly number[]) => Passed

export const qwen35Forward: Forward = (...args) => nextForward(...args, false)
export const qwen3NextForward: Forward = (...args) => nextForward(...args, true)

/** `isNext`: Qwen3-Next, which stores the rows of a key head together, and may have dense layers. */
function nextForward(keys: NextKeys, stored: ReferenceTensors, tokens: readonly number[], isNext: boolean): Passed {
  const { rms_norm_eps: eps = 1e-6, full_attention_interval: interval = 4, num_experts_per_tok: k = 8 } = keys
  const {
    mlp_only_layers: dense = [],
    decoder_sparse_step: step = 1,
    norm_topk_prob: divides = true,
  } = isNext ? keys : {}
  return forward(keys, plain(stored, keys), tokens, {
    eps,
    isTied: !stored.has('lm_head.weight'),
    mix(l, y, read) {
      const isFull = keys.layer_types ? keys.layer_types[l] === 'full_attention' : (l + 1) % interval === 0
      const layer = `model.layers.${l}`
      if (isFull) return gatedAttention(keys, read, `${layer}.self_attn`, y, eps)
      return deltaNet(keys, read, `${layer}.linear_attn`, y, eps)
    },
    feed(l, y, _, read) {
      const mlp = `model.layers.${l}.mlp`
      const isDense = dense.includes(l) || (l + 1) % step !== 0 || keys.num_experts === 0
      if (isDense) return { outputs: [{ gate: 1, y: read.gated(mlp, y) }] }
      const p = softmax([...read.linear(`${mlp}.gate`, y)])
      const ids = largest(p, k)
      const whole = divides ? total(ids, p) : 1
      const chosen = ids.map((id) => ({ id, gate: p[id] / whole }))
      const [z] = read.linear(`${mlp}.shared_expert_gate`, y)
      const shared = { gate: sigmoid(z), y: read.gated(`${mlp}.shared_expert`, y) }
      return { chosen, outputs: [...ofExperts(chosen, (e) => read.gated(`${mlp}.experts.${e}`, y)), shared] }
    },
  })
}

/** The tensors with norms of 1 + w, a tensor for each expert's matrix, and projections of their own. */
function plain(stored: ReferenceTensors, keys: NextKeys): ReferenceTensors {
  const { hidden_size: d, moe_intermediate_size: f = 512 } = keys
  const tensors = new Map<string, ArrayLike<number>>()
  for (const [key, values] of stored) {
    const all = Float64Array.from(values)
    const [, base = '', name] =
      /^(.+)\.(gate_up_proj|down_proj|in_proj_qkvz\.weight|in_proj_ba\.weight|q_proj\.\w+)$/.exec(key) ?? []
    if (/norm\.weight$/.test(key) && !key.endsWith('linear_attn.norm.weight')) {
      tensors.set(
        key,
        all.map((w) => 1 + w),
      )
    } else if (base.endsWith('experts') && name) {
      const names = name === 'down_proj' ? ['down_proj'] : ['gate_proj', 'up_proj']
      for (let at = 0, i = 0; at < all.length; at += f * d, i++) {
        const [e, n] = [Math.floor(i / names.length), i % names.length]
        tensors.set(`${base}.${e}.${names[n]}.weight`, all.subarray(at, at + f * d))
      }
    } else if (name?.startsWith('q_proj')) {
      const [queries, gates] = byHead(all, keys.num_attention_heads, [1, 1])
      tensors.set(key, queries)
      tensors.set(key.replace('q_proj', 'gate_proj'), gates)
    } else if (name === 'in_proj_qkvz.weight') {
      const { K, share, hk, hv } = shapeOf(keys)
      const [q, k, v, z] = byHead(all, K, [hk, hk, share * hv, share * hv])
      tensors.set(`${base}.in_proj_qkv.weight`, [...q, ...k, ...v])
      tensors.set(`${base}.in_proj_z.weight`, z)
    } else if (name === 'in_proj_ba.weight') {
      const [b, a] = byHead(all, shapeOf(keys).K, [1, 1])
      tensors.set(`${base}.in_proj_b.weight`, b)
      tensors.set(`${base}.in_proj_a.weight`, a)
    } else {
      tensors.set(key, all)
    }
  }
  return tensors
}

/** Rows that are stored head by head, with `shares` of each head's rows for each of the results. */
function byHead(stored: Float64Array, heads: number, shares: readonly number[]): number[][] {
  const unit = stored.length / heads / shares.reduce((all, share) => all + share, 0)
  const parts = shares.map(() => [] as number[])
  let at = 0
  for (let head = 0; head < heads; head++) {
    for (const [i, share] of shares.entries()) {
      parts[i].push(...stored.subarray(at, at + share * unit))
      at += share * unit
    }
  }
  return parts
}

function shapeOf(keys: NextKeys) {
  const { linear_num_key_heads: K = 16, linear_num_value_heads: H = 32 } = keys
  const { linear_key_head_dim: hk = 128, linear_value_head_dim: hv = 128 } = keys
  return { K, H, hk, hv, share: H / K }
}

/** Gated attention. Only the first channels of a head turn. */
function gatedAttention(keys: NextKeys, read: Reader, key: string, y: Row[], eps: number): Row[] {
  const { partial_rotary_factor: flat = 0.25 } = keys
  const headSize = keys.head_dim ?? 256
  const inner = keys.rope_parameters as { partial_rotary_factor?: number } | null | undefined
  const turning = Math.trunc(headSize * (inner?.partial_rotary_factor ?? flat))
  const rotation = rotationOf(keys, turning, { theta: 10000 })
  const norms = { headNorms: eps, headNorm: 'norm' }
  return attention(read, key, y, { ...headsOf(keys, headSize), rotation, ...norms, gate: 'gate_proj' })
}

const headOf = (row: Row, head: number, size: number) => row.subarray(head * size, (head + 1) * size)
const silu = (x: number) => x * sigmoid(x)
const softplus = (x: number) => Math.log1p(Math.exp(x))
const unit = (head: Row) => head.map((x) => x / Math.sqrt(dot(head, head) + 1e-6))

/** Gated DeltaNet, with the paper's recurrence. */
function deltaNet(keys: NextKeys, read: Reader, key: string, y: Row[], eps: number): Row[] {
  const { K, H, hk, hv, share } = shapeOf(keys)
  const { linear_conv_kernel_dim: n = 4 } = keys
  const filter = read.get(`${key}.conv1d.weight`)
  const [rates, bias, norm] = [read.get(`${key}.A_log`), read.get(`${key}.dt_bias`), read.get(`${key}.norm.weight`)]
  const raw = y.map((row) => read.linear(`${key}.in_proj_qkv`, row))
  const S = Array.from({ length: H }, () => Array.from({ length: hk }, () => new Float64Array(hv)))
  return y.map((row, t) => {
    const mixed = raw[t].map((_, c) => {
      let filtered = 0
      for (let i = 0; i < n; i++) filtered += filter[c * n + i] * (raw[t - n + 1 + i]?.[c] ?? 0)
      return silu(filtered)
    })
    const z = read.linear(`${key}.in_proj_z`, row)
    const b = read.linear(`${key}.in_proj_b`, row)
    const a = read.linear(`${key}.in_proj_a`, row)
    const o = new Float64Array(H * hv)
    for (let h = 0; h < H; h++) {
      const keyHead = Math.floor(h / share)
      const q = unit(headOf(mixed, keyHead, hk)).map((x) => x / Math.sqrt(hk))
      const k = unit(headOf(mixed.subarray(K * hk), keyHead, hk))
      const v = headOf(mixed.subarray(2 * K * hk), h, hv)
      const decay = Math.exp(-Math.exp(rates[h]) * softplus(a[h] + bias[h]))
      const out = new Float64Array(hv)
      for (let c = 0; c < hv; c++) {
        let known = 0
        for (let i = 0; i < hk; i++) {
          S[h][i][c] *= decay
          known += S[h][i][c] * k[i]
        }
        for (let i = 0; i < hk; i++) {
          S[h][i][c] += k[i] * sigmoid(b[h]) * (v[c] - known)
          out[c] += S[h][i][c] * q[i]
        }
      }
      o.set(
        rmsNorm(out, norm, eps).map((x, c) => x * silu(z[h * hv + c])),
        h * hv,
      )
    }
    return read.linear(`${key}.out_proj`, o)
  })
}
