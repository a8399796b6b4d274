import { forward, headsOf, type Keys, ofExperts, type Passed, softmaxOfChosen } from './reference-families.js'
import type { GroupedKeys } from './reference-latent.js'
import { attention, type Reader, type ReferenceTensors, type Row, softmax } from './reference-layers.js'
import { layerNorm, rmsNorm, sigmoid } from './reference-math.js'
import { type RopeObject, rotationOf } from './reference-rope.js'

/* Families whose blocks have other norms, gates and heads, in double precision like those in reference-families.ts. */

export interface OtherKeys extends Omit<GroupedKeys, 'rms_norm_eps'> {
  rms_norm_eps?: number | null
  layer_norm_eps?: number
  expert_selection_fn?: string
  logit_scale?: number
  first_k_dense_replace?: number
  shared_expert_combination_strategy?: string
  router_scaling_factor?: number
  moe_routed_scaling_factor?: number
  moe_router_logit_softcapping?: number
  num_attention_heads_per_layer?: number[]
}

const asKeys = (keys: OtherKeys): GroupedKeys => ({ ...keys, rms_norm_eps: keys.rms_norm_eps ?? undefined })

/** The `k` largest of scores plus a bias, with the scores divided by their sum. */
function chosenBy(
  read: Reader,
  { gate, bias, k }: { gate: string; bias: ArrayLike<number>; k: number },
  y: Row,
  cap?: number,
) {
  const z = [...read.linear(gate, y)].map((value) => (cap ? cap * Math.tanh(value / cap) : value))
  const s = z.map(sigmoid)
  const ids = [...s.keys()].sort((a, b) => s[b] + bias[b] - s[a] - bias[a]).slice(0, k)
  const sum = ids.reduce((sum, id) => sum + s[id], 0)
  return ids.map((id) => ({ id, gate: s[id] / sum }))
}

/** Cohere: attention and experts read one norm; layers with windows, and dense ones in front, have positions. */
export function cohereForward(keys: OtherKeys, tensors: ReferenceTensors, tokens: readonly number[]): Passed {
  const headSize = keys.head_dim ?? 128
  const { first_k_dense_replace: dense = 0, num_experts_per_tok: k = 2, rms_norm_eps: rms, num_shared_experts } = keys
  const isSliding = (l: number) =>
    keys.layer_types ? keys.layer_types[l] === 'sliding_attention' : l >= dense && (l - dense + 1) % 4 !== 0
  const rotation = { ...rotationOf(keys, headSize, { theta: 1e4 }), pairs: 'neighbours' } as const
  const share = (num_shared_experts ?? 0) > 0 && keys.shared_expert_combination_strategy !== 'sum' ? 0.5 : 1
  return forward(asKeys(keys), tensors, tokens, {
    norms: ['input_layernorm', 'input_layernorm', 'norm'],
    norm: rms ? rmsNorm : (x, weight, eps) => layerNorm(x, weight, undefined, eps),
    parallel: true,
    eps: rms ?? keys.layer_norm_eps ?? 1e-5,
    isTied: keys.tie_word_embeddings ?? true,
    factors: { embedding: 1, residual: 1, logits: keys.logit_scale ?? 0.0625 },
    mix(l, y, read) {
      const window = isSliding(l) ? (keys.sliding_window ?? 4096) : undefined
      const placed = window || l < dense ? { rotation } : {}
      return attention(read, `model.layers.${l}.self_attn`, y, {
        ...headsOf(asKeys(keys), headSize),
        window,
        ...placed,
      })
    },
    feed(l, y, _, read) {
      const mlp = `model.layers.${l}.mlp`
      if (l < dense) return { outputs: [{ gate: 1, y: read.gated(mlp, y) }] }
      const z = [...read.linear(`${mlp}.gate`, y)]
      const ofSoftmax = softmaxOfChosen(z, k)
      const isNormalised = keys.norm_topk_prob ?? true
      const sum = isNormalised ? ofSoftmax.reduce((sum, { id }) => sum + sigmoid(z[id]), 0) : 1
      const ofSigmoid = ofSoftmax.map(({ id }) => ({ id, gate: sigmoid(z[id]) / sum }))
      const chosen = keys.expert_selection_fn === 'sigmoid' ? ofSigmoid : ofSoftmax
      const shared = (num_shared_experts ?? 0) > 0 ? [{ gate: 1, y: read.gated(`${mlp}.shared_experts`, y) }] : []
      const parts = [...ofExperts(chosen, (e) => read.gated(`${mlp}.experts.${e}`, y)), ...shared]
      return { chosen, parts, outputs: parts.map(({ gate, y }) => ({ gate: share * gate, y })) }
    },
  })
}

