import type { Architecture } from '../shared/architecture.js'
import {
  type DecoderConfig,
  decoderConfig,
  PLAIN_DEFAULTS,
  refuseOtherHeadSize,
  softmaxRouting,
} from '../shared/decoder-config.js'
import { DECODER } from '../shared/decoder-family.js'
import { namedParts } from '../shared/decoder-parts.js'

/** AllenAI's OLMoE: queries and keys are normalised over all heads together. */
export const olmoe: Architecture<DecoderConfig> = {
  ...DECODER,
  title: 'OLMoE',
  modelTypes: ['olmoe'],
  className: 'Olmoe',

  defaults: {
    ...PLAIN_DEFAULTS,
    vocab_size: 50304,
    hidden_size: 2048,
    num_hidden_layers: 16,
    num_attention_heads: 16,
    intermediate_size: 2048,
    num_experts: 64,
    num_experts_per_tok: 8,
    norm_topk_prob: false,
    attention_bias: false,
    rms_norm_eps: 1e-5,
    rope_theta: 10000,
    max_position_embeddings: 4096,
    eos_token_id: 50279,
  },

  parseConfig(keys) {
    const common = decoderConfig(keys, 'olmoe')
    refuseOtherHeadSize(keys, common)
    const experts = keys.everywhere(common.layers, 'num_experts')
    return {
      ...common,
      ffnHidden: keys.size('intermediate_size'),
      mixtures: [keys.mixture('mlp', experts, 'num_experts_per_tok', softmaxRouting(keys))],
      attentionBias: keys.flag('attention_bias') ? 'all' : 'none',
      queryKeyNorm: 'row',
      ...(keys.has('clip_qkv') && { clip: keys.positive('clip_qkv') }),
    }
  },

  parts: (config, formats) => namedParts(config, formats),
}

/** AllenAI's FlexOlmo: OLMoE with norms of what attention and the experts add, in place of norms before them. */
export const flexOlmo: Architecture<DecoderConfig> = {
  ...olmoe,
  title: 'FlexOlmo',
  modelTypes: ['flex_olmo'],
  className: 'FlexOlmo',
  defaults: {
    ...{ ...olmoe.defaults, vocab_size: 100352, hidden_size: 4096, num_hidden_layers: 32, num_attention_heads: 32 },
    ...{ intermediate_size: 11008, num_experts: 7, num_experts_per_tok: 5, rms_norm_eps: 1e-6, rope_theta: 500000 },
    eos_token_id: 100257,
  },

  parseConfig: (keys, classNames) => ({
    ...olmoe.parseConfig(keys, classNames),
    modelType: 'flex_olmo',
    norms: 'after',
  }),

  parts: (config, formats) =>
    namedParts(config, formats, {
      norms: [],
      normsAfter: ['post_attention_layernorm', 'post_feedforward_layernorm'],
    }),
}
