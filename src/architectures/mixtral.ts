import { GatedMixture } from '../nn/gated-mlp.js'
import { GroupedQueryAttention } from '../nn/grouped-query-attention.js'
import { preNormBlocks } from '../nn/pre-norm-blocks.js'
import { Rope } from '../nn/rope.js'
import type { Architecture } from './architecture.js'
import {
  DECODER_SHAPE_KEYS,
  type DecoderConfig,
  decoderConfig,
  describeDecoder,
  groupedCache,
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

/** Names of an expert's matrices: gate, up, down. */
const EXPERT = ['w1', 'w3', 'w2'] as const

/** Mistral's Mixtral, with a sliding window if config.json has one. */
export const mixtral: Architecture<DecoderConfig> = {
  title: 'Mixtral',
  modelTypes: ['mixtral'],
  className: 'Mixtral',

  defaults: {
    vocab_size: 32000,
    hidden_size: 4096,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    num_key_value_heads: 8,
    intermediate_size: 14336,
    num_local_experts: 8,
    num_experts_per_tok: 2,
    rms_norm_eps: 1e-5,
    rope_theta: 1e6,
    hidden_act: 'silu',
    max_position_embeddings: 131072,
    tie_word_embeddings: false,
    bos_token_id: 1,
    eos_token_id: 2,
  },

  parseConfig(keys) {
    const common = decoderConfig(keys, 'mixtral')
    return {
      ...common,
      ffnHidden: keys.size('intermediate_size'),
      mixtures: [
        keys.mixture('mlp', keys.everywhere(common.layers, 'num_local_experts'), 'num_experts_per_tok', {
          normalise: {},
        }),
      ],
      ...(keys.has('sliding_window') && { window: keys.size('sliding_window') }),
    }
  },

  describe: (config) => describeDecoder(config),
  shapeKeys: () => DECODER_SHAPE_KEYS,

  parts(config, formats) {
    const { width: d, ffnHidden: f } = config
    const [mixture] = config.mixtures
    return decoderParts(config, formats, function* (layer) {
      const moe = `model.layers.${layer}.block_sparse_moe`
      yield densePart(layer, [
        ...normPieces(layer, d),
        ...attentionPieces(config, formats, layer),
        ...routerPieces(config, `${moe}.gate`, layer, mixture),
      ])
      yield* expertParts(layer, mixture, (id) => gatedTensors(formats.mlp, `${moe}.experts.${id}`, f, d, '', EXPERT))
    })
  },

  ignores: isUnused,

  cache: groupedCache,

  build(config, workspace) {
    const { epsilon, attentionScale: scale, attentionBias: bias, ffnHidden: hidden } = config
    const rope = new Rope(workspace, config.rope, config.headSize)
    const attention = new GroupedQueryAttention(workspace, { ...config, scale, bias, rope })
    const mixture = new GatedMixture(workspace, config.mixtures[0], { ...config, hidden })
    return preNormBlocks(workspace, { mixerOf: () => attention, feedOf: () => mixture, epsilon })
  },
}
