import { casesOf, type FamilyCase, wider } from './family-case.js'
import { gemma4Forward } from './reference-gemma.js'
import { graniteHybridForward, type NemotronKeys, nemotronForward } from './reference-states.js'
import { afmoeForward, graniteSwaForward, mellumForward } from './reference-windows.js'
import { type ZayaKeys, zayaForward } from './reference-zaya.js'

/* More configs of families that reach every branch of their keys. */

const GRANITE_HYBRID = {
  ...{ model_type: 'granitemoehybrid', vocab_size: 61, hidden_size: 40, num_hidden_layers: 4, num_attention_heads: 4 },
  ...{ num_key_value_heads: 2, intermediate_size: 20, num_local_experts: 7, num_experts_per_tok: 3 },
  ...{ shared_intermediate_size: 12, layer_types: ['mamba', 'attention', 'mamba', 'mamba'], mamba_n_heads: 5 },
  ...{ mamba_d_state: 9, attention_multiplier: 0.3, residual_multiplier: 0.4, max_position_embeddings: 512 },
}

const DENSE = { num_local_experts: 0, num_experts_per_tok: 0 }

const graniteHybrid = casesOf(
  GRANITE_HYBRID,
  {
    defaults: [{}],
    'groups of heads, all factors': [
      { mamba_n_heads: 4, mamba_n_groups: 2, embedding_multiplier: 3, logits_scaling: 0.7, rms_norm_eps: 1e-2 },
    ],
    'steps between limits, a group for each head': [{ time_step_limit: [0.5, 0.9], mamba_n_groups: 5 }],
    'steps without an upper limit, BF16': [
      { time_step_limit: [0.6, { __float__: 'Infinity' }], tie_word_embeddings: true },
      { isHalf: true },
    ],
    'biases of all projections, two taps, none of the filter': [
      { mamba_proj_bias: true, mamba_conv_bias: false, mamba_d_conv: 2, attention_bias: true },
    ],
    'heads of one channel, eight taps, one entry of a key': [
      { mamba_expand: 1, mamba_n_heads: 40, mamba_d_conv: 8, mamba_d_state: 1, mamba_d_head: 1 },
    ],
    'one wide head, steep decays and long steps': [
      { mamba_n_heads: 1, mamba_d_head: 'auto' },
      { gain: wider(/A_log|dt_bias/, 15) },
    ],
    'Mamba-2 alone, without a list of layers': [{ layer_types: null }],
    'newer names of the kinds of layers': [
      { layer_types: ['full_attention', 'linear_attention', 'full_attention', 'linear_attention'] },
    ],
    'layers_block_type, no experts': [
      { ...DENSE, layer_types: undefined, layers_block_type: ['attention', 'mamba', 'mamba', 'attention'] },
    ],
    'attention with positions alone, no experts': [
      { ...DENSE, layer_types: new Array(4).fill('attention'), position_embedding_type: 'rope', rope_theta: 300 },
    ],
    'positions by rope_parameters beside Mamba-2': [
      { position_embedding_type: 'rope', rope_parameters: { rope_theta: 500, rope_type: 'default' } },
    ],
    'no positions by name, one expert of a token': [{ position_embedding_type: 'nope', num_experts_per_tok: 1 }],
  },
  graniteHybridForward,
)

const NEMOTRON = {
  ...{ model_type: 'nemotron_h', vocab_size: 61, hidden_size: 40, num_attention_heads: 4, num_key_value_heads: 2 },
  ...{ head_dim: 12, hybrid_override_pattern: 'ME*-EM', mamba_num_heads: 6, mamba_head_dim: 7, n_groups: 3 },
  ...{ ssm_state_size: 9, n_routed_experts: 8, num_experts_per_tok: 3, moe_intermediate_size: 20 },
  ...{ moe_shared_expert_intermediate_size: 28, intermediate_size: 36, max_position_embeddings: 512 },
}

