import type { ConfigReader } from '../../config/config-reader.js'
import type { PartFormats } from '../../packing/format/formats.js'
import type { Architecture } from '../shared/architecture.js'
import {
  type DecoderConfig,
  decoderConfig,
  PLAIN_DEFAULTS,
  refuseOtherHeadSize,
  softmaxRouting,
  unlessDense,
} from '../shared/decoder-config.js'
import { DECODER } from '../shared/decoder-family.js'
import { namedParts } from '../shared/decoder-parts.js'

const DEFAULTS = {
  ...PLAIN_DEFAULTS,
  vocab_size: 151936,
  hidden_size: 2048,
  num_hidden_layers: 24,
  num_experts_per_tok: 8,
  norm_topk_prob: false,
  decoder_sparse_step: 1,
  mlp_only_layers: [],
  use_sliding_window: false,
  sliding_window: 4096,
  rms_norm_eps: 1e-6,
  rope_theta: 10000,
  max_position_embeddings: 32768,
}

const SHARED = {
  ...DECODER,
  parts: (config: DecoderConfig, formats: PartFormats) =>
    namedParts(config, formats, { shared: 'shared_expert', sharedGate: 'shared_expert_gate' }),
} satisfies Partial<Architecture<DecoderConfig>>

/** Qwen3's mixtures (Qwen3-30B-A3B): each head of queries and keys is normalised. */
export const qwen3: Architecture<DecoderConfig> = {
  ...SHARED,
  title: 'Qwen3 MoE',
  modelTypes: ['qwen3_moe'],
  className: 'Qwen3Moe',
  defaults: {
    ...DEFAULTS,
    num_attention_heads: 32,
    num_key_value_heads: 4,
    intermediate_size: 6144,
    moe_intermediate_size: 768,
    num_experts: 128,
    attention_bias: false,
  },
  parseConfig(keys) {
    const common = decoderConfig(keys, 'qwen3_moe')
    return {
      ...common,
      ...sparseKeys(keys, common.layers),
      queryKeyNorm: 'head',
      attentionBias: keys.flag('attention_bias') ? 'all' : 'none',
      ...(keys.flag('use_sliding_window') &&
        keys.has('sliding_window') && { windows: keys.everywhere(common.layers, 'sliding_window') }),
    }
  },
}

/** Engineering Group's EngGPT2: Qwen3's mixture under another name, whose gates sum to 1 by default. */
export const engGpt: Architecture<DecoderConfig> = {
  ...qwen3,
  modelTypes: ['enggpt_moe'],
  className: 'EngGpt',
  defaults: { ...qwen3.defaults, rope_theta: 1e6, norm_topk_prob: true },
}

/** Qwen1.5 and Qwen2 mixtures: biases, and a shared expert with its own gate. */
export const qwen2: Architecture<DecoderConfig> = {
  ...SHARED,
  title: 'Qwen2 MoE',
  modelTypes: ['qwen2_moe'],
  className: 'Qwen2Moe',
  defaults: {
    ...DEFAULTS,
    num_attention_heads: 16,
    num_key_value_heads: 16,
    intermediate_size: 5632,
    moe_intermediate_size: 1408,
    shared_expert_intermediate_size: 5632,
    num_experts: 60,
    num_experts_per_tok: 4,
    qkv_bias: true,
  },
  parseConfig(keys) {
    // Versions of the reference code disagree on which layers the window is for.
    if (keys.flag('use_sliding_window')) throw keys.refuse('use_sliding_window', 'false for qwen2_moe')
    const common = decoderConfig(keys, 'qwen2_moe')
    refuseOtherHeadSize(keys, common)
    return {
      ...common,
      ...sparseKeys(keys, common.layers),
      sharedHidden: keys.size('shared_expert_intermediate_size'),
      sharedGate: true,
      attentionBias: keys.flag('qkv_bias') ? 'qkv' : 'none',
    }
  },
}

/** Number of experts of each layer: a layer has experts unless it is listed as dense or the step skips it. */
export function sparseKeys(keys: ConfigReader, layers: number) {
  const step = keys.size('decoder_sparse_step')
  const dense = keys.has('mlp_only_layers') ? keys.layerNumbers('mlp_only_layers') : new Set<number>()
  const experts = keys.size('num_experts', 0)
  const counts = Array.from({ length: layers }, (_, l) => (dense.has(l) || (l + 1) % step !== 0 ? 0 : experts))
  return {
    mixtures: unlessDense(counts, () => keys.mixture('mlp', counts, 'num_experts_per_tok', softmaxRouting(keys))),
    ffnHidden: keys.size('moe_intermediate_size'),
    denseHidden: keys.size('intermediate_size'),
  }
}
