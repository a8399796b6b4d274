import { mxfp4Values } from './mxfp4.js'
import { changedAfter, changedOutputs } from './reference-changes.js'
import {
  attention,
  type Reader,
  type ReferenceTensors,
  type Rotation,
  type Row,
  readerOf,
  shortConvolution,
  softmax,
  sum,
  weighted,
} from './reference-layers.js'
import { ACTIVATIONS, GATED, rmsNorm, sigmoid } from './reference-math.js'
import { type RopeKeys, rotationOf } from './reference-rope.js'

/*
 * Families of mixtures in double precision, from the raw keys of config.json with the defaults of Hugging Face
 * transformers, independent of the library.
 */

export interface Chosen {
  id: number
  gate: number
}

export interface Passed {
  /** One row per token. */
  logits: Row[]
  /** By layer and token, in falling order of the gates. Empty for a layer without experts. */
  chosen: Chosen[][][]
  /** Residual stream after each block, at the last token. */
  hidden?: Row[]
  /** By layer and token: outputs times their gates, of the chosen experts in their order, and then of a shared one. */
  outputs?: Row[][][]
}

/** Keys of config.json that the families read. */
export interface Keys extends RopeKeys {
  hidden_size: number
  num_hidden_layers: number
  num_attention_heads: number
  num_key_value_heads?: number
  head_dim?: number | null
  tie_word_embeddings?: boolean
  tie_embedding?: boolean
  intermediate_size?: number
  num_dense_layers?: number
  num_experts_per_tok?: number
  norm_topk_prob?: boolean
  use_expert_bias?: boolean
  routed_scaling_factor?: number
  norm_eps?: number
  rms_norm_eps?: number
  layer_types?: string[] | null
  full_attn_idxs?: number[]
  conv_L_cache?: number
  sliding_window?: number | null
  moe_num_active_primary_experts?: number
  moe_primary_router_apply_softmax?: boolean
  rope_layout?: number[]
  sliding_window_layout?: number[]
  sliding_window_size?: number | null
  moe_k?: number
  moe_num_shared_experts?: number
  moe_layer_start_index?: number
  moe_layer_end_index?: number
  moe_layer_interval?: number
  moe_norm_min?: number
  num_local_experts?: number
  shared_intermediate_size?: number
  attention_multiplier?: number
  embedding_multiplier?: number
  residual_multiplier?: number
  logits_scaling?: number
  position_embedding_type?: string | null
  layers_block_type?: string[]
  mamba_expand?: number
  mamba_n_heads?: number
  mamba_n_groups?: number
  mamba_d_state?: number
  mamba_d_conv?: number
  time_step_limit?: [number, unknown]
  mlp_layer_types?: string[] | null
  layer_rope_theta?: number[]
  global_attn_every_n_layers?: number
  global_head_dim?: number
  num_global_key_value_heads?: number
  attention_k_eq_v?: boolean
  per_layer_config?: Record<string, { head_dim?: number; num_key_value_heads?: number }>
  top_k_experts?: number
  moe_intermediate_size?: number
  final_logit_softcapping?: number | null
  mup_enabled?: boolean
  num_shared_experts?: number
  route_scale?: number
}