const nemotron = casesOf<NemotronKeys>(
  NEMOTRON,
  {
    'every kind of layer, a norm for each group of heads': [{}],
    'kinds by name, groups of experts, a factor, gates that are not normalised': [
      {
        ...{
          hybrid_override_pattern: undefined,
          layers_block_type: ['moe', 'full_attention', 'linear_attention', 'mlp'],
        },
        ...{ n_group: 4, topk_group: 2, norm_topk_prob: false, routed_scaling_factor: 2.5 },
      },
    ],
    'biases of networks and of Mamba-2, none of its filter, two taps, BF16': [
      { mlp_bias: true, use_bias: true, use_conv_bias: false, conv_kernel: 2, n_groups: 1 },
      { isHalf: true },
    ],
    'no shared expert, one expert of a token, a group for each head': [
      { moe_shared_expert_intermediate_size: 0, num_experts_per_tok: 1, n_groups: 6, layer_norm_epsilon: 1e-2 },
    ],
    'experts alone, a bias that decides the choice': [
      { hybrid_override_pattern: 'E' },
      { gain: wider(/correction_bias/, 12) },
    ],
    'attention and dense networks, steep decays, a tied head by a key without effect': [
      { hybrid_override_pattern: '*-M-*', tie_word_embeddings: true },
      { gain: wider(/A_log|dt_bias/, 15) },
    ],
  },
  nemotronForward,
)

const MELLUM = {
  ...{ model_type: 'mellum', vocab_size: 61, hidden_size: 40, num_hidden_layers: 4, num_attention_heads: 4 },
  ...{ num_key_value_heads: 2, head_dim: 14, intermediate_size: 36, moe_intermediate_size: 20, num_experts: 7 },
  ...{ num_experts_per_tok: 3, max_position_embeddings: 512 },
}

const [WINDOW, FULL] = ['sliding_attention', 'full_attention']
const YARN = { rope_type: 'yarn', rope_theta: 1000, factor: 4, original_max_position_embeddings: 64 }
const ROPE = { [FULL]: YARN, [WINDOW]: { rope_type: 'default', rope_theta: 300 } }
const KINDS = { layer_types: [WINDOW, FULL, FULL, WINDOW], sliding_window: 5 }

const mellum = casesOf(
  MELLUM,
  {
    'windows, and other positions in each kind of layer': [{ ...KINDS, rope_parameters: ROPE }],
    'layers and positions by default': [{ rope_parameters: null, layer_types: null, mlp_layer_types: null }],
    'windows with positions by default, a head for each key': [{ ...KINDS, num_key_value_heads: 4 }],
    'dense layers, biases, gates that are not normalised, a tied head, BF16': [
      {
        ...{ ...KINDS, mlp_layer_types: ['dense', 'sparse', 'dense', 'sparse'], norm_topk_prob: false },
        ...{ num_experts: undefined, num_local_experts: 7, attention_bias: true, tie_word_embeddings: true },
      },
      { isHalf: true },
    ],
    'dense layers alone': [{ mlp_layer_types: new Array(4).fill('dense') }],
    'YaRN that always rounds, a given factor of attention, linear RoPE with windows': [
      {
        ...{ ...KINDS, sliding_window: 1, use_sliding_window: false, num_experts_per_tok: 1 },
        rope_parameters: {
          [FULL]: { ...YARN, truncate: false, attention_factor: 1.3, beta_fast: 8, beta_slow: 2 },
          [WINDOW]: { rope_type: 'linear', rope_theta: 500, factor: 3 },
        },
      },
    ],
    'positions of the only kind of layer, heads of 128, every expert': [
      {
        ...{ rope_parameters: { [FULL]: YARN }, head_dim: undefined, num_attention_heads: 1, num_key_value_heads: 1 },
        ...{ num_experts_per_tok: 7, rms_norm_eps: 1e-2 },
      },
    ],
  },
  mellumForward,
)

const GRANITE_SWA = {
  ...{ model_type: 'granitemoe_swa', vocab_size: 61, hidden_size: 40, num_hidden_layers: 5, num_attention_heads: 4 },
  ...{ num_key_value_heads: 2, intermediate_size: 20, num_local_experts: 7, num_experts_per_tok: 3 },
  ...{ sliding_window: 5, attention_multiplier: 0.3, max_position_embeddings: 512 },
}

