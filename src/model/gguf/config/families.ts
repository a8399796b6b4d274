import { DEEPSEEK } from './deepseek.js'
import { type GgufFamily, hasSelectionBias, NORMALISES, SIGMOID, SOFTMAX } from './family.js'
import { GRANITE } from './granite.js'
import { QWEN } from './qwen.js'
import { layerTypes, normalises, sharedHidden, windowTypes } from './shared-keys.js'
import { WINDOWED } from './windowed.js'

export type { GgufFamily } from './family.js'

/** By the name of their architecture in a file. */
export const FAMILIES: Readonly<Record<string, GgufFamily>> = {
  llama: {
    title: 'Mixtral',
    modelType: () => 'mixtral',
    permutesRows: true,
    reads: ['attention.sliding_window'],
    means: NORMALISES,
    config: (keys) => ({
      intermediate_size: keys.uniform('feed_forward_length'),
      num_local_experts: keys.number('expert_count'),
      sliding_window: keys.number('attention.sliding_window', 0) || null,
    }),
  },

  olmoe: {
    title: 'OLMoE',
    modelType: () => 'olmoe',
    reads: ['attention.clamp_kqv', 'expert_weights_norm'],
    means: { expert_gating_func: SOFTMAX },
    config: (keys) => ({
      intermediate_size: keys.uniform('feed_forward_length'),
      num_experts: keys.number('expert_count'),
      norm_topk_prob: normalises(keys, false),
      clip_qkv: keys.number('attention.clamp_kqv', 0) || null,
      attention_bias: keys.hasAttentionBias,
    }),
  },

  lfm2moe: {
    title: 'LFM2 MoE',
    modelType: () => 'lfm2_moe',
    reads: ['expert_weights_norm', 'expert_weights_scale', 'leading_dense_block_count'],
    means: { expert_gating_func: SIGMOID },
    config: (keys) => ({
      intermediate_size: keys.uniform('feed_forward_length'),
      moe_intermediate_size: keys.number('expert_feed_forward_length'),
      num_dense_layers: keys.number('leading_dense_block_count', 0),
      num_experts: keys.number('expert_count'),
      norm_topk_prob: normalises(keys, true),
      routed_scaling_factor: keys.number('expert_weights_scale', 0) || 1,
      use_expert_bias: hasSelectionBias(keys),
      conv_L_cache: keys.number('shortconv.l_cache'),
      conv_bias: keys.layersWith('shortconv.conv.bias').length > 0,
      layer_types: layerTypes(keys, 'shortconv.conv.weight', ['conv', 'full_attention']),
      norm_eps: keys.number('attention.layer_norm_rms_epsilon'),
    }),
  },

  'ernie4_5-moe': {
    title: 'ERNIE 4.5 MoE',
    modelType: () => 'ernie4_5_moe',
    reads: ['interleave_moe_layer_step', 'leading_dense_block_count'],
    means: { expert_weights_norm: [1], expert_gating_func: SOFTMAX },
    config: (keys) => {
      const sparse = keys.layersWith('ffn_gate_inp.weight')
      const hidden = keys.number('expert_feed_forward_length')
      const shared = keys.rowsOf(`blk.${sparse[0]}.ffn_gate_shexp.weight`) ?? 0
      return {
        intermediate_size: keys.uniform('feed_forward_length'),
        moe_intermediate_size: hidden,
        moe_num_experts: keys.number('expert_count'),
        moe_k: keys.number('expert_used_count'),
        // The file's expert_shared_feed_forward_length is wrong in published files.
        moe_num_shared_experts: shared / hidden,
        moe_layer_start_index: keys.number('leading_dense_block_count', 0),
        moe_layer_end_index: sparse.at(-1) ?? -1,
        moe_layer_interval: keys.number('interleave_moe_layer_step', 1),
        use_bias: keys.hasAttentionBias,
      }
    },
  },

  cohere2moe: {
    title: 'Cohere 2 MoE',
    modelType: () => 'cohere2_moe',
    mayCentre: true,
    reads: [
      ...['attention.sliding_window', 'expert_weights_norm', 'leading_dense_block_count', 'logit_scale'],
      'nextn_predict_layers',
    ],
    means: { expert_gating_func: SIGMOID },
    config: (keys) => ({
      intermediate_size: keys.number('expert_feed_forward_length'),
      prefix_dense_intermediate_size: keys.uniform('feed_forward_length'),
      first_k_dense_replace: keys.number('leading_dense_block_count', 0),
      num_experts: keys.number('expert_count'),
      num_shared_experts: keys.number('expert_shared_count', 0),
      expert_selection_fn: 'sigmoid',
      norm_topk_prob: normalises(keys, false),
      sliding_window: keys.number('attention.sliding_window'),
      layer_types: windowTypes(keys, 4),
      logit_scale: keys.number('logit_scale'),
      layer_norm_eps: keys.number('attention.layer_norm_epsilon', 1e-5),
      attention_bias: keys.hasAttentionBias,
    }),
  },

  nemotron_h_moe: {
    title: 'Nemotron 3',
    modelType: () => 'nemotron_h',
    reads: ['expert_weights_norm', 'expert_weights_scale', 'nextn_predict_layers'],
    means: { expert_gating_func: SIGMOID },
    config: (keys) => {
      const [mamba, attention] = ['ssm_in.weight', 'attn_q.weight'].map((name) => new Set(keys.layersWith(name)))
      const kindOf = (layer: number) => (mamba.has(layer) ? 'mamba' : attention.has(layer) ? 'attention' : 'moe')
      const heads = keys.number('ssm.time_step_rank')
      return {
        layers_block_type: Array.from({ length: keys.layers }, (_, layer) => kindOf(layer)),
        mamba_num_heads: heads,
        mamba_head_dim: keys.number('ssm.inner_size') / heads,
        n_groups: keys.number('ssm.group_count'),
        ssm_state_size: keys.number('ssm.state_size'),
        conv_kernel: keys.number('ssm.conv_kernel'),
        use_conv_bias: keys.layersWith('ssm_conv1d.bias').length > 0,
        n_routed_experts: keys.number('expert_count'),
        moe_intermediate_size: keys.number('expert_feed_forward_length'),
        moe_shared_expert_intermediate_size: sharedHidden(keys),
        norm_topk_prob: normalises(keys, true),
        routed_scaling_factor: keys.number('expert_weights_scale', 0) || 1,
        layer_norm_epsilon: keys.number('attention.layer_norm_rms_epsilon'),
      }
    },
  },

  ...GRANITE,
  ...QWEN,
  ...DEEPSEEK,
  ...WINDOWED,
}