/** LFM2: x += Op(operator_norm x); x += Ff(ffn_norm x). */
export function lfm2Forward(keys: Keys, tensors: ReferenceTensors, tokens: readonly number[]): Passed {
  const { num_experts_per_tok: k = 4, norm_eps: eps = 1e-5, norm_topk_prob: isNormalised = true } = keys
  const headSize = keys.head_dim ?? keys.hidden_size / keys.num_attention_heads
  const rotation = rotationOf(keys, headSize, { theta: 1e6 })
  const isTied = keys.tie_embedding ?? keys.tie_word_embeddings ?? true
  return forward(keys, tensors, tokens, {
    norms: ['operator_norm', 'ffn_norm', 'embedding_norm'],
    eps,
    isTied,
    mix(l, y, read) {
      const isAttention = keys.layer_types?.[l] === 'full_attention' || keys.full_attn_idxs?.includes(l)
      const block = `model.layers.${l}`
      if (!isAttention) return shortConvolution(read, `${block}.conv`, y, keys.conv_L_cache ?? 3)
      const rules = { ...headsOf(keys, headSize), rotation, headNorms: eps, output: 'out_proj' }
      return attention(read, `${block}.self_attn`, y, rules)
    },
    feed(l, y, _, read) {
      const key = `model.layers.${l}.feed_forward`
      const names = ['w1', 'w3', 'w2'] as const
      if (l < (keys.num_dense_layers ?? 2)) return { outputs: [{ gate: 1, y: read.gated(key, y, names) }] }
      const s = [...read.linear(`${key}.gate`, y)].map(sigmoid)
      const bias = (keys.use_expert_bias ?? true) ? read.get(`${key}.expert_bias`) : []
      const ids = largest(
        s.map((score, e) => score + (bias[e] ?? 0)),
        k,
      )
      const whole = isNormalised ? total(ids, s) + 1e-6 : 1
      const chosen = ids.map((id) => ({ id, gate: (s[id] / whole) * (keys.routed_scaling_factor ?? 1) }))
      return { chosen, outputs: ofExperts(chosen, (e) => read.gated(`${key}.experts.${e}`, y, names)) }
    },
  })
}

const GPT_OSS_YARN = {
  ...{ rope_type: 'yarn', factor: 32, beta_fast: 32, beta_slow: 1 },
  ...{ truncate: false, original_max_position_embeddings: 4096 },
}

/** gpt-oss: sinks in every head, biases everywhere, experts whose rows of gate and up alternate. */
export function gptOssForward(keys: Keys, tensors: ReferenceTensors, tokens: readonly number[]): Passed {
  const { hidden_size: d, intermediate_size: f = 0, num_experts_per_tok: k = 4 } = keys
  const headSize = keys.head_dim ?? 64
  const rotation = rotationOf(keys, headSize, { theta: 150000, scaling: GPT_OSS_YARN })
  const experts = memoised((key: string) => expertWeights(tensors, key))
  return forward(keys, tensors, tokens, {
    eps: keys.rms_norm_eps ?? 1e-5,
    isTied: keys.tie_word_embeddings ?? false,
    mix(l, y, read) {
      const isSliding = keys.layer_types ? keys.layer_types[l] === 'sliding_attention' : l % 2 === 0
      const window = isSliding ? (keys.sliding_window ?? 128) : undefined
      const sinks = read.get(`model.layers.${l}.self_attn.sinks`)
      const rules = { ...headsOf(keys, headSize), rotation, window, sinks }
      return attention(read, `model.layers.${l}.self_attn`, y, rules)
    },
    feed(l, y, _, read) {
      const mlp = `model.layers.${l}.mlp`
      const chosen = softmaxOfChosen([...read.linear(`${mlp}.router`, y)], k)
      const product = (name: string, e: number, rows: number, x: Row) => {
        const weight = experts(`${mlp}.experts.${name}`)
        const bias = read.get(`${mlp}.experts.${name}_bias`)
        return Float64Array.from({ length: rows }, (_, r) => {
          return x.reduce((sum, value, c) => sum + weight(e, r, c, rows, x.length) * value, bias[e * rows + r])
        })
      }
      const expert = (e: number) => {
        const h = product('gate_up_proj', e, 2 * f, y)
        const inner = Float64Array.from({ length: f }, (_, i) => {
          const [gate, up] = GATED.clamped_swiglu(h[2 * i], h[2 * i + 1])
          return gate * up
        })
        return product('down_proj', e, d, inner)
      }
      return { chosen, outputs: ofExperts(chosen, expert) }
    },
  })
}

/** Weight of row r and column c of an expert: floats are [E, cols, rows], MXFP4 is [E, rows, cols]. */
function expertWeights(tensors: ReferenceTensors, key: string) {
  const [floats, blocks, scales] = [key, `${key}_blocks`, `${key}_scales`].map((name) => tensors.get(name))
  if (floats) {
    return (e: number, r: number, c: number, rows: number, cols: number) => floats[(e * cols + c) * rows + r]
  }
  const values = mxfp4Values({ blocks: Uint8Array.from(blocks ?? []), scales: Uint8Array.from(scales ?? []) })
  return (e: number, r: number, c: number, rows: number, cols: number) => values[(e * rows + r) * cols + c]
}

