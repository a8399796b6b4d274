import type { FamilyKeys } from './family-keys.js'
import { ropeKeys } from './rope-keys.js'
import {
  deltaKeys,
  graniteFactors,
  groupedKeys,
  layerTypes,
  moeWidths,
  normalises,
  qwenKeys,
  sharedHidden,
  slidingLayers,
  windowTypes,
} from './shared-keys.js'

/** A family of models that GGUF files have and molm runs. */
export interface GgufFamily {
  title: string
  modelType: (keys: FamilyKeys) => string
  /** Keys of config.json that not all families have. */
  config: (keys: FamilyKeys) => Record<string, unknown>
  /** Whether the rows of queries and keys have the order of llama.cpp: neighbouring channels turn together. */
  permutesRows?: true
  /** Whether rope_freqs.weight stops a part of the rotations, which its config knows without it. */
  stopsRotations?: true
  /** Whether YaRN may enlarge queries and keys. */
  enlarges?: true
  /** Whether its models may have no experts. */
  runsDense?: true
  /** Keys that only some families compute with (NEUTRAL in config.ts) and that its `config` reads. */
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

const GRANITE_FACTORS = ['attention.scale', 'embedding_scale', 'residual_scale', 'logit_scale']

const GROUPS = [
  ...['leading_dense_block_count', 'expert_group_count', 'expert_group_used_count', 'expert_weights_scale'],
  'nextn_predict_layers',
]

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
    reads: GRANITE_FACTORS,
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
    reads: [...GRANITE_FACTORS, 'attention.sliding_window'],
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
    reads: [...GRANITE_FACTORS, 'rope.scaling.finetuned'],
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
      const sparse = new Set(keys.layersWith('ffn_gate_inp.weight'))
      const { rope_theta, rope_scaling } = ropeKeys(keys)
      const rope_parameters = {
        full_attention: { rope_type: 'default', rope_theta, ...rope_scaling },
        sliding_attention: { rope_type: 'default', rope_theta: keys.number('rope.freq_base_swa', rope_theta) },
      }
      return {
        ...moeWidths(keys),
        num_experts: keys.number('expert_count'),
        norm_topk_prob: normalises(keys, true),
        mlp_layer_types: [...Array(keys.layers).keys()].map((layer) => (sparse.has(layer) ? 'sparse' : 'dense')),
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
      layer_types: layerTypes(keys, 'shortconv.conv.weight', ['conv', 'full_attention']),
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

/** Whether routers of DeepSeek's families have sigmoid scores; old files do not say it. */
function hasSigmoids(keys: FamilyKeys): boolean {
  const stated = keys.number('expert_gating_func', 0)
  return stated === 2 || (stated === 0 && SELECTION_BIASES.some((name) => keys.layersWith(name).length > 0))
}

/** Names that the bias of the choice has had. */
const SELECTION_BIASES = ['exp_probs_b.bias', 'exp_probs_b']
