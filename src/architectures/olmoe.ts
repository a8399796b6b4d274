import { GatedMixture } from '../nn/gated-mlp.js'
import { GroupedQueryAttention } from '../nn/grouped-query-attention.js'
import { preNormBlocks } from '../nn/pre-norm-blocks.js'
import { Rope } from '../nn/rope.js'
import { vector, whole } from '../packing/format/pieces.js'
import type { Architecture } from './architecture.js'
import {
  DECODER_SHAPE_KEYS,
  type DecoderConfig,
  decoderConfig,
  describeDecoder,
  groupedCache,
  refuseOtherHeadSize,
  softmaxRouting,
} from './decoder-config.js'
import {
  attentionPieces,
  decoderParts,
  densePart,
  expertParts,
  gatedTensors,
  isUnused,
  normPieces,
  routerPieces,
} from './decoder-parts.js'

export interface OlmoeConfig extends DecoderConfig {
  /** Queries, keys and values are clamped to [-clip, clip]. */
  clip?: number
}

/** AllenAI's OLMoE: queries and keys are normalised over all heads together. */
export const olmoe: Architecture<OlmoeConfig> = {
  title: 'OLMoE',
  modelTypes: ['olmoe'],
  className: 'Olmoe',

  defaults: {
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
    hidden_act: 'silu',
    max_position_embeddings: 4096,
    tie_word_embeddings: false,
    bos_token_id: null,
    eos_token_id: 50279,
  },

  parseConfig(keys) {
    const common = decoderConfig(keys, 'olmoe')
    refuseOtherHeadSize(keys, common)
    return {
      ...common,
      ffnHidden: keys.size('intermediate_size'),
      mixtures: [
        keys.mixture('mlp', keys.everywhere(common.layers, 'num_experts'), 'num_experts_per_tok', softmaxRouting(keys)),
      ],
      attentionBias: keys.flag('attention_bias') ? 'all' : 'none',
      ...(keys.has('clip_qkv') && { clip: keys.positive('clip_qkv') }),
    }
  },

  describe: (config) => describeDecoder(config),
  shapeKeys: () => DECODER_SHAPE_KEYS,

  parts(config, formats) {
    const { width: d, heads, keyValueHeads, headSize, ffnHidden: f } = config
    const [mixture] = config.mixtures
    return decoderParts(config, formats, function* (layer) {
      const at = `model.layers.${layer}`
      yield densePart(layer, [
        ...normPieces(layer, d),
        ...attentionPieces(config, formats, layer),
        vector('q_norm', whole(`${at}.self_attn.q_norm.weight`, [heads * headSize])),
        vector('k_norm', whole(`${at}.self_attn.k_norm.weight`, [keyValueHeads * headSize])),
        ...routerPieces(config, `${at}.mlp.gate`, layer, mixture),
      ])
      yield* expertParts(layer, mixture, (id) => gatedTensors(formats.mlp, `${at}.mlp.experts.${id}`, f, d))
    })
  },

  ignores: isUnused,

  cache: groupedCache,

  build(config, workspace) {
    const { epsilon, attentionScale: scale, attentionBias: bias, ffnHidden: hidden } = config
    const rope = new Rope(workspace, config.rope, config.headSize)
    const norm = { span: 'row', epsilon } as const
    const attention = new GroupedQueryAttention(workspace, { ...config, scale, bias, rope, norm })
    const mixture = new GatedMixture(workspace, config.mixtures[0], { ...config, hidden })
    return preNormBlocks(workspace, { mixerOf: () => attention, feedOf: () => mixture, epsilon })
  },
}
