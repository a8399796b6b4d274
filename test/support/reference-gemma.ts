import { forward, type Keys, largest, ofExperts, type Passed, total } from './reference-families.js'
import { attention, type ReferenceTensors, type Row, softmax, sum, weighted } from './reference-layers.js'
import { ACTIVATIONS, rmsNorm } from './reference-math.js'
import { rotationOf } from './reference-rope.js'

const ROPE = {
  full_attention: { rope_type: 'proportional', partial_rotary_factor: 0.25, rope_theta: 1e6 },
  sliding_attention: { rope_theta: 1e4 },
}

/** Gemma 4, in double precision like the families in reference-families.ts: a dense layer beside the experts. */
export function gemma4Forward(keys: Keys, tensors: ReferenceTensors, tokens: readonly number[]): Passed {
  const { hidden_size: d, num_hidden_layers: L, num_attention_heads: heads, num_key_value_heads: K = 4 } = keys
  const eps = keys.rms_norm_eps ?? 1e-6
  const ones = new Float64Array(d).fill(1)
  const gelu = ACTIVATIONS.gelu_new
  return forward(keys, tensors, tokens, {
    norms: ['input_layernorm', 'pre_feedforward_layernorm', 'norm'],
    after: ['post_attention_layernorm', 'post_feedforward_layernorm'],
    factors: { embedding: Math.fround(Math.sqrt(d)), residual: 1, logits: 1 },
    eps,
    isTied: keys.tie_word_embeddings ?? true,
    cap: keys.final_logit_softcapping ?? undefined,
    factorAfter: (l, read) => read.get(`model.layers.${l}.layer_scalar`)[0],
    mix(l, y, read) {
      const isFull = l === L - 1 || (keys.layer_types ? keys.layer_types[l] === 'full_attention' : (l + 1) % 6 === 0)
      const kind = isFull ? 'full_attention' : 'sliding_attention'
      const fullHeads = keys.attention_k_eq_v ? (keys.num_global_key_value_heads ?? K) : K
      const own = keys.per_layer_config?.[l] ?? {}
      const headSize = own.head_dim ?? (isFull ? (keys.global_head_dim ?? 512) : (keys.head_dim ?? 256))
      const rope_parameters = keys.rope_parameters?.[kind] ?? ROPE[kind]
      return attention(read, `model.layers.${l}.self_attn`, y, {
        ...{ heads, headSize, keyValueHeads: own.num_key_value_heads ?? (isFull ? fullHeads : K) },
        ...{ scale: 1, headNorms: eps, headNorm: 'norm', valueNorms: eps },
        rotation: rotationOf({ rope_parameters }, headSize, { theta: 1e4 }),
        window: isFull ? undefined : (keys.sliding_window ?? 512),
      })
    },
    feed(l, y, _, read, mixed) {
      const key = `model.layers.${l}`
      const normed = (row: Row, name: string) => rmsNorm(row, read.get(`${key}.${name}.weight`), eps)
      const scale = read.get(`${key}.router.scale`)
      const r = rmsNorm(mixed, ones, eps).map((value, i) => (value * scale[i]) / Math.sqrt(d))
      const p = softmax([...read.linear(`${key}.router.proj`, r)])
      const ids = largest(p, keys.top_k_experts ?? 1)
      const scales = read.get(`${key}.router.per_expert_scale`)
      const chosen = ids.map((id) => ({ id, gate: (p[id] / total(ids, p)) * scales[id] }))
      const u = normed(mixed, 'pre_feedforward_layernorm_2')
      const names = [`${key}.experts.gate_up_proj`, `${key}.experts.down_proj`] as const
      const outputs = ofExperts(chosen, (e) => read.stacked(names, e, keys.moe_intermediate_size ?? 0, u, gelu))
      const beside = read.gated(`${key}.mlp`, y, undefined, gelu)
      const dense = normed(beside, 'post_feedforward_layernorm_1')
      const experts = normed(weighted(new Float64Array(d), outputs), 'post_feedforward_layernorm_2')
      const parts = [...outputs, { gate: 1, y: beside }]
      return { chosen, outputs: [{ gate: 1, y: sum(dense, experts) }], parts }
    },
  })
}
