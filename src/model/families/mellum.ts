import type { Architecture } from './shared/architecture.js'
import {
  type DecoderConfig,
  decoderConfig,
  kindWindows,
  layerKinds,
  PLAIN_DEFAULTS,
  ropesByKind,
  softmaxRouting,
} from './shared/decoder-config.js'
import { DECODER } from './shared/decoder-family.js'
import { namedParts } from './shared/decoder-parts.js'
import { groupedExperts } from './shared/grouped-experts.js'

/** RoPE of a config.json without a word about it. */
const DEFAULT_ROPE = {
  full_attention: { rope_type: 'default', rope_theta: 500000 },
  sliding_attention: { rope_type: 'default', rope_theta: 10000 },
}

/** JetBrains' Mellum 2: Qwen3's mixture with a window in some layers, and other positions for each kind of layer. */
export const mellum: Architecture<DecoderConfig> = {
  ...DECODER,
  title: 'Mellum 2',
  modelTypes: ['mellum'],
  className: 'Mellum',
  // transformers writes the first and its makers the second.
  aliases: { num_local_experts: 'num_experts' },

  defaults: {
    ...PLAIN_DEFAULTS,
    vocab_size: 98304,
    hidden_size: 2304,
    num_hidden_layers: 28,
    num_attention_heads: 32,
    num_key_value_heads: 4,
    head_dim: 128,
    intermediate_size: 7168,
    moe_intermediate_size: 896,
    num_experts: 64,
    num_experts_per_tok: 8,
    first_k_dense_replace: 0,
    norm_topk_prob: true,
    sliding_window: 1024,
    attention_bias: false,
    rms_norm_eps: 1e-6,
    max_position_embeddings: 131072,
  },

  parseConfig(keys) {
    const common = decoderConfig(keys, 'mellum', ropesByKind(DEFAULT_ROPE))
    return {
      ...common,
      ...groupedExperts(keys, common.layers, { experts: 'num_experts', routing: () => softmaxRouting(keys) }),
      attentionBias: keys.flag('attention_bias') ? 'all' : 'none',
      queryKeyNorm: 'head',
      windows: kindWindows(
        keys,
        layerKinds(keys, common.layers, () => false),
      ),
    }
  },

  parts: (config, formats) => namedParts(config, formats),
}
