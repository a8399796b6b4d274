import { casesOf, type FamilyCase, wider } from './family-case.js'
import { bailingHybridForward, type KimiDeltaKeys, kimiLinearForward } from './reference-kimi-delta.js'

/* Configs of families with Kimi's delta attention that reach every branch of their keys. */

const SMALL = {
  ...{ vocab_size: 61, hidden_size: 40, num_hidden_layers: 4, num_attention_heads: 4, intermediate_size: 36 },
  ...{ kv_lora_rank: 14, qk_nope_head_dim: 10, qk_rope_head_dim: 6, v_head_dim: 9, moe_intermediate_size: 20 },
  // With less, outputs near 0 of a head become as large as any other, errors included.
  rms_norm_eps: 1e-3,
}
const BAILING = {
  ...{ ...SMALL, model_type: 'bailing_hybrid', architectures: ['BailingMoeV3ForCausalLM'], head_dim: 10 },
  ...{ layer_group_size: 4, num_experts: 16, num_experts_per_tok: 3, moe_shared_expert_intermediate_size: 12 },
  ...{ first_k_dense_replace: 1, max_position_embeddings: 512 },
}
const LINEAR = { num_heads: 3, head_dim: 12, short_conv_kernel_size: 4, kda_layers: [1, 2, 4], full_attn_layers: [3] }
const KIMI = {
  ...{ ...SMALL, model_type: 'kimi_linear', num_experts: 8, num_experts_per_token: 3, model_max_length: 512 },
  linear_attn_config: LINEAR,
}
/** The keys that transformers writes. */
const { linear_attn_config: _, num_experts, num_experts_per_token, model_max_length, ...KIMI_SHARED } = KIMI
const NATIVE = {
  ...{ ...KIMI_SHARED, n_routed_experts: num_experts, num_experts_per_tok: num_experts_per_token },
  ...{ max_position_embeddings: model_max_length, linear_num_key_heads: 5, linear_key_head_dim: 6 },
  layer_types: ['kda_attention', 'full_attention', 'linear_attention', 'kda_attention'],
}

const bailing = casesOf<KimiDeltaKeys>(
  BAILING,
  {
    'a group of four layers, no gates of latent attention, no latent of queries': [{}],
    'gates of heads, a latent of queries, two shared experts, the default epsilon, BF16': [
      {
        ...{ gated_attention_proj_granularity_type: 'head_wise', q_lora_rank: 12, num_shared_experts: 2 },
        ...{ rms_norm_eps: undefined, head_dim: 16 },
      },
      { isHalf: true },
    ],
    'gates of channels, decays and gates through latents, another bound, a group that is not whole, a tied head': [
      {
        ...{ gated_attention_proj_granularity_type: 'element_wise', no_kda_lora: false, kda_lower_bound: -1.5 },
        ...{ layer_group_size: 3, tie_word_embeddings: true, short_conv_kernel_size: 2 },
      },
    ],
    'decays without a bound, biases, none shared, one group, one expert': [
      {
        ...{ kda_lower_bound: null, kda_safe_gate: false, use_qkv_bias: true, num_shared_experts: null },
        ...{ n_group: 1, topk_group: 1, num_experts_per_tok: 1, q_lora_rank: 12 },
      },
    ],
    'states that forget at once, and hardly': [{}, { gain: wider(/A_log|dt_bias/, 20) }],
    'keys that are not read, heads of one channel, a filter of one token': [
      {
        ...{ head_dim: 1, short_conv_kernel_size: 1, norm_topk_prob: false, rotary_dim: 2 },
        rope_parameters: { rope_type: 'default', rope_theta: 300, partial_rotary_factor: 0.5 },
      },
    ],
    'delta attention in whole blocks of rows': [{ head_dim: 32, num_attention_heads: 2, layer_group_size: 2 }],
  },
  bailingHybridForward,
)

const kimi = casesOf<KimiDeltaKeys>(
  KIMI,
  {
    'no shared experts by default': [{}],
    'a shared expert, a dense layer, a factor, BF16': [
      { num_shared_experts: 1, first_k_dense_replace: 1, routed_scaling_factor: 2.446 },
      { isHalf: true },
    ],
    'experts in every second layer, one of two groups, softmax scores': [
      {
        ...{ moe_layer_freq: 2, num_expert_group: 2, topk_group: 1, moe_router_activation_func: 'softmax' },
        ...{ q_lora_rank: 12, rope_scaling: { type: 'yarn', factor: 4 } },
      },
    ],
    'gates that are not normalised, a bias that decides the choice': [
      { moe_renormalize: false },
      { gain: wider(/correction_bias/, 12) },
    ],
    'one expert of a token, every layer with states but the last, a filter of eight tokens': [
      {
        num_experts_per_token: 1,
        linear_attn_config: { ...LINEAR, short_conv_kernel_size: 8, kda_layers: [1, 2, 3], full_attn_layers: [4] },
      },
    ],
  },
  kimiLinearForward,
)

const native = casesOf<KimiDeltaKeys>(NATIVE, { "transformers' names of keys": [{}] }, kimiLinearForward)

export const KIMI_FAMILY_CASES: readonly FamilyCase[] = [...bailing, ...kimi, ...native]
