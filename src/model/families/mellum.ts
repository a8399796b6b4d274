import type { Architecture } from './shared/architecture.js'
import {
  type DecoderConfig,
  decoderConfig,
  kindWindows,
  layerKinds,
  ropesByKind,
  softmaxRouting,
  unlessDense,
} from './shared/decoder-config.js'
import { DECODER } from './shared/decoder-family.js'
import { decoderBlocks } from './shared/decoder-layers.js'
import { namedParts } from './shared/decoder-parts.js'

/** RoPE of a config.json without a word about it. */
const DEFAULT_ROPE = {
  full_attention: { rope_type: 'default', rope_theta: 500000 },
  sliding_attention: { rope_type: 'default', rope_theta: 10000 },
}

const MLP_TYPES = ['sparse', 'dense'] as const

/** JetBrains' Mellum 2: Qwen3's mixture with a window in some layers, and other positions for each kind of layer. */
export const mellum: Architecture<DecoderConfig> = {
  ...DECODER,
  title: 'Mellum 2',
  modelTypes: ['mellum'],
  className: 'Mellum',
  // transformers writes the first and its makers the second.
  aliases: { num_local_experts: 'num_experts' },

  defaults: {
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
    norm_topk_prob: true,
    sliding_window: 1024,
    attention_bias: false,
    rms_norm_eps: 1e-6,
    hidden_act: 'silu',
    max_position_embeddings: 131072,
    tie_word_embeddings: false,
    bos_token_id: null,
    eos_token_id: null,
  },

  parseConfig(keys) {
    const common = decoderConfig(keys, 'mellum', ropesByKind(DEFAULT_ROPE))
    const experts = keys.size('num_experts')
    const counts = keys.has('mlp_layer_types')
      ? keys.oneOfEach('mlp_layer_types', common.layers, MLP_TYPES).map((type) => (type === 'dense' ? 0 : experts))
      : new Array<number>(common.layers).fill(experts)
    return {
      ...common,
      mixtures: unlessDense(counts, () => keys.mixture('mlp', counts, 'num_experts_per_tok', softmaxRouting(keys))),
      ffnHidden: keys.size('moe_intermediate_size'),
      denseHidden: keys.size('intermediate_size'),
      attentionBias: keys.flag('attention_bias') ? 'all' : 'none',
      windows: kindWindows(
        keys,
        layerKinds(keys, common.layers, () => false),
      ),
    }
  },

  shapeKeys: () => ['num_hidden_layers', 'hidden_size', 'hidden_act', 'moe_intermediate_size'],
  parts: (config, formats) => namedParts(config, formats, { queryKeyNorms: 'head' }),
  build: (config, workspace) => decoderBlocks(config, workspace, { norm: 'head' }),
}
