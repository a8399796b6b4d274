import {
  forward,
  graniteFactors,
  headsOf,
  type Keys,
  largest,
  ofExperts,
  type Passed,
  softmaxOfChosen,
  total,
} from './reference-families.js'
import { attention, type ReferenceTensors, softmax } from './reference-layers.js'
import { sigmoid } from './reference-math.js'
import { rotationOf } from './reference-rope.js'

/*
 * Families with a window and positions by the kind of a layer, in double precision like those in reference-families.ts.
 */

/** Mellum 2: windows and rotary positions by the kind of a layer, a dense network in some layers. */
export function mellumForward(keys: Keys, tensors: ReferenceTensors, tokens: readonly number[]): Passed {
  const headSize = keys.head_dim ?? 128
  const eps = keys.rms_norm_eps ?? 1e-6
  const rotationBy = (kind: 'full_attention' | 'sliding_attention', theta: number) => {
    const given = keys.rope_parameters?.[kind] ?? {}
    return rotationOf({ ...keys, rope_parameters: { ...given, truncate: true } }, headSize, { theta })
  }
  return forward(keys, tensors, tokens, {
    eps,
    isTied: keys.tie_word_embeddings ?? false,
    mix(l, y, read) {
      const isSliding = keys.layer_types?.[l] === 'sliding_attention'
      const rotation = isSliding ? rotationBy('sliding_attention', 1e4) : rotationBy('full_attention', 5e5)
      const window = isSliding ? (keys.sliding_window ?? 1024) : undefined
      const rules = { ...headsOf(keys, headSize), rotation, window, headNorms: eps, headNorm: 'norm' }
      return attention(read, `model.layers.${l}.self_attn`, y, rules)
    },
    feed(l, y, _, read) {
      const mlp = `model.layers.${l}.mlp`
      if (keys.mlp_layer_types?.[l] === 'dense') return { outputs: [{ gate: 1, y: read.gated(mlp, y) }] }
      const p = softmax([...read.linear(`${mlp}.gate`, y)])
      const ids = largest(p, keys.num_experts_per_tok ?? 8)
      const whole = (keys.norm_topk_prob ?? true) ? total(ids, p) : 1
      const chosen = ids.map((id) => ({ id, gate: p[id] / whole }))
      return { chosen, outputs: ofExperts(chosen, (e) => read.gated(`${mlp}.experts.${e}`, y)) }
    },
  })
}

/** Granite with windows: sinks in every layer, rotary positions by the layer, experts that share a tensor. */
export function graniteSwaForward(keys: Keys, tensors: ReferenceTensors, tokens: readonly number[]): Passed {
  const headSize = keys.head_dim ?? keys.hidden_size / keys.num_attention_heads
  const { shared_intermediate_size: s = 0, intermediate_size: f = 11008 } = keys
  return forward(keys, tensors, tokens, {
    factors: graniteFactors(keys),
    eps: keys.rms_norm_eps ?? 1e-6,
    isTied: keys.tie_word_embeddings ?? false,
    mix(l, y, read) {
      const isFull = keys.layer_types ? keys.layer_types[l] === 'full_attention' : l % 4 === 0
      const theta = keys.layer_rope_theta?.[l] ?? keys.rope_theta ?? 1e4
      return attention(read, `model.layers.${l}.self_attn`, y, {
        ...headsOf(keys, headSize),
        rotation: theta > 0 ? rotationOf({ rope_theta: theta }, headSize, { theta }) : undefined,
        window: isFull ? undefined : (keys.sliding_window ?? 128),
        scale: keys.attention_multiplier ?? 1,
        sinks: read.get(`model.layers.${l}.self_attn.sinks`),
      })
    },
    feed(l, y, _, read) {
      const block = `model.layers.${l}`
      if (read.has(`${block}.mlp.up_proj.weight`)) return { outputs: [{ gate: 1, y: read.gated(`${block}.mlp`, y) }] }
      const moe = `${block}.block_sparse_moe`
      const chosen = softmaxOfChosen([...read.linear(`${moe}.router`, y)], keys.num_experts_per_tok ?? 2)
      const names = [`${moe}.experts.gate_up_proj`, `${moe}.experts.down_proj`] as const
      const outputs = ofExperts(chosen, (e) => read.stacked(names, e, f, y))
      const mlp = [`${block}.shared_mlp.input_linear.weight`, `${block}.shared_mlp.output_linear.weight`] as const
      return { chosen, outputs: s > 0 ? [...outputs, { gate: 1, y: read.stacked(mlp, 0, s, y) }] : outputs }
    },
  })
}

/** Trinity: gated attention, positions only in layers with a window, a norm before and after each sublayer. */
export function afmoeForward(keys: Keys, tensors: ReferenceTensors, tokens: readonly number[]): Passed {
  const headSize = keys.head_dim ?? 128
  const eps = keys.rms_norm_eps ?? 1e-5
  const period = keys.global_attn_every_n_layers ?? 4
  const rope = rotationOf(keys, headSize, { theta: 1e4 })
  return forward(keys, tensors, tokens, {
    norms: ['input_layernorm', 'pre_mlp_layernorm', 'norm'],
    after: ['post_attention_layernorm', 'post_mlp_layernorm'],
    factors: { embedding: keys.mup_enabled ? Math.sqrt(keys.hidden_size) : 1, residual: 1, logits: 1 },
    eps,
    isTied: keys.tie_word_embeddings ?? false,
    mix(l, y, read) {
      const isSliding = keys.layer_types ? keys.layer_types[l] === 'sliding_attention' : (l + 1) % period !== 0
      const placed = isSliding ? { rotation: rope, window: keys.sliding_window ?? 1024 } : {}
      const rules = { ...headsOf(keys, headSize), ...placed, headNorms: eps, headNorm: 'norm', gate: 'gate_proj' }
      return attention(read, `model.layers.${l}.self_attn`, y, rules)
    },
    feed(l, y, _, read) {
      const mlp = `model.layers.${l}.mlp`
      if (l < (keys.num_dense_layers ?? 1)) return { outputs: [{ gate: 1, y: read.gated(mlp, y) }] }
      const s = [...read.linear(`${mlp}.router.gate`, y)].map(sigmoid)
      const bias = read.get(`${mlp}.expert_bias`)
      const ids = largest(
        s.map((score, e) => score + bias[e]),
        keys.num_experts_per_tok ?? 6,
      )
      const whole = total(ids, s) + 1e-20
      const chosen = ids.map((id) => ({ id, gate: (s[id] / whole) * (keys.route_scale ?? 1) }))
      const hasShared = (keys.num_shared_experts ?? 2) > 0
      const shared = hasShared ? [{ gate: 1, y: read.gated(`${mlp}.shared_experts`, y) }] : []
      return { chosen, outputs: [...ofExperts(chosen, (e) => read.gated(`${mlp}.experts.${e}`, y)), ...shared] }
    },
  })
}
