import { type GgufFamily, hasSelectionBias, SIGMOID } from './family.js'
import type { FamilyKeys } from './family-keys.js'
import { layerTypes, moeWidths, normalises, sharedHidden } from './shared-keys.js'

const GROUPS = [
  ...['leading_dense_block_count', 'expert_group_count', 'expert_group_used_count', 'expert_weights_scale'],
  'nextn_predict_layers',
]

/** DeepSeek and the families that have its mixtures. */
export const DEEPSEEK: Readonly<Record<string, GgufFamily>> = {
  deepseek2: {
    title: 'DeepSeek, Moonlight, GLM-4.7-Flash',
    modelType: (keys) => (hasSigmoids(keys) ? 'deepseek_v3' : 'deepseek_v2'),
    enlarges: true,
    reads: [
      ...[...GROUPS, 'expert_weights_norm', 'attention.value_length'],
      ...['attention.q_lora_rank', 'attention.kv_lora_rank'],
    ],
    means: { expert_gating_func: [0, 1, 2] },
    config: (keys) => {
      const turned = keys.number('rope.dimension_count')
      const mixture = groupedKeys(keys)
      return {
        ...mixture,
        n_routed_experts: keys.number('expert_count'),
        n_shared_experts: keys.number('expert_shared_count', 0),
        norm_topk_prob: normalises(keys, false),
        ...(!hasSigmoids(keys) && { topk_method: mixture.n_group === 1 ? 'greedy' : 'group_limited_greedy' }),
        q_lora_rank: keys.number('attention.q_lora_rank', 0) || null,
        kv_lora_rank: keys.number('attention.kv_lora_rank'),
        qk_rope_head_dim: turned,
        // In newer files, the keys without `_mla` have the sizes of latents.
        qk_nope_head_dim: keys.number('attention.key_length_mla', keys.headSize) - turned,
        v_head_dim: keys.number('attention.value_length_mla', keys.number('attention.value_length', keys.headSize)),
        attention_bias: keys.layersWith('attn_kv_a_mqa.bias').length > 0,
      }
    },
  },

  glm4moe: {
    title: 'GLM-4.5',
    modelType: () => 'glm4_moe',
    reads: [...GROUPS, 'expert_weights_norm'],
    means: { expert_gating_func: SIGMOID },
    config: (keys) => ({
      ...groupedKeys(keys),
      n_routed_experts: keys.number('expert_count'),
      n_shared_experts: keys.number('expert_shared_count', 0),
      norm_topk_prob: normalises(keys, true),
      partial_rotary_factor: keys.number('rope.dimension_count', keys.headSize) / keys.headSize,
      use_qk_norm: keys.layersWith('attn_q_norm.weight').length > 0,
      attention_bias: keys.hasAttentionBias,
    }),
  },

  hy_v3: {
    title: 'Hunyuan 3',
    modelType: () => 'hy_v3',
    reads: ['expert_weights_scale', 'nextn_predict_layers'],
    means: { expert_weights_norm: [1], expert_gating_func: SIGMOID },
    config: (keys) => {
      const widths = moeWidths(keys)
      return {
        ...widths,
        mlp_layer_types: layerTypes(keys, 'ffn_gate_inp.weight', ['sparse', 'dense']),
        num_experts: keys.number('expert_count'),
        num_shared_experts: sharedHidden(keys) / Number(widths.moe_intermediate_size),
        router_scaling_factor: keys.number('expert_weights_scale', 0) || 1,
        attention_bias: keys.hasAttentionBias,
      }
    },
  },

  bailingmoe2: {
    title: 'Ling 2',
    modelType: () => 'bailing_moe_v2',
    reads: GROUPS,
    means: { expert_weights_norm: [1], expert_gating_func: SIGMOID },
    config: (keys) => ({
      ...groupedKeys(keys),
      num_experts: keys.number('expert_count'),
      num_shared_experts: keys.number('expert_shared_count', 0),
      use_qk_norm: keys.layersWith('attn_q_norm.weight').length > 0,
      use_qkv_bias: keys.hasAttentionBias,
      use_bias: keys.layersWith('attn_output.bias').length > 0,
    }),
  },
}

/** Whether routers of DeepSeek's families have sigmoid scores; old files do not say it. */
function hasSigmoids(keys: FamilyKeys): boolean {
  const stated = keys.number('expert_gating_func', 0)
  return stated === 2 || (stated === 0 && hasSelectionBias(keys))
}

/** DeepSeek's mixtures: dense layers, shared experts, groups, a factor of the gates. */
function groupedKeys(keys: FamilyKeys): Record<string, unknown> {
  return {
    ...moeWidths(keys),
    first_k_dense_replace: keys.number('leading_dense_block_count', 0),
    n_group: keys.number('expert_group_count', 0) || 1,
    topk_group: keys.number('expert_group_used_count', 0) || 1,
    routed_scaling_factor: keys.number('expert_weights_scale', 0) || 1,
  }
}
