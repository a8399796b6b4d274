import { type GgufFamily, NORMALISES, SIGMOID, SOFTMAX } from './family.js'
import { ropeKeys } from './rope-keys.js'
import { layerTypes, moeWidths, normalises, sharedHidden, slidingLayers, windowTypes } from './shared-keys.js'

/** Families whose layers have windows of attention by turns. */
export const WINDOWED: Readonly<Record<string, GgufFamily>> = {
  mellum: {
    title: 'Mellum 2',
    modelType: () => 'mellum',
    reads: [
      'attention.sliding_window',
      'attention.sliding_window_pattern',
      'rope.freq_base_swa',
      'expert_weights_norm',
    ],
    means: { expert_gating_func: SOFTMAX },
    config: (keys) => {
      const window = keys.number('attention.sliding_window', 0)
      const { rope_theta, rope_scaling } = ropeKeys(keys)
      const rope_parameters = {
        full_attention: { rope_type: 'default', rope_theta, ...rope_scaling },
        sliding_attention: { rope_type: 'default', rope_theta: keys.number('rope.freq_base_swa', rope_theta) },
      }
      return {
        ...moeWidths(keys),
        num_experts: keys.number('expert_count'),
        norm_topk_prob: normalises(keys, true),
        mlp_layer_types: layerTypes(keys, 'ffn_gate_inp.weight', ['sparse', 'dense']),
        attention_bias: keys.hasAttentionBias,
        sliding_window: window,
        layer_types: window > 0 ? windowTypes(keys, 4) : null,
        rope_parameters,
        rope_scaling: null,
      }
    },
  },

  afmoe: {
    title: 'Trinity',
    modelType: () => 'afmoe',
    reads: [
      ...['attention.sliding_window', 'attention.sliding_window_pattern', 'expert_weights_scale'],
      'leading_dense_block_count',
    ],
    means: { expert_weights_norm: [1], expert_gating_func: SIGMOID },
    config: (keys) => ({
      ...moeWidths(keys),
      num_dense_layers: keys.number('leading_dense_block_count', 0),
      num_experts: keys.number('expert_count'),
      num_shared_experts: keys.number('expert_shared_count', 0),
      route_scale: keys.number('expert_weights_scale', 0) || 1,
      // The same layers have positions without a window.
      sliding_window: keys.number('attention.sliding_window', 0) || keys.number('context_length'),
      layer_types: windowTypes(keys, 4),
      // The file does not say it: llama.cpp has no model of another kind.
      mup_enabled: true,
    }),
  },

  laguna: {
    title: 'Laguna',
    modelType: () => 'laguna',
    reads: [
      ...['attention.head_count', 'attention.sliding_window', 'attention.sliding_window_pattern'],
      ...['rope.freq_base_swa', 'rope.dimension_count_swa', 'expert_weights_scale', 'leading_dense_block_count'],
    ],
    means: { expert_weights_norm: [1], expert_gating_func: SIGMOID },
    config: (keys) => {
      const heads = keys.values('attention.head_count')
      const window = keys.number('attention.sliding_window', 0)
      const { rope_theta, rope_scaling, partial_rotary_factor } = ropeKeys(keys)
      const isSliding = window > 0 ? slidingLayers(keys, 4, 'first') : new Array<boolean>(keys.layers).fill(false)
      return {
        ...moeWidths(keys),
        num_experts: keys.number('expert_count'),
        shared_expert_intermediate_size: sharedHidden(keys),
        moe_routed_scaling_factor: keys.number('expert_weights_scale', 0) || 1,
        mlp_layer_types: layerTypes(keys, 'ffn_gate_inp.weight', ['sparse', 'dense']),
        ...(heads.length === keys.layers && { num_attention_heads_per_layer: heads }),
        gating: keys.rowsOf('blk.0.attn_gate.weight') === heads[0] ? 'per-head' : 'per-element',
        attention_bias: keys.hasAttentionBias,
        sliding_window: window,
        layer_types: isSliding.map((is) => (is ? 'sliding_attention' : 'full_attention')),
        rope_parameters: {
          full_attention: { rope_type: 'default', rope_theta, partial_rotary_factor, ...rope_scaling },
          sliding_attention: {
            ...{ rope_type: 'default', rope_theta: keys.number('rope.freq_base_swa', rope_theta) },
            partial_rotary_factor: keys.number('rope.dimension_count_swa', keys.headSize) / keys.headSize,
          },
        },
        rope_scaling: null,
        partial_rotary_factor: 1,
      }
    },
  },

  'gpt-oss': {
    title: 'gpt-oss',
    modelType: () => 'gpt_oss',
    reads: ['attention.sliding_window', 'attention.sliding_window_pattern'],
    means: { ...NORMALISES, swiglu_clamp_exp: [7] },
    config: (keys) => ({
      intermediate_size: keys.number('expert_feed_forward_length', keys.uniform('feed_forward_length', 0)),
      num_local_experts: keys.number('expert_count'),
      sliding_window: keys.number('attention.sliding_window'),
      layer_types: windowTypes(keys, 2),
      attention_bias: keys.hasAttentionBias,
      // The file does not say it: the family's config.json leaves the ends of the ramp as they are.
      ...ropeKeys(keys, { truncate: false }),
    }),
  },

  gemma4: {
    title: 'Gemma 4',
    modelType: () => 'gemma4_text',
    stopsRotations: true,
    reads: [
      ...['attention.head_count_kv', 'attention.sliding_window', 'final_logit_softcapping', 'rope.freq_base_swa'],
      ...['attention.key_length_swa', 'attention.value_length_swa', 'rope.dimension_count_swa'],
    ],
    config: (keys) => {
      const layer_types = windowTypes(keys, 6)
      const keyHeads = keys.values('attention.head_count_kv')
      const keyHeadsIn = (type: string) => keyHeads[layer_types.indexOf(type)] ?? keyHeads[0]
      return {
        ...moeWidths(keys),
        hidden_act: 'gelu_pytorch_tanh',
        num_experts: keys.number('expert_count'),
        top_k_experts: keys.number('expert_used_count'),
        enable_moe_block: true,
        hidden_size_per_layer_input: keys.number('embedding_length_per_layer_input', 0),
        head_dim: keys.number('attention.key_length_swa'),
        global_head_dim: keys.headSize,
        num_key_value_heads: keyHeadsIn('sliding_attention'),
        num_global_key_value_heads: keyHeadsIn('full_attention'),
        attention_k_eq_v: keys.layersWith('attn_v.weight').length < keys.layers,
        attention_bias: keys.hasAttentionBias,
        final_logit_softcapping: keys.number('final_logit_softcapping', 0) || null,
        sliding_window: keys.number('attention.sliding_window'),
        layer_types,
        rope_parameters: {
          // The file has the share in a tensor. No published model has another one.
          full_attention: {
            ...{ rope_type: 'proportional', partial_rotary_factor: 0.25 },
            rope_theta: keys.number('rope.freq_base', 1e6),
          },
          sliding_attention: { rope_type: 'default', rope_theta: keys.number('rope.freq_base_swa', 1e4) },
        },
        rope_scaling: null,
      }
    },
  },

  smallthinker: {
    title: 'SmallThinker',
    modelType: () => 'smallthinker',
    reads: ['attention.sliding_window', 'attention.sliding_window_pattern', 'expert_gating_func'],
    means: { expert_weights_norm: [1] },
    config: (keys) => {
      const window = keys.number('attention.sliding_window', 0)
      const isSliding = slidingLayers(keys, window > 0 ? 4 : 1, 'first')
      return {
        moe_ffn_hidden_size: keys.number('expert_feed_forward_length', keys.uniform('feed_forward_length', 0)),
        moe_num_primary_experts: keys.number('expert_count'),
        moe_num_active_primary_experts: keys.number('expert_used_count'),
        moe_primary_router_apply_softmax: keys.number('expert_gating_func', 2) === 1,
        sliding_window_size: window,
        sliding_window_layout: isSliding.map(Number),
        // With windows, positions are in the layers that have one; without, in all.
        rope_layout: isSliding.map((is) => Number(is || window === 0)),
      }
    },
  },
}