/** SmallThinker: the router reads the residual stream as it enters the layer. */
export function smallThinkerForward(keys: Keys, tensors: ReferenceTensors, tokens: readonly number[]): Passed {
  const { moe_num_active_primary_experts: k = 4, sliding_window_size: W } = keys
  const headSize = keys.head_dim ?? 128
  const rope = rotationOf(keys, headSize, { theta: 1e6 })
  return forward(keys, tensors, tokens, {
    eps: keys.rms_norm_eps ?? 1e-6,
    isTied: keys.tie_word_embeddings ?? true,
    mix(l, y, read) {
      const rotation = (keys.rope_layout?.[l] ?? 1) === 1 ? rope : undefined
      const window = (keys.sliding_window_layout?.[l] ?? 0) === 1 ? (W ?? 4096) : undefined
      return attention(read, `model.layers.${l}.self_attn`, y, { ...headsOf(keys, headSize), rotation, window })
    },
    feed(l, y, entered, read) {
      const moe = `model.layers.${l}.block_sparse_moe`
      const z = [...read.linear(`${moe}.primary_router`, entered)]
      const chosen = keys.moe_primary_router_apply_softmax ? softmaxOfChosen(z, k) : sigmoidsOfChosen(z, k)
      const names = ['gate', 'up', 'down'] as const
      const expert = (e: number) => read.gated(`${moe}.experts.${e}`, y, names, ACTIVATIONS.relu)
      return { chosen, outputs: ofExperts(chosen, expert) }
    },
  })
}

/** ERNIE 4.5: neighbouring channels turn together; some layers have experts, shared ones among them. */
export function ernieForward(keys: Keys, tensors: ReferenceTensors, tokens: readonly number[]): Passed {
  const headSize = keys.head_dim ?? keys.hidden_size / keys.num_attention_heads
  const rotation = { ...rotationOf(keys, headSize, { theta: 5e5 }), pairs: 'neighbours' } as const
  const { moe_layer_interval: interval = 1, moe_layer_start_index: start = 1, moe_layer_end_index: end = -1 } = keys
  const last = end === -1 ? keys.num_hidden_layers - 1 : end
  return forward(keys, tensors, tokens, {
    eps: keys.rms_norm_eps ?? 1e-5,
    isTied: keys.tie_word_embeddings ?? true,
    mix: (l, y, read) => attention(read, `model.layers.${l}.self_attn`, y, { ...headsOf(keys, headSize), rotation }),
    feed(l, y, _, read) {
      const mlp = `model.layers.${l}.mlp`
      const isSparse = (l + 1) % interval === 0 && start <= l && l <= last
      if (!isSparse) return { outputs: [{ gate: 1, y: read.gated(mlp, y) }] }
      const p = softmax([...read.linear(`${mlp}.gate`, y)])
      const bias = read.get(`${mlp}.moe_statics.e_score_correction_bias`)
      const ids = largest(
        p.map((score, e) => score + bias[e]),
        keys.moe_k ?? 6,
      )
      const whole = Math.max(total(ids, p), keys.moe_norm_min ?? 1e-12)
      const chosen = ids.map((id) => ({ id, gate: p[id] / whole }))
      const hasShared = (keys.moe_num_shared_experts ?? 2) > 0
      const shared = hasShared ? [{ gate: 1, y: read.gated(`${mlp}.shared_experts`, y) }] : []
      return { chosen, outputs: [...ofExperts(chosen, (e) => read.gated(`${mlp}.experts.${e}`, y)), ...shared] }
    },
  })
}