/** Hunyuan 3: norms of heads, sigmoid routers with a bias of the choice. */
export function hunyuanForward(keys: OtherKeys, tensors: ReferenceTensors, tokens: readonly number[]): Passed {
  const headSize = keys.head_dim ?? 128
  const eps = keys.rms_norm_eps ?? 1e-5
  const rotation = rotationOf(keys, headSize, { theta: 11158840 })
  return forward(asKeys(keys), tensors, tokens, {
    eps,
    isTied: keys.tie_word_embeddings ?? false,
    mix(l, y, read) {
      const rules = { ...headsOf(asKeys(keys), headSize), rotation, headNorms: eps, headNorm: 'norm' }
      return attention(read, `model.layers.${l}.self_attn`, y, rules)
    },
    feed(l, y, _, read) {
      const mlp = `model.layers.${l}.mlp`
      if (!read.has(`${mlp}.router.gate.weight`)) return { outputs: [{ gate: 1, y: read.gated(mlp, y) }] }
      const factor = keys.router_scaling_factor ?? 2.826
      const router = {
        gate: `${mlp}.router.gate`,
        bias: read.get(`${mlp}.expert_bias`),
        k: keys.num_experts_per_tok ?? 8,
      }
      const chosen = chosenBy(read, router, y).map(({ id, gate }) => ({ id, gate: gate * factor }))
      const shared = read.has(`${mlp}.shared_mlp.up_proj.weight`)
        ? [{ gate: 1, y: read.gated(`${mlp}.shared_mlp`, y) }]
        : []
      return { chosen, outputs: [...ofExperts(chosen, (e) => read.gated(`${mlp}.experts.${e}`, y)), ...shared] }
    },
  })
}

/** FlexOlmo: nothing is normalised before attention and experts, but what they add. */
export function flexOlmoForward(keys: Keys, tensors: ReferenceTensors, tokens: readonly number[]): Passed {
  const headSize = keys.hidden_size / keys.num_attention_heads
  const eps = keys.rms_norm_eps ?? 1e-6
  const rotation = rotationOf(keys, headSize, { theta: 5e5 })
  return forward(keys, tensors, tokens, {
    norms: [undefined, undefined, 'norm'],
    after: ['post_attention_layernorm', 'post_feedforward_layernorm'],
    eps,
    isTied: keys.tie_word_embeddings ?? false,
    mix(l, y, read) {
      const rules = { ...headsOf(keys, headSize), rotation, headNorms: eps, headNorm: 'norm', normsRows: true }
      return attention(read, `model.layers.${l}.self_attn`, y, rules)
    },
    feed(l, y, _, read) {
      const mlp = `model.layers.${l}.mlp`
      const p = softmax([...read.linear(`${mlp}.gate`, y)])
      const ids = [...p.keys()].sort((a, b) => p[b] - p[a]).slice(0, keys.num_experts_per_tok ?? 5)
      const sum = keys.norm_topk_prob ? ids.reduce((sum, id) => sum + p[id], 0) : 1
      const chosen = ids.map((id) => ({ id, gate: p[id] / sum }))
      return { chosen, outputs: ofExperts(chosen, (e) => read.gated(`${mlp}.experts.${e}`, y)) }
    },
  })
}

/** Laguna: heads by the layer with softplus gates, positions by the kind of layer. */
export function lagunaForward(keys: OtherKeys, tensors: ReferenceTensors, tokens: readonly number[]): Passed {
  const headSize = keys.head_dim ?? 128
  const eps = keys.rms_norm_eps ?? 1e-6
  const usual = {
    full_attention: { rope_theta: 5e5, partial_rotary_factor: 0.5 },
    sliding_attention: { rope_theta: 1e4 },
  }
  const factor = keys.moe_routed_scaling_factor ?? 1
  return forward(asKeys(keys), tensors, tokens, {
    eps,
    isTied: keys.tie_word_embeddings ?? false,
    mix(l, y, read) {
      const kind = keys.layer_types?.[l] === 'sliding_attention' ? 'sliding_attention' : 'full_attention'
      const rope: RopeObject = { ...(keys.rope_parameters ?? usual)[kind], truncate: true }
      const { partial_rotary_factor: share = 1 } = rope
      const heads = keys.num_attention_heads_per_layer?.[l] ?? keys.num_attention_heads
      return attention(read, `model.layers.${l}.self_attn`, y, {
        ...headsOf({ ...asKeys(keys), num_attention_heads: heads }, headSize),
        rotation: rotationOf({ rope_parameters: rope }, Math.trunc(headSize * share), { theta: 1e4 }),
        window: kind === 'sliding_attention' ? (keys.sliding_window ?? 512) : undefined,
        ...{ headNorms: eps, headNorm: 'norm', gate: 'g_proj', gateOf: (z) => Math.log1p(Math.exp(z)) },
      })
    },
    feed(l, y, _, read) {
      const mlp = `model.layers.${l}.mlp`
      if (!read.has(`${mlp}.gate.weight`)) return { outputs: [{ gate: 1, y: read.gated(mlp, y) }] }
      const bias = read.get(`${mlp}.experts.e_score_correction_bias`)
      const router = { gate: `${mlp}.gate`, bias, k: keys.num_experts_per_tok ?? 8 }
      const chosen = chosenBy(read, router, y, keys.moe_router_logit_softcapping)
      const shared = { gate: 1 / factor, y: read.gated(`${mlp}.shared_expert`, y) }
      const parts = [...ofExperts(chosen, (e) => read.gated(`${mlp}.experts.${e}`, y)), shared]
      return { chosen, parts, outputs: parts.map(({ gate, y }) => ({ gate: factor * gate, y })) }
    },
  })
}
