import { type GgufFamily, NORMALISES, SOFTMAX } from './family.js'
import type { FamilyKeys } from './family-keys.js'
import { layerTypes, moeWidths, normalises, sharedHidden } from './shared-keys.js'

export const QWEN: Readonly<Record<string, GgufFamily>> = {
  qwen2moe: {
    title: 'Qwen2 MoE',
    modelType: () => 'qwen2_moe',
    reads: ['expert_weights_norm'],
    means: { expert_gating_func: SOFTMAX },
    config: (keys) => ({
      ...qwenKeys(keys, false),
      shared_expert_intermediate_size: sharedHidden(keys) || keys.uniform('feed_forward_length'),
      qkv_bias: keys.hasAttentionBias,
    }),
  },

  qwen3moe: {
    title: 'Qwen3 MoE',
    modelType: () => 'qwen3_moe',
    reads: ['expert_weights_norm'],
    means: { expert_gating_func: SOFTMAX },
    config: (keys) => ({ ...qwenKeys(keys, true), attention_bias: keys.hasAttentionBias }),
  },

  qwen3next: {
    title: 'Qwen3-Next',
    modelType: () => 'qwen3_next',
    reads: ['expert_weights_norm', 'nextn_predict_layers'],
    means: { expert_gating_func: SOFTMAX },
    config: (keys) => ({ ...qwenKeys(keys, true), ...deltaKeys(keys) }),
  },

  qwen35moe: {
    title: 'Qwen3.5 MoE',
    modelType: () => 'qwen3_5_moe_text',
    // Text has the same position in all sections of a head.
    reads: ['rope.dimension_sections', 'nextn_predict_layers'],
    means: NORMALISES,
    config: (keys) => {
      const delta = deltaKeys(keys)
      return {
        moe_intermediate_size: keys.number('expert_feed_forward_length'),
        num_experts: keys.number('expert_count'),
        ...delta,
        // Their converter reorders the heads of values.
        ...(delta.linear_num_value_heads !== delta.linear_num_key_heads && { molm_tiled_value_heads: true }),
      }
    },
  },
}

function qwenKeys(keys: FamilyKeys, normalisesGates: boolean): Record<string, unknown> {
  const sparse = new Set(keys.layersWith('ffn_gate_inp.weight'))
  return {
    ...moeWidths(keys),
    num_experts: keys.number('expert_count'),
    norm_topk_prob: normalises(keys, normalisesGates),
    decoder_sparse_step: 1,
    mlp_only_layers: [...Array(keys.layers).keys()].filter((layer) => !sparse.has(layer)),
    use_sliding_window: false,
  }
}

/** Gated DeltaNet, and what the layers around it have in common. */
function deltaKeys(keys: FamilyKeys) {
  const heads = keys.number('ssm.time_step_rank')
  return {
    shared_expert_intermediate_size: sharedHidden(keys),
    attention_bias: keys.hasAttentionBias,
    layer_types: layerTypes(keys, 'ssm_a', ['linear_attention', 'full_attention']),
    linear_num_key_heads: keys.number('ssm.group_count'),
    linear_num_value_heads: heads,
    linear_key_head_dim: keys.number('ssm.state_size'),
    linear_value_head_dim: keys.number('ssm.inner_size') / heads,
    linear_conv_kernel_dim: keys.number('ssm.conv_kernel'),
  }
}
