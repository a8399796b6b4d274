import { type GgufFamily, hasSelectionBias, SIGMOID } from './family.js'
import type { FamilyKeys } from './family-keys.js'
import { layerTypes, moeWidths, normalises } from './shared-keys.js'

const GROUPS = [
  ...['leading_dense_block_count', 'expert_group_count', 'expert_group_used_count', 'expert_weights_scale'],
  'nextn_predict_layers',
]

const LATENTS = [
  ...[...GROUPS, 'expert_weights_norm', 'attention.value_length'],
  ...['attention.q_lora_rank', 'attention.kv_lora_rank'],
]

/** DeepSeek and the families that have its mixtures. */
export const DEEPSEEK: Readonly<Record<string, GgufFamily>> = {
  deepseek2: {
    title: 'DeepSeek, Moonlight, GLM-4.7-Flash',
    modelType: (keys) => (hasSigmoids(keys) ? 'deepseek_v3' : 'deepseek_v2'),
    enlarges: true,
    reads: LATENTS,
    means: { expert_gating_func: [0, 1, 2] },
    config: (keys) => {
      const mixture = groupedKeys(keys)
      return {
        ...mixture,
        ...latentKeys(keys),
        n_routed_experts: keys.number('expert_count'),
        n_shared_experts: keys.number('expert_shared_count', 0),
        norm_topk_prob: normalises(keys, false),
        ...(!hasSigmoids(keys) && { topk_method: mixture.n_group === 1 ? 'greedy' : 'group_limited_greedy' }),
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

  bailingmoe3: {
    title: 'Ling 3',
    modelType: () => 'bailing_hybrid',
    hasPositiveRates: true,
    reads: LATENTS,
    means: { expert_gating_func: SIGMOID },
    config: (keys) => {
      const [latent] = keys.layersWith('attn_kv_a_mqa.weight')
      const [sparse] = keys.layersWith('ffn_gate_inp.weight')
      const shared = keys.rowsOf(`blk.${sparse}.ffn_gate_shexp.weight`)
      const gates = keys.rowsOf(`blk.${latent}.attn_gate.weight`)
      const bound = keys.number('kda.gate_lower_bound', null)
      return {
        ...groupedKeys(keys),
        ...latentKeys(keys),
        architectures: ['BailingMoeV3ForCausalLM'],
        num_experts: keys.number('expert_count'),
        // One expert of the width of all.
        num_shared_experts: shared === undefined ? null : 1,
        ...(shared !== undefined && { moe_shared_expert_intermediate_size: shared }),
        layer_group_size: latent + 1,
        head_dim: keys.number('kda.head_dim'),
        short_conv_kernel_size: keys.number('ssm.conv_kernel'),
        kda_lower_bound: bound,
        kda_safe_gate: bound !== null,
        no_kda_lora: keys.layersWith('ssm_f_b.weight').length === 0,
        ...(gates !== undefined && {
          gated_attention_proj_granularity_type:
            gates === keys.uniform('attention.head_count') ? 'head_wise' : 'element_wise',
        }),
      }
    },
  },

  'kimi-linear': {
    title: 'Kimi Linear',
    modelType: () => 'kimi_linear',
    reads: LATENTS,
    means: { expert_gating_func: [0, 1, 2] },
    config: (keys) => {
      const [delta = 0] = keys.layersWith('ssm_beta.weight')
      return {
        ...groupedKeys(keys),
        ...latentKeys(keys),
        n_routed_experts: keys.number('expert_count'),
        n_shared_experts: keys.number('expert_shared_count', 0),
        moe_router_activation_func: keys.number('expert_gating_func', 0) === 1 ? 'softmax' : 'sigmoid',
        norm_topk_prob: normalises(keys, true),
        layer_types: layerTypes(keys, 'ssm_beta.weight', ['kda_attention', 'full_attention']),
        linear_num_key_heads: keys.rowsOf(`blk.${delta}.ssm_beta.weight`),
        linear_key_head_dim: keys.number('kda.head_dim'),
        linear_conv_kernel_dim: keys.number('ssm.conv_kernel'),
      }
    },
  },
}

/** Sizes of latents and heads. */
function latentKeys(keys: FamilyKeys): Record<string, unknown> {
  const turned = keys.number('rope.dimension_count')
  return {
    q_lora_rank: keys.number('attention.q_lora_rank', 0) || null,
    kv_lora_rank: keys.number('attention.kv_lora_rank'),
    qk_rope_head_dim: turned,
    // In newer files, the keys without `_mla` have the sizes of latents.
    qk_nope_head_dim: keys.number('attention.key_length_mla', keys.headSize) - turned,
    v_head_dim: keys.number('attention.value_length_mla', keys.number('attention.value_length', keys.headSize)),
  }
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
