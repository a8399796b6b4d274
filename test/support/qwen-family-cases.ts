import { casesOf, type FamilyCase, wider } from './family-case.js'
import { qwen3NextForward, qwen35Forward } from './reference-qwen-next.js'

/* Configs of Qwen's families with DeltaNet that reach every branch of their keys. */

const QWEN_NEXT = {
  ...{ vocab_size: 61, hidden_size: 40, num_hidden_layers: 4, num_attention_heads: 4, num_key_value_heads: 2 },
  ...{ head_dim: 12, moe_intermediate_size: 20, shared_expert_intermediate_size: 12, num_experts: 7 },
  ...{ num_experts_per_tok: 3, linear_num_key_heads: 2, linear_num_value_heads: 4, linear_key_head_dim: 10 },
  ...{ linear_value_head_dim: 18, partial_rotary_factor: 0.5, max_position_embeddings: 512 },
  // With less, outputs near 0 of a head become as large as any other, errors included.
  rms_norm_eps: 1e-3,
}

const FULL = { layer_types: new Array(4).fill('full_attention') }

const qwen35 = casesOf(
  { ...QWEN_NEXT, model_type: 'qwen3_5_moe_text' },
  {
    'attention in every fourth layer, the default epsilon': [{ rms_norm_eps: undefined }],
    'attention in every second layer, quarters of heads turn by rope_parameters': [
      { full_attention_interval: 2, head_dim: 16, rope_parameters: { rope_theta: 300, partial_rotary_factor: 0.25 } },
    ],
    'a share of heads beside rope_parameters': [{ ...FULL, rope_parameters: { rope_theta: 300 } }],
    'whole heads turn by YaRN, biases': [
      {
        ...{ ...FULL, attention_bias: true, partial_rotary_factor: 1, num_key_value_heads: 1 },
        rope_parameters: { rope_type: 'yarn', factor: 3, original_max_position_embeddings: 32, rope_theta: 100 },
      },
    ],
    'a key for each value, a filter of one token': [{ linear_num_key_heads: 4, linear_conv_kernel_dim: 1 }],
    'one key for all values, a filter of eight tokens, BF16': [
      { linear_num_key_heads: 1, linear_conv_kernel_dim: 8 },
      { isHalf: true },
    ],
    'heads of one channel': [{ linear_key_head_dim: 1, linear_value_head_dim: 1 }],
    'DeltaNet alone, a stored head though tied': [
      { layer_types: new Array(4).fill('linear_attention'), tie_word_embeddings: true },
    ],
    'keys that only Qwen3-Next reads': [{ norm_topk_prob: false, decoder_sparse_step: 2, mlp_only_layers: [0] }],
    'states that forget at once, and never': [{}, { gain: wider(/A_log|dt_bias/, 30) }],
    'one expert of a token, a large epsilon': [{ num_experts_per_tok: 1, rms_norm_eps: 1e-2 }],
    'a part of a head with an odd number of channels turns': [{ ...FULL, head_dim: 20, partial_rotary_factor: 0.25 }],
    'one channel of a head turns, with another one, by linear RoPE': [
      { ...FULL, partial_rotary_factor: 0.1, rope_parameters: { rope_theta: 300, rope_type: 'linear', factor: 3 } },
    ],
  },
  qwen35Forward,
)

const qwen3Next = casesOf(
  { ...QWEN_NEXT, model_type: 'qwen3_next', intermediate_size: 28 },
  {
    'experts in all layers': [{}],
    'dense layers in every second layer, gates that are not normalised': [
      { decoder_sparse_step: 2, norm_topk_prob: false },
    ],
    'a listed dense layer, three values for a key': [{ mlp_only_layers: [2], linear_num_value_heads: 6 }],
    'no experts': [{ num_experts: 0 }],
  },
  qwen3NextForward,
)

export const QWEN_FAMILY_CASES: readonly FamilyCase[] = [...qwen35, ...qwen3Next]
