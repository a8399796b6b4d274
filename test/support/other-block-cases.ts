import { casesOf, type FamilyCase, wider } from './family-case.js'
import {
  cohereForward,
  flexOlmoForward,
  hunyuanForward,
  lagunaForward,
  type OtherKeys,
} from './reference-other-blocks.js'

/* Configs of families with other norms, gates and heads that reach every branch of their keys. */

const SMALL = {
  ...{ vocab_size: 61, hidden_size: 40, num_attention_heads: 4, num_key_value_heads: 2, num_experts_per_tok: 3 },
  ...{ num_experts: 7, max_position_embeddings: 512 },
}
const HEADS = { ...SMALL, head_dim: 14 }
const [WINDOW, FULL] = ['sliding_attention', 'full_attention']

const cohere = casesOf<OtherKeys>(
  { ...HEADS, model_type: 'cohere2_moe', num_hidden_layers: 5, intermediate_size: 20, sliding_window: 5 },
  {
    'LayerNorm, softmax over the chosen, windows in three of four layers': [{}],
    'RMSNorm, sigmoids, a dense layer with positions, two shared experts, BF16': [
      {
        ...{ rms_norm_eps: 1e-2, expert_selection_fn: 'sigmoid', norm_topk_prob: false, num_shared_experts: 2 },
        ...{ first_k_dense_replace: 1, prefix_dense_intermediate_size: 36, logit_scale: 0.5 },
      },
      { isHalf: true },
    ],
    'the sum with a shared expert, sigmoids that sum to 1, biases, an untied head': [
      {
        ...{ expert_selection_fn: 'sigmoid', num_shared_experts: 1, shared_expert_combination_strategy: 'sum' },
        ...{ attention_bias: true, tie_word_embeddings: false, layer_norm_eps: 1e-2 },
        layer_types: [WINDOW, FULL, FULL, WINDOW, FULL],
      },
    ],
    'one expert, a head for each key, an odd width': [
      { num_experts_per_tok: 1, num_key_value_heads: 4, hidden_size: 37, num_shared_experts: 1 },
    ],
  },
  cohereForward,
)

const hunyuan = casesOf<OtherKeys>(
  { ...HEADS, model_type: 'hy_v3', num_hidden_layers: 3, intermediate_size: 36, moe_intermediate_size: 20 },
  {
    'a dense first layer, gates times 2.826': [{}],
    'kinds of layers by name, two shared experts, biases, BF16': [
      {
        ...{ mlp_layer_types: ['sparse', 'dense', 'sparse'], num_shared_experts: 2, attention_bias: true },
        ...{ router_scaling_factor: 1.4, tie_word_embeddings: true, rope_theta: 300 },
      },
      { isHalf: true },
    ],
    'none shared, one expert, a bias that decides the choice': [
      { num_shared_experts: null, num_experts_per_tok: 1, first_k_dense_replace: 0 },
      { gain: wider(/expert_bias/, 12) },
    ],
  },
  hunyuanForward,
)

const flexOlmo = casesOf(
  { ...SMALL, model_type: 'flex_olmo', num_hidden_layers: 3, intermediate_size: 20 },
  {
    'norms of what is added alone': [{}],
    'gates that sum to 1, biases, a tied head, BF16': [
      { norm_topk_prob: true, attention_bias: true, tie_word_embeddings: true, rms_norm_eps: 1e-2, rope_theta: 300 },
      { isHalf: true },
    ],
  },
  flexOlmoForward,
)

const YARN = { rope_type: 'yarn', rope_theta: 1000, factor: 4, original_max_position_embeddings: 64 }

const laguna = casesOf<OtherKeys>(
  {
    ...{ ...HEADS, model_type: 'laguna', num_hidden_layers: 4, intermediate_size: 36, moe_intermediate_size: 20 },
    ...{ shared_expert_intermediate_size: 12, sliding_window: 5 },
  },
  {
    'half of each head turns, a gate for each head': [{}],
    'heads by the layer, windows, YaRN, a factor, a cap, BF16': [
      {
        ...{ num_attention_heads_per_layer: [4, 6, 6, 2], layer_types: [FULL, WINDOW, WINDOW, FULL] },
        ...{ moe_routed_scaling_factor: 2.5, moe_router_logit_softcapping: 1.5 },
        rope_parameters: {
          [FULL]: { ...YARN, attention_factor: 1.3, partial_rotary_factor: 0.6 },
          [WINDOW]: { rope_theta: 300 },
        },
      },
      { isHalf: true },
    ],
    'a gate for each channel, biases, kinds of layers by name, a tied head': [
      {
        ...{ gating: 'per-element', attention_bias: true, mlp_layer_types: ['sparse', 'sparse', 'dense', 'sparse'] },
        ...{ tie_word_embeddings: true, num_attention_heads_per_layer: [2, 2, 4, 2] },
      },
    ],
  },
  lagunaForward,
)

export const OTHER_BLOCK_CASES: readonly FamilyCase[] = [...cohere, ...hunyuan, ...flexOlmo, ...laguna]
