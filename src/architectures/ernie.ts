import type { ConfigReader } from '../model/config-reader.js'
import { GroupedQueryAttention } from '../nn/grouped-query-attention.js'
import { preNormBlocks } from '../nn/pre-norm-blocks.js'
import { Rope } from '../nn/rope.js'
import type { PartFormats } from '../packing/format/formats.js'
import { type PlannedPiece, whole } from '../packing/format/pieces.js'
import type { Architecture } from './architecture.js'
import { type DecoderConfig, decoderConfig, describeDecoder, groupedCache } from './decoder-config.js'
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
import { hasExperts, mixedFeeds, unlessDense } from './mixed-layers.js'

export interface ErnieConfig extends DecoderConfig {
  /** Channels inside a layer without experts. */
  denseHidden: number
  /** s, channels inside the shared expert; 0 if there is none. */
  sharedHidden: number
}

/** Baidu's ERNIE 4.5 (ERNIE-4.5-21B-A3B): a bias moves the choice of experts, but not their gates. */
export const ernie: Architecture<ErnieConfig> = {
  title: 'ERNIE 4.5 MoE',
  modelTypes: ['ernie4_5_moe'],
  className: 'Ernie4_5_Moe',

  defaults: {
    vocab_size: 103424,
    hidden_size: 2560,
    num_hidden_layers: 28,
    num_attention_heads: 20,
    num_key_value_heads: 4,
    intermediate_size: 12288,
    moe_intermediate_size: 1536,
    moe_num_experts: 64,
    moe_k: 6,
    moe_num_shared_experts: 2,
    moe_layer_start_index: 1,
    moe_layer_end_index: -1,
    moe_layer_interval: 1,
    moe_norm_min: 1e-12,
    use_bias: false,
    rms_norm_eps: 1e-5,
    rope_theta: 500000,
    hidden_act: 'silu',
    max_position_embeddings: 131072,
    tie_word_embeddings: true,
    bos_token_id: 1,
    eos_token_id: 2,
  },

  parseConfig(keys) {
    // Versions of the reference code disagree on the biases of experts.
    if (keys.flag('use_bias')) throw keys.refuse('use_bias', 'false')
    const common = decoderConfig(keys, 'ernie4_5_moe')
    const counts = expertsPerLayer(keys, common.layers)
    const routing = { selectionBias: true, normalise: { floor: keys.positive('moe_norm_min') } } as const
    const ffnHidden = keys.size('moe_intermediate_size')
    return {
      ...common,
      rope: { ...common.rope, pairs: 'neighbours' },
      mixtures: unlessDense(counts, () => keys.mixture('mlp', counts, 'moe_k', routing)),
      ffnHidden,
      denseHidden: keys.size('intermediate_size'),
      sharedHidden: ffnHidden * keys.size('moe_num_shared_experts', 0),
    }
  },

  describe: (config) => describeDecoder(config, config.sharedHidden),
  shapeKeys: () => ['num_hidden_layers', 'hidden_size', 'hidden_act', 'moe_intermediate_size'],

  parts(config, formats) {
    const { width: d, ffnHidden: f, denseHidden, mixtures } = config
    return decoderParts(config, formats, function* (layer) {
      const mlp = `model.layers.${layer}.mlp`
      const isSparse = hasExperts(config, layer)
      yield densePart(layer, [
        ...normPieces(layer, d),
        ...attentionPieces(config, formats, layer),
        ...(isSparse ? sparsePieces(config, formats, layer) : gatedTensors(formats.mlp, mlp, denseHidden, d, 'dense.')),
      ])
      if (!isSparse) return
      yield* expertParts(layer, mixtures[0], (id) => gatedTensors(formats.mlp, `${mlp}.experts.${id}`, f, d))
    })
  },

  // Layers that predict tokens further ahead have `mtp` in their names.
  ignores: (tensor, config) => isUnused(tensor, config) || tensor.includes('mtp'),

  cache: groupedCache,

  build(config, workspace) {
    const { epsilon, attentionScale: scale, attentionBias: bias, activation, ffnHidden, denseHidden } = config
    const rope = new Rope(workspace, config.rope, config.headSize)
    const attention = new GroupedQueryAttention(workspace, { ...config, scale, bias, rope })
    const shared = config.sharedHidden > 0 ? { hidden: config.sharedHidden, gated: false } : undefined
    const sparse = { activation, hidden: ffnHidden, shared }
    const feedOf = mixedFeeds(workspace, config, sparse, { activation, hidden: denseHidden })
    return preNormBlocks(workspace, { mixerOf: () => attention, feedOf, epsilon })
  },
}

/** Number of experts of each layer: those from the start to the end index have experts, if the interval meets them. */
function expertsPerLayer(keys: ConfigReader, layers: number): number[] {
  const experts = keys.size('moe_num_experts', 0)
  const interval = keys.size('moe_layer_interval')
  const start = keys.size('moe_layer_start_index', 0)
  const end = keys.size('moe_layer_end_index', -1)
  const last = end === -1 ? layers - 1 : end
  return Array.from({ length: layers }, (_, l) => {
    return (l + 1) % interval === 0 && l >= start && l <= last ? experts : 0
  })
}

/** Pieces of the router with its bias of the choice, and of the shared expert. */
function sparsePieces(config: ErnieConfig, formats: PartFormats, layer: number): PlannedPiece[] {
  const { width: d, sharedHidden: s, mixtures } = config
  const mlp = `model.layers.${layer}.mlp`
  const selection = whole(`${mlp}.moe_statics.e_score_correction_bias`, [1, mixtures[0].experts[layer]])
  return [
    ...routerPieces(config, `${mlp}.gate`, layer, mixtures[0], selection),
    ...(s === 0 ? [] : gatedTensors(formats.mlp, `${mlp}.shared_experts`, s, d, 'shared.')),
  ]
}