/** Mixtral with given rotary positions. */
export function mixtralForward(keys: Keys, tensors: ReferenceTensors, tokens: readonly number[], rotation: Rotation) {
  const headSize = keys.head_dim ?? keys.hidden_size / keys.num_attention_heads
  return forward(keys, tensors, tokens, {
    eps: keys.rms_norm_eps ?? 1e-5,
    isTied: keys.tie_word_embeddings ?? false,
    mix: (l, y, read) => attention(read, `model.layers.${l}.self_attn`, y, { ...headsOf(keys, headSize), rotation }),
    feed(l, y, _, read) {
      const moe = `model.layers.${l}.block_sparse_moe`
      const chosen = softmaxOfChosen([...read.linear(`${moe}.gate`, y)], keys.num_experts_per_tok ?? 2)
      return { chosen, outputs: ofExperts(chosen, (e) => read.gated(`${moe}.experts.${e}`, y, ['w1', 'w3', 'w2'])) }
    },
  })
}

/** EMO: `choose` chooses the experts of a layer by the logits of its router. */
export function emoForward(
  keys: Keys,
  tensors: ReferenceTensors,
  tokens: readonly number[],
  choose: (layer: number, z: readonly number[]) => Chosen[],
): Passed {
  const headSize = keys.head_dim ?? keys.hidden_size / keys.num_attention_heads
  const rotation = rotationOf(keys, headSize, { theta: 5e5 })
  return forward(keys, tensors, tokens, {
    norms: ['pre_attention_layernorm', 'pre_feedforward_layernorm', 'norm'],
    eps: keys.rms_norm_eps ?? 1e-6,
    isTied: keys.tie_word_embeddings ?? false,
    mix: (l, y, read) => attention(read, `model.layers.${l}.self_attn`, y, { ...headsOf(keys, headSize), rotation }),
    feed(l, y, _, read) {
      const mlp = `model.layers.${l}.mlp`
      if (!read.has(`${mlp}.gate.weight`)) return { outputs: [{ gate: 1, y: read.gated(mlp, y) }] }
      const chosen = choose(l, [...read.linear(`${mlp}.gate`, y)])
      return { chosen, outputs: ofExperts(chosen, (e) => read.gated(`${mlp}.experts.${e}`, y)) }
    },
  })
}

interface Fed {
  chosen?: Chosen[]
  /** Outputs that are added: of the chosen experts in their order, and then of others. */
  outputs: { gate: number; y: Row }[]
  /** The same before norms of their own, if they have some. */
  parts?: Fed['outputs']
}

interface FamilyRules {
  /** Names of the norms before the mixer, before the feed-forward part, and before the head. */
  norms?: readonly [string | undefined, string | undefined, string]
  /** Default: RMSNorm. */
  norm?: (x: Row, weight: ArrayLike<number>, eps: number) => Row
  /** Whether the feed-forward part reads what the mixer reads. */
  parallel?: boolean
  /** Norms of what the mixer and the feed-forward part add. Default: none. */
  after?: readonly [string, string]
  eps: number
  isTied: boolean
  /** Default: 1 each. */
  factors?: { embedding: number; residual: number; logits: number }
  mix(layer: number, y: Row[], read: Reader): Row[]
  /**
   * Feed-forward part of a normed row; `entered` is the residual stream at the beginning of the layer, `mixed` after the
   * mixer.
   */
  feed(layer: number, y: Row, entered: Row, read: Reader, mixed: Row): Fed
  /** Factor of the residual stream after a layer. Default: 1. */
  factorAfter?(layer: number, read: Reader): number
  /** A logit z becomes cap tanh(z / cap). Default: it stays. */
  cap?: number
}