const graniteSwa = casesOf(
  GRANITE_SWA,
  {
    'windows in all but every fourth layer, no shared expert': [{}],
    'all factors, a shared expert, a tied head, BF16': [
      {
        ...{ embedding_multiplier: 3, residual_multiplier: 0.4, logits_scaling: 0.7, shared_intermediate_size: 12 },
        ...{ tie_word_embeddings: true, rms_norm_eps: 1e-2 },
      },
      { isHalf: true },
    ],
    'positions by the layer, wide heads, biases': [
      { layer_rope_theta: [0, 300, 1e4, 0, 300], head_dim: 14, attention_bias: true },
    ],
    'kinds of layers by name, large sinks, one head of keys': [
      { layer_types: [WINDOW, FULL, WINDOW, WINDOW, FULL], num_key_value_heads: 1, sliding_window: 1 },
      { gain: wider(/sinks/, 5) },
    ],
    'one expert of a token, a window by default': [{ num_experts_per_tok: 1, sliding_window: undefined }],
    'no experts': [{ model_type: 'granite_swa', num_local_experts: undefined, num_experts_per_tok: undefined }],
  },
  graniteSwaForward,
)

const AFMOE = {
  ...{ model_type: 'afmoe', vocab_size: 61, hidden_size: 40, num_hidden_layers: 5, num_attention_heads: 4 },
  ...{ num_key_value_heads: 2, head_dim: 14, intermediate_size: 36, moe_intermediate_size: 20, num_experts: 7 },
  ...{ num_experts_per_tok: 3, sliding_window: 5, max_position_embeddings: 512 },
}

const afmoe = casesOf(
  AFMOE,
  {
    'two shared experts, a dense layer, one layer without a window': [{}],
    'as published: a larger embedding and gates, one shared expert': [
      { mup_enabled: true, route_scale: 2.826, num_shared_experts: 1, num_dense_layers: 2, route_norm: false },
    ],
    'kinds of layers by name, none shared, a tied head, BF16': [
      { layer_types: [FULL, FULL, WINDOW, FULL, WINDOW], num_shared_experts: 0, tie_word_embeddings: true },
      { isHalf: true },
    ],
    'biases of attention, none of its gate': [{ attention_bias: true }, { gain: wider(/proj\.bias/, 5) }],
    'no positions, no window': [{ global_attn_every_n_layers: 1, sliding_window: null, num_dense_layers: 0 }],
    'every second layer without a window of one token': [{ global_attn_every_n_layers: 2, sliding_window: 1 }],
    'a window beyond the text by default, a head for each key': [
      { sliding_window: undefined, num_key_value_heads: undefined, layer_types: null },
    ],
    'dense layers alone, a large epsilon': [{ num_dense_layers: 9, rms_norm_eps: 1e-2, mup_enabled: true }],
    'a bias that decides the choice, YaRN': [
      { rope_theta: 1000, rope_scaling: YARN },
      { gain: wider(/expert_bias/, 12) },
    ],
    'every expert of a token, an odd width, heads of 128': [
      {
        ...{ num_experts_per_tok: 7, hidden_size: 37, moe_intermediate_size: 9, mup_enabled: true },
        ...{ head_dim: undefined, num_attention_heads: 1, num_key_value_heads: 1 },
      },
    ],
    'one expert, one layer': [{ num_experts: 1, num_experts_per_tok: 1, num_hidden_layers: 1, num_dense_layers: 0 }],
  },
  afmoeForward,
)

const GEMMA = {
  ...{ model_type: 'gemma4_text', vocab_size: 61, hidden_size: 40, num_hidden_layers: 4, num_attention_heads: 4 },
  ...{ num_key_value_heads: 2, head_dim: 10, global_head_dim: 16, intermediate_size: 36, moe_intermediate_size: 20 },
  ...{ num_experts: 7, top_k_experts: 3, enable_moe_block: true, hidden_size_per_layer_input: 0, sliding_window: 5 },
  ...{ max_position_embeddings: 512 },
}

