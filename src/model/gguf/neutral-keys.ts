import type { GgufFamily } from './families.js'
import type { FamilyKeys } from './family-keys.js'
import { DEFAULT_BASE } from './rope-keys.js'

/**
 * Keys that change what a model computes and that only some families have, with the values that change nothing. With
 * other values a file is refused, unless its family reads the key.
 */
const NEUTRAL: Readonly<Record<string, readonly number[]>> = {
  attn_logit_softcapping: [0],
  router_logit_softcapping: [0],
  final_logit_softcapping: [0],
  'attention.scale': [0],
  'attention.output_scale': [0, 1],
  'attention.temperature_scale': [0],
  'attention.temperature_length': [0],
  'attention.max_alibi_bias': [0],
  'attention.clamp_kqv': [0],
  'attention.causal': [1],
  'attention.sliding_window': [0],
  'attention.shared_kv_layers': [0],
  'attention.q_lora_rank': [0],
  'attention.kv_lora_rank': [0],
  'rope.scaling.finetuned': [0, 1],
  'rope.dimension_sections': [],
  use_parallel_residual: [0],
  embedding_scale: [0, 1],
  residual_scale: [0, 1],
  logit_scale: [0, 1],
  expert_gating_func: [0],
  expert_group_count: [0, 1],
  expert_group_scale: [0, 1],
  experts_per_group: [0, 1],
  expert_weights_norm: [],
  expert_weights_scale: [0, 1],
  interleave_moe_layer_step: [0, 1],
  moe_every_n_layers: [0, 1],
  moe_latent_size: [0],
  n_deepstack_layers: [0],
  nextn_predict_layers: [0],
  swiglu_clamp_exp: [0],
  swiglu_clamp_shexp: [0],
}

/** Throws a UserError that names the key if a file's model computes something that its family in molm does not. */
export function refuseOtherMathematics(keys: FamilyKeys, { reads = [], means = {} }: GgufFamily): void {
  for (const [key, neutral] of Object.entries(NEUTRAL)) {
    if (reads.includes(key)) continue
    const allowed = means[key] ?? neutral
    const other = keys.values(key).find((value) => !allowed.includes(value))
    if (other !== undefined) throw keys.refuse(key, `is ${other}, which molm does not compute in this family`)
  }
  for (const [key, expected] of sameValues(keys)) {
    if (reads.includes(key)) continue
    const value = keys.number(key, expected)
    if (value !== expected) throw keys.refuse(key, `is ${value}, and molm runs models with ${expected} alone`)
  }
  if (keys.hasTensor('rope_freqs.weight')) {
    throw keys.refuse(
      'rope.scaling.type',
      'is llama3 by its tensor rope_freqs.weight, and molm computes linear and yarn',
    )
  }
}

/** Keys whose values must equal others: heads have one size, and layers with a window turn like all others. */
function sameValues(keys: FamilyKeys): [key: string, expected: number][] {
  const { headSize } = keys
  return [
    ['attention.value_length', headSize],
    ['attention.key_length_swa', headSize],
    ['attention.value_length_swa', headSize],
    ['rope.dimension_count_swa', headSize],
    ['rope.freq_base_swa', keys.number('rope.freq_base', DEFAULT_BASE)],
  ]
}
