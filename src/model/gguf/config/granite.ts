import { type GgufFamily, NORMALISES } from './family.js'
import type { FamilyKeys } from './family-keys.js'
import { ropeKeys } from './rope-keys.js'
import { layerTypes, sharedHidden, windowTypes } from './shared-keys.js'

const FACTORS = ['attention.scale', 'embedding_scale', 'residual_scale', 'logit_scale']

export const GRANITE: Readonly<Record<string, GgufFamily>> = {
  granitemoe: {
    title: 'Granite MoE',
    modelType: (keys) => (sharedHidden(keys) > 0 ? 'granitemoeshared' : 'granitemoe'),
    permutesRows: true,
    reads: FACTORS,
    // In this family the last key says whether there are positions at all.
    means: { ...NORMALISES, 'rope.scaling.finetuned': [1] },
    config: (keys) => ({
      intermediate_size: keys.uniform('feed_forward_length'),
      shared_intermediate_size: sharedHidden(keys),
      num_local_experts: keys.number('expert_count'),
      ...graniteFactors(keys),
    }),
  },

  granite_swa: {
    title: 'Granite SWA',
    modelType: (keys) => (keys.number('expert_count', 0) > 0 ? 'granitemoe_swa' : 'granite_swa'),
    permutesRows: true,
    runsDense: true,
    reads: [...FACTORS, 'attention.sliding_window'],
    means: NORMALISES,
    config: (keys) => {
      const placed = keys.values('attention.rope_pattern')
      return {
        intermediate_size: keys.uniform('feed_forward_length'),
        shared_intermediate_size: sharedHidden(keys),
        num_local_experts: keys.number('expert_count', 0),
        ...graniteFactors(keys),
        sliding_window: keys.number('attention.sliding_window'),
        layer_types: windowTypes(keys, 4),
        ...(placed.length > 0 && { layer_rope_theta: placed.map((is) => (is ? ropeKeys(keys).rope_theta : 0)) }),
      }
    },
  },

  granitehybrid: {
    title: 'Granite 4 hybrid',
    modelType: () => 'granitemoehybrid',
    permutesRows: true,
    runsDense: true,
    reads: [...FACTORS, 'rope.scaling.finetuned'],
    means: NORMALISES,
    config: (keys) => {
      const inner = keys.number('ssm.inner_size')
      const heads = keys.number('ssm.time_step_rank')
      const [isPlaced = 1] = keys.values('rope.scaling.finetuned')
      return {
        intermediate_size: keys.uniform('feed_forward_length'),
        // Without experts, the shared one is the dense layer.
        shared_intermediate_size: keys.rowsOf('blk.0.ffn_gate.weight') ?? sharedHidden(keys),
        num_local_experts: keys.number('expert_count', 0),
        ...graniteFactors(keys),
        position_embedding_type: isPlaced === 0 ? 'nope' : 'rope',
        layer_types: layerTypes(keys, 'ssm_in.weight', ['mamba', 'attention']),
        mamba_expand: inner / keys.number('embedding_length'),
        mamba_n_heads: heads,
        mamba_d_head: inner / heads,
        mamba_n_groups: keys.number('ssm.group_count'),
        mamba_d_state: keys.number('ssm.state_size'),
        mamba_d_conv: keys.number('ssm.conv_kernel'),
        mamba_conv_bias: keys.layersWith('ssm_conv1d.bias').length > 0,
      }
    },
  },
}

function graniteFactors(keys: FamilyKeys): Record<string, unknown> {
  return {
    // 0 is as good as absent.
    attention_multiplier: keys.number('attention.scale', 0) || 1 / Math.sqrt(keys.headSize),
    embedding_multiplier: keys.number('embedding_scale', 0) || 1,
    residual_multiplier: keys.number('residual_scale', 0) || 1,
    logits_scaling: keys.number('logit_scale', 0) || 1,
    attention_bias: keys.hasAttentionBias,
  }
}