const gemma4 = casesOf(
  GEMMA,
  {
    'windows in all layers but the last, values of their own': [{}],
    'keys as values with fewer heads, a cap, layers by name': [
      {
        ...{ attention_k_eq_v: true, num_global_key_value_heads: 1, final_logit_softcapping: 3 },
        layer_types: [WINDOW, FULL, WINDOW, WINDOW],
      },
    ],
    'heads by the layer, biases, an untied head, BF16': [
      {
        ...{ per_layer_config: { 1: { head_dim: 12 }, 3: { head_dim: 14, num_key_value_heads: 4 } } },
        ...{
          attention_bias: true,
          tie_word_embeddings: false,
          rms_norm_eps: 1e-2,
          use_bidirectional_attention: 'vision',
        },
      },
      { isHalf: true },
    ],
    'one expert of a token, more of a head turns, other bases': [
      {
        ...{ top_k_experts: 1, num_key_value_heads: 4, layer_types: [FULL, WINDOW, FULL, FULL] },
        rope_parameters: {
          [FULL]: { rope_type: 'proportional', rope_theta: 90, partial_rotary_factor: 0.8 },
          [WINDOW]: { rope_type: 'default', rope_theta: 300 },
        },
      },
      { gain: wider(/per_expert_scale/, 3) },
    ],
    'one layer, every expert, an odd width': [
      { num_hidden_layers: 1, top_k_experts: 7, hidden_size: 37, moe_intermediate_size: 9, intermediate_size: 11 },
    ],
  },
  gemma4Forward,
)

const ZAYA = {
  ...{ model_type: 'zaya', vocab_size: 61, hidden_size: 40, num_hidden_layers: 4, num_attention_heads: 4 },
  ...{ num_key_value_heads: 2, head_dim: 12, moe_intermediate_size: 20, num_experts: 7, router_hidden_size: 18 },
  ...{ max_position_embeddings: 512 },
}

const SLIDING = { layer_types: ['hybrid_sliding', 'hybrid', 'hybrid_sliding', 'hybrid'], sliding_window: 5 }

const zaya = casesOf<ZayaKeys>(
  ZAYA,
  {
    defaults: [{}],
    'two kinds of layers, an untied head': [{ ...SLIDING, tie_word_embeddings: false }],
    'biases, BF16': [{ attention_bias: true, layer_types: null }, { isHalf: true }],
    'a bias of the logits, a tied head': [{ lm_head_bias: true }, { gain: wider(/lm_head/, 5) }],
    'a bias of the logits, an untied head, BF16': [
      { lm_head_bias: true, tie_word_embeddings: false },
      { gain: wider(/lm_head\.bias/, 5), isHalf: true },
    ],
    'parts of heads with odd numbers of channels turn': [
      {
        ...SLIDING,
        rope_parameters: {
          hybrid: { rope_theta: 90, partial_rotary_factor: 0.45 },
          hybrid_sliding: { rope_theta: 300, partial_rotary_factor: 0.1 },
        },
      },
    ],
    'convolutions over one token': [{ cca_time0: 1, cca_time1: 1, attention_bias: true }],
    'a long convolution by channels, one token by heads': [{ cca_time0: 5, cca_time1: 1 }],
    'long convolutions by heads': [{ cca_time0: 2, cca_time1: 4 }],
    'eight tokens in both': [{ cca_time0: 8, cca_time1: 8, num_key_value_heads: 4 }],
    'one head of keys, whole heads turn': [
      {
        ...SLIDING,
        ...{ num_attention_heads: 3, num_key_value_heads: 1, head_dim: 6 },
        rope_parameters: {
          hybrid: { rope_theta: 500 },
          hybrid_sliding: { rope_theta: 90, partial_rotary_factor: 0.67 },
        },
      },
    ],
    'heads and halves of whole blocks': [{ head_dim: 64, num_attention_heads: 2, num_key_value_heads: 1 }],
    'one layer, one expert, odd widths': [
      { num_hidden_layers: 1, num_experts: 1, hidden_size: 37, moe_intermediate_size: 9, router_hidden_size: 7 },
    ],
    'biases that decide the choice, tokens that skip': [{}, { gain: wider(/balancing_biases/, 8) }],
  },
  zayaForward,
)

export const LATER_FAMILY_CASES: readonly FamilyCase[] = [
  ...graniteHybrid,
  ...nemotron,
  ...graniteSwa,
  ...mellum,
  ...afmoe,
  ...gemma4,
  ...zaya,
]
