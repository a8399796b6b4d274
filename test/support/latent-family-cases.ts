import { casesOf, type FamilyCase, wider } from './family-case.js'
import {
  bailingForward,
  deepseek2Forward,
  deepseek3Forward,
  type GroupedKeys,
  glmForward,
  glmLiteForward,
} from './reference-latent.js'

/* Configs of families with DeepSeek's mixtures that reach every branch of their keys. */

const SMALL = {
  ...{ vocab_size: 61, hidden_size: 40, num_hidden_layers: 3, num_attention_heads: 4, intermediate_size: 36 },
  ...{ moe_intermediate_size: 20, num_experts_per_tok: 3, max_position_embeddings: 512 },
}
const LATENT = {
  ...{ ...SMALL, kv_lora_rank: 14, qk_nope_head_dim: 10, qk_rope_head_dim: 6, v_head_dim: 9, n_routed_experts: 8 },
}
/* Keys that the references find out from the tensors. */
const FIRST_DENSE = { first_k_dense_replace: 1 }
const EIGHT = { n_routed_experts: 8 }
const SIXTEEN = { num_experts: 16 }

const YARN = { type: 'yarn', factor: 40, original_max_position_embeddings: 64 }

const deepseek2 = casesOf<GroupedKeys>(
  { ...LATENT, model_type: 'deepseek_v2', q_lora_rank: null },
  {
    'no latent of queries, two shared experts, no dense layer': [{}],
    'a latent of queries, the best of four groups, a factor, BF16': [
      {
        ...{ q_lora_rank: 12, topk_method: 'group_limited_greedy', n_group: 4, topk_group: 2 },
        ...{ routed_scaling_factor: 1.7, first_k_dense_replace: 1, rms_norm_eps: 1e-2 },
      },
      { isHalf: true },
    ],
    'YaRN that enlarges queries and keys, biases, groups that do not count': [
      {
        ...{ rope_scaling: { ...YARN, mscale: 0.6, mscale_all_dim: 0.6 }, attention_bias: true, q_lora_rank: 12 },
        ...{ n_group: 2, topk_group: 1 },
      },
    ],
    'YaRN with two factors, a tied head': [
      { rope_scaling: { ...YARN, mscale: 1.2, mscale_all_dim: 0.5 }, tie_word_embeddings: true, attention_bias: true },
    ],
    'YaRN without them': [{ rope_scaling: { ...YARN, factor: 4 } }],
    'every second layer with experts, none shared': [{ moe_layer_freq: 2, n_shared_experts: null }],
    'one head, one channel of latents and values, odd widths': [
      {
        ...{ num_attention_heads: 1, kv_lora_rank: 1, qk_nope_head_dim: 2, qk_rope_head_dim: 2, v_head_dim: 1 },
        ...{ hidden_size: 37, num_experts_per_tok: 1 },
      },
    ],
    'channels of whole blocks': [
      { num_attention_heads: 2, kv_lora_rank: 64, qk_nope_head_dim: 32, qk_rope_head_dim: 32, v_head_dim: 64 },
    ],
  },
  deepseek2Forward,
)

const deepseek3 = casesOf<GroupedKeys>(
  { ...LATENT, model_type: 'deepseek_v3', q_lora_rank: 12, ...FIRST_DENSE, n_group: 4, topk_group: 2 },
  {
    'two of four groups by their two best, a factor': [{}],
    'one group, no latent of queries, two shared experts, BF16': [
      { q_lora_rank: null, n_group: 1, topk_group: 1, n_shared_experts: 2, routed_scaling_factor: 2.446 },
      { isHalf: true },
    ],
    'gates that are not normalised, halves turn': [{ norm_topk_prob: false, rope_interleave: false }],
    'a bias that decides the choice': [{}, { gain: wider(/correction_bias/, 12) }],
    'dense layers alone': [{ first_k_dense_replace: 9 }],
    'one expert of a token, positions of newer files': [
      { num_experts_per_tok: 1, rope_parameters: { rope_type: 'default', rope_theta: 300 } },
    ],
  },
  deepseek3Forward,
)

const glmLite = casesOf<GroupedKeys>(
  { ...LATENT, model_type: 'glm4_moe_lite', q_lora_rank: 12 },
  {
    'one dense layer': [{}],
    'kinds of layers by name': [{ mlp_layer_types: ['sparse', 'dense', 'sparse'], rope_theta: 300 }],
  },
  glmLiteForward,
)

const glm = casesOf<GroupedKeys>(
  { ...SMALL, model_type: 'glm4_moe', num_key_value_heads: 2, head_dim: 12, ...EIGHT },
  {
    'half of each head turns': [{}],
    'norms of heads, biases, groups, a factor, BF16': [
      {
        ...{ use_qk_norm: true, attention_bias: true, n_group: 4, topk_group: 2, routed_scaling_factor: 2.5 },
        ...{ first_k_dense_replace: 2, n_shared_experts: 2 },
      },
      { isHalf: true },
    ],
    'whole heads turn, none shared, gates that are not normalised': [
      { partial_rotary_factor: 1, n_shared_experts: null, norm_topk_prob: false, tie_word_embeddings: true },
    ],
    'a part by newer keys': [{ rope_parameters: { rope_theta: 500, partial_rotary_factor: 0.34 } }],
  },
  glmForward,
)

const bailing = casesOf<GroupedKeys>(
  { ...SMALL, model_type: 'bailing_moe_v2', num_key_value_heads: 2, head_dim: 12, ...SIXTEEN },
  {
    'whole heads turn, norms of heads, four of eight groups': [{}],
    'half of each head turns, a factor, two shared experts, BF16': [
      { partial_rotary_factor: 0.5, routed_scaling_factor: 2.5, num_shared_experts: 2 },
      { isHalf: true },
    ],
    'biases, no norms of heads, one group, none shared, a tied head': [
      {
        ...{ use_qkv_bias: true, use_bias: true, use_qk_norm: false, n_group: 1, topk_group: 1 },
        ...{ num_shared_experts: null, tie_word_embeddings: true, first_k_dense_replace: 0 },
      },
    ],
    'biases of queries, keys and values alone, one expert, YaRN': [
      { use_qkv_bias: true, num_experts_per_tok: 1, rope_scaling: { ...YARN, factor: 4 } },
      { gain: wider(/expert_bias/, 8) },
    ],
  },
  bailingForward,
)

export const LATENT_FAMILY_CASES: readonly FamilyCase[] = [...deepseek2, ...deepseek3, ...glmLite, ...glm, ...bailing]