export function forward(keys: Keys, tensors: ReferenceTensors, tokens: readonly number[], rules: FamilyRules): Passed {
  const { norms = ['input_layernorm', 'post_attention_layernorm', 'norm'], after, eps, isTied, mix, feed } = rules
  const { factorAfter = () => 1, cap, norm = rmsNorm, parallel } = rules
  const { embedding, residual, logits } = rules.factors ?? { embedding: 1, residual: 1, logits: 1 }
  const read = readerOf(tensors)
  const normed = (x: Row[], key: string) => x.map((row) => norm(row, read.get(`${key}.weight`), eps))
  const chosen: Chosen[][][] = []
  const hidden: Row[] = []
  const outputs: Row[][][] = []
  let x: Row[] = tokens.map((id) => times(read.row('model.embed_tokens', id, keys.hidden_size), embedding))
  for (let l = 0; l < keys.num_hidden_layers; l++) {
    const entered = x
    const added = (rows: Row[], i: 0 | 1) => (after ? normed(rows, `model.layers.${l}.${after[i]}`) : rows)
    const before = (rows: Row[], i: 0 | 1) => (norms[i] ? normed(rows, `model.layers.${l}.${norms[i]}`) : rows)
    const mixed = added(mix(l, before(x, 0), read), 0)
    x = x.map((row, t) => sum(row, times(mixed[t], residual)))
    const fed = before(parallel ? entered : x, 1).map((y, t) => {
      const fed = feed(l, y, entered[t], read, x[t])
      return fed.chosen && !fed.parts ? { ...fed, outputs: changedOutputs(l, 'mlp', t, fed.chosen, fed.outputs) } : fed
    })
    const sums = added(
      fed.map(({ outputs }) => weighted(new Float64Array(keys.hidden_size), outputs)),
      1,
    )
    x = x.map((row, t) => changedAfter(l, t, times(sum(row, times(sums[t], residual)), factorAfter(l, read))))
    hidden.push(x[x.length - 1])
    outputs.push(fed.map(outputsOf))
    chosen.push(fed.flatMap(({ chosen }) => (chosen ? [[...chosen].sort((a, b) => b.gate - a.gate)] : [])))
  }
  const head = isTied ? 'model.embed_tokens' : 'lm_head'
  const capped = (row: Row) => (cap ? row.map((z) => cap * Math.tanh(z / cap)) : row)
  const rows = normed(x, `model.${norms[2]}`).map((row) => capped(times(read.linear(head, row), logits)))
  return { logits: rows, chosen, hidden, outputs }
}

/** Outputs times their gates: of the chosen experts by falling gates, and then the others. */
function outputsOf({ chosen = [], outputs, parts = outputs }: Fed): Row[] {
  const all = parts.map(({ gate, y }) => times(y, gate))
  const order = [...chosen.keys()].sort((a, b) => chosen[b].gate - chosen[a].gate)
  return [...order.map((i) => all[i]), ...all.slice(chosen.length)]
}

export function graniteFactors(keys: Keys): FamilyRules['factors'] {
  const { embedding_multiplier: embedding = 1, residual_multiplier: residual = 1, logits_scaling: scaling = 1 } = keys
  return { embedding, residual, logits: 1 / scaling }
}

function times(row: Row, factor: number): Row {
  return row.map((value) => value * factor)
}

export function headsOf(keys: Keys, headSize: number) {
  const { num_attention_heads: heads, num_key_value_heads: keyValueHeads = heads } = keys
  return { heads, keyValueHeads, headSize }
}

export function largest(scores: readonly number[], k: number): number[] {
  return [...scores.keys()].sort((a, b) => scores[b] - scores[a] || a - b).slice(0, k)
}

export function total(ids: readonly number[], scores: readonly number[]): number {
  return ids.reduce((sum, id) => sum + scores[id], 0)
}

export function softmaxOfChosen(z: readonly number[], k: number): Chosen[] {
  const ids = largest(z, k)
  const gates = softmax(ids.map((id) => z[id]))
  return ids.map((id, i) => ({ id, gate: gates[i] }))
}

function sigmoidsOfChosen(z: readonly number[], k: number): Chosen[] {
  const ids = largest(z, k)
  const s = z.map(sigmoid)
  return ids.map((id) => ({ id, gate: s[id] / total(ids, s) }))
}

export function ofExperts(chosen: readonly Chosen[], output: (id: number) => Row) {
  return chosen.map(({ id, gate }) => ({ gate, y: output(id) }))
}

function memoised<T>(make: (key: string) => T): (key: string) => T {
  const made = new Map<string, T>()
  return (key) => {
    const value = made.get(key) ?? make(key)
    made.set(key, value)
    return value
  }
}
