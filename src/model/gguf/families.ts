import type { FamilyKeys } from './family-keys.js'
import { ropeKeys } from './rope-keys.js'

/** A family of models that GGUF files have and molm runs. */
export interface GgufFamily {
  title: string
  /** `model_type` of its config.json. */
  modelType: (keys: FamilyKeys) => string
  /** Keys of config.json that not all families have. */
  config: (keys: FamilyKeys) => Record<string, unknown>
  /** Whether the rows of queries and keys have the order of llama.cpp: neighbouring channels turn together. */
  permutesRows?: true
  /** Keys that only some families compute with (neutral-keys.ts) and that its `config` reads. */
  reads?: readonly string[]
  /** Values of such keys that mean what the family does in any case. */
  means?: Readonly<Record<string, readonly number[]>>
}

/** Gating functions by llama.cpp's numbers, and 0 for the family's own. */
const [SOFTMAX, SIGMOID, SOFTMAX_OF_CHOSEN] = [
  [0, 1],
  [0, 2],
  [0, 1, 3],
]

const NORMALISES = { expert_weights_norm: [1], expert_gating_func: SOFTMAX_OF_CHOSEN }

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

  granitemoe: {
    title: 'Granite MoE',
    modelType: (keys) => (sharedHidden(keys) > 0 ? 'granitemoeshared' : 'granitemoe'),
    permutesRows: true,
    reads: ['attention.scale', 'embedding_scale', 'residual_scale', 'logit_scale'],
    // In this family the last key says whether there are positions at all.
    means: { ...NORMALISES, 'rope.scaling.finetuned': [1] },
    config: (keys) => ({
      intermediate_size: keys.uniform('feed_forward_length'),
      shared_intermediate_size: sharedHidden(keys),
      num_local_experts: keys.number('expert_count'),
      // 0 is as good as absent.
      attention_multiplier: keys.number('attention.scale', 0) || 1 / Math.sqrt(keys.headSize),
      embedding_multiplier: keys.number('embedding_scale', 0) || 1,
      residual_multiplier: keys.number('residual_scale', 0) || 1,
      logits_scaling: keys.number('logit_scale', 0) || 1,
      attention_bias: keys.hasAttentionBias,
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

  'gpt-oss': {
    title: 'gpt-oss',
    modelType: () => 'gpt_oss',
    reads: ['attention.sliding_window', 'attention.sliding_window_pattern'],
    means: { ...NORMALISES, swiglu_clamp_exp: [7] },
    config: (keys) => ({
      intermediate_size: keys.number('expert_feed_forward_length', keys.uniform('feed_forward_length', 0)),
      num_local_experts: keys.number('expert_count'),
      sliding_window: keys.number('attention.sliding_window'),
      layer_types: slidingLayers(keys, 2, 'last').map((is) => (is ? 'sliding_attention' : 'full_attention')),
      attention_bias: keys.hasAttentionBias,
      // The file does not say it: the family's config.json leaves the ends of the ramp as they are.
      ...ropeKeys(keys, { truncate: false }),
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
      use_expert_bias: SELECTION_BIASES.some((name) => keys.layersWith(name).length > 0),
      conv_L_cache: keys.number('shortconv.l_cache'),
      conv_bias: keys.layersWith('shortconv.conv.bias').length > 0,
      layer_types: convolutions(keys),
      norm_eps: keys.number('attention.layer_norm_rms_epsilon'),
    }),
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
}

/** Names that the bias of the choice has had. */
const SELECTION_BIASES = ['exp_probs_b.bias', 'exp_probs_b']

/** Channels inside the shared expert; 0 if there is none. */
function sharedHidden(keys: FamilyKeys): number {
  return keys.number('expert_shared_feed_forward_length', 0)
}

/** Whether gates are divided by their sum: the file's word, or the family's way. */
function normalises(keys: FamilyKeys, family: boolean): boolean {
  const [flag = Number(family)] = keys.values('expert_weights_norm')
  return flag === 1
}

function qwenKeys(keys: FamilyKeys, normalisesGates: boolean): Record<string, unknown> {
  const dense = keys.uniform('feed_forward_length')
  const sparse = new Set(keys.layersWith('ffn_gate_inp.weight'))
  return {
    intermediate_size: dense,
    // Old files give the width of all chosen experts together.
    moe_intermediate_size: keys.number('expert_feed_forward_length', 0) || dense / keys.number('expert_used_count'),
    num_experts: keys.number('expert_count'),
    norm_topk_prob: normalises(keys, normalisesGates),
    decoder_sparse_step: 1,
    mlp_only_layers: [...Array(keys.layers).keys()].filter((layer) => !sparse.has(layer)),
    use_sliding_window: false,
  }
}

/** Gated DeltaNet, and what the layers around it have in common. */
function deltaKeys(keys: FamilyKeys) {
  const recurrent = new Set(keys.layersWith('ssm_a'))
  const heads = keys.number('ssm.time_step_rank')
  return {
    shared_expert_intermediate_size: sharedHidden(keys),
    attention_bias: keys.hasAttentionBias,
    layer_types: [...Array(keys.layers).keys()].map((layer) =>
      recurrent.has(layer) ? 'linear_attention' : 'full_attention',
    ),
    linear_num_key_heads: keys.number('ssm.group_count'),
    linear_num_value_heads: heads,
    linear_key_head_dim: keys.number('ssm.state_size'),
    linear_value_head_dim: keys.number('ssm.inner_size') / heads,
    linear_conv_kernel_dim: keys.number('ssm.conv_kernel'),
  }
}

/** Whether each layer has a window: the file's list, or all but the first or last layer of each `period`. */
function slidingLayers(keys: FamilyKeys, period: number, full: 'first' | 'last'): boolean[] {
  const layers = [...Array(keys.layers).keys()]
  const key = 'attention.sliding_window_pattern'
  const stored = keys.values(key)
  if (stored.length > 1 || (stored.length === 1 && layers.length === 1)) {
    if (stored.length < layers.length)
      throw keys.refuse(key, `has ${stored.length} entries for ${layers.length} layers`)
    return layers.map((layer) => stored[layer] !== 0)
  }
  const [step = period] = stored
  if (step === 0) return layers.map(() => true)
  return layers.map((layer) => layer % step !== (full === 'first' ? 0 : step - 1))
}

function convolutions(keys: FamilyKeys): string[] {
  const convolved = new Set(keys.layersWith('shortconv.conv.weight'))
  return [...Array(keys.layers).keys()].map((layer) => (convolved.has(layer) ? 'conv' : 'full_attention'))
}
