import { MOST_TAPS } from '../../kernels/abi/states.js'
import { convolutionStateFloats } from '../../kernels/calls/short-convolution.js'
import type { Mixture } from '../config/config.js'
import type { ConfigReader } from '../config/config-reader.js'
import type { Routing } from '../config/routing.js'
import { byLayer } from '../layers/by-layer.js'
import { GatedConvolution } from '../layers/mixers/gated-convolution.js'
import { preNormBlocks } from '../layers/pre-norm-blocks.js'
import type { PartFormats } from '../packing/format/formats.js'
import { entriesOf, matrix, type PlannedPiece, rowsOf, tapOf, vector, whole } from '../packing/format/pieces.js'
import type { Architecture } from './shared/architecture.js'
import { type DecoderConfig, decoderConfig, unlessDense } from './shared/decoder-config.js'
import { DECODER, describeDecoder, groupedCache } from './shared/decoder-family.js'
import { attentionLayers, feedLayers } from './shared/decoder-layers.js'
import { attentionPieces, namedParts, queryKeyNorms } from './shared/decoder-parts.js'

const LAYER_TYPES = ['conv', 'full_attention'] as const
type LayerType = (typeof LAYER_TYPES)[number]

export interface Lfm2Config extends DecoderConfig {
  layerTypes: LayerType[]
  /** Tokens that a convolution sees. */
  taps: number
  convolutionBias: boolean
}

/** Liquid AI's LFM2 mixtures: short convolutions, with attention in some layers. */
export const lfm2: Architecture<Lfm2Config> = {
  ...DECODER,
  title: 'LFM2 MoE',
  modelTypes: ['lfm2_moe'],
  className: 'Lfm2Moe',

  defaults: {
    vocab_size: 65536,
    hidden_size: 2048,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    num_key_value_heads: 8,
    intermediate_size: 7168,
    moe_intermediate_size: 1792,
    num_dense_layers: 2,
    num_experts: 32,
    num_experts_per_tok: 4,
    norm_topk_prob: true,
    use_expert_bias: true,
    routed_scaling_factor: 1,
    conv_L_cache: 3,
    conv_bias: false,
    norm_eps: 1e-5,
    rope_theta: 1e6,
    max_position_embeddings: 128000,
    tie_word_embeddings: true,
    bos_token_id: 1,
    eos_token_id: 2,
  },

  parseConfig(keys) {
    const tied = keys.has('tie_embedding') ? keys.flag('tie_embedding') : keys.flag('tie_word_embeddings')
    const spelt = { rms_norm_eps: keys.positive('norm_eps'), hidden_act: 'silu', tie_word_embeddings: tied }
    const common = decoderConfig(keys.with(spelt), 'lfm2_moe')
    return {
      ...common,
      ...sparseKeys(keys, common.layers),
      ffnHidden: keys.size('moe_intermediate_size'),
      denseHidden: keys.size('intermediate_size'),
      layerTypes: layerTypes(keys, common.layers),
      taps: keys.size('conv_L_cache', 2, MOST_TAPS),
      convolutionBias: keys.flag('conv_bias'),
    }
  },

  describe(config) {
    const words = describeDecoder(config)
    const convolutions = config.layerTypes.filter((type) => type === 'conv').length
    const [attention, ...rest] = words.attention
    return {
      ...words,
      attention: [
        `in ${config.layers - convolutions} of ${config.layers} layers: ${attention}`,
        ...rest,
        `short convolutions of ${config.taps} tokens in the others`,
      ],
    }
  },

  shapeKeys: () => ['num_hidden_layers', 'hidden_size', 'moe_intermediate_size'],

  parts: (config, formats) =>
    namedParts(config, formats, {
      norms: ['operator_norm', 'ffn_norm'],
      mixer: (layer) =>
        config.layerTypes[layer] === 'conv'
          ? convolutionPieces(config, formats, layer)
          : attentionWithNorms(config, formats, layer),
      feed: 'feed_forward',
      selection: 'expert_bias',
      gated: ['w1', 'w3', 'w2'],
      lastNorm: 'model.embedding_norm',
    }),

  cache(config, layer) {
    const { layerTypes, width, taps } = config
    return layerTypes[layer] === 'conv' ? { state: convolutionStateFloats(width, taps) } : groupedCache(config, layer)
  },

  build(config, workspace) {
    const { taps, convolutionBias: bias, layerTypes } = config
    const isConvolution = (layer: number) => layerTypes[layer] === 'conv'
    const isAttention = (layer: number) => !isConvolution(layer)
    const attentionOf = attentionLayers(workspace, config, { norm: 'head', isIn: isAttention })
    const convolutionOf = byLayer(
      () => true,
      () => new GatedConvolution(workspace, { taps, bias, isIn: isConvolution }),
    )
    const mixerOf = (layer: number) => (isConvolution(layer) ? convolutionOf(layer) : attentionOf(layer))
    const feedOf = feedLayers(workspace, config)
    return preNormBlocks(workspace, { ...config, mixerOf, feedOf })
  },
}

/** The mixers by `layer_types`; older files list the layers with attention in `full_attn_idxs`. */
function layerTypes(keys: ConfigReader, layers: number): LayerType[] {
  if (keys.has('layer_types') || !keys.has('full_attn_idxs')) return keys.oneOfEach('layer_types', layers, LAYER_TYPES)
  const attention = keys.layerNumbers('full_attn_idxs')
  return Array.from({ length: layers }, (_, layer) => (attention.has(layer) ? 'full_attention' : 'conv'))
}

/** The first layers are dense, the others have experts. */
function sparseKeys(keys: ConfigReader, layers: number): { mixtures: Mixture[] } {
  const dense = keys.size('num_dense_layers', 0)
  const experts = keys.size('num_experts')
  const counts = Array.from({ length: layers }, (_, layer) => (layer < dense ? 0 : experts))
  const routing: Routing = {
    score: 'sigmoid',
    ...(keys.flag('use_expert_bias') && { selectionBias: true }),
    ...(keys.flag('norm_topk_prob') && { normalise: { add: 1e-6 } }),
    factor: keys.positive('routed_scaling_factor'),
  }
  return { mixtures: unlessDense(counts, () => keys.mixture('mlp', counts, 'num_experts_per_tok', routing)) }
}

function attentionWithNorms(config: Lfm2Config, formats: PartFormats, layer: number): PlannedPiece[] {
  return [
    ...attentionPieces(config, formats, layer, { output: 'out_proj' }),
    ...queryKeyNorms(config, layer, 'head', ['q_layernorm', 'k_layernorm']),
  ]
}

/** Pieces of a convolution: B, C and the filter's input as one matrix, the filter tap by tap, and the output. */
function convolutionPieces(config: Lfm2Config, formats: PartFormats, layer: number): PlannedPiece[] {
  const { width: d, taps, convolutionBias: hasBias } = config
  const conv = `model.layers.${layer}.conv`
  const thirds = [0, 1, 2].map((i) => rowsOf(whole(`${conv}.in_proj.weight`, [3 * d, d]), i * d, (i + 1) * d))
  const biases = [0, 1, 2].map((i) => entriesOf(whole(`${conv}.in_proj.bias`, [3 * d]), i * d, (i + 1) * d))
  const filter = Array.from({ length: taps }, (_, tap) => tapOf(`${conv}.conv.weight`, [d, 1, taps], tap))
  return [
    matrix('conv.in.weight', formats.attention, thirds),
    ...(hasBias ? [vector('conv.in.bias', biases)] : []),
    vector('conv.taps', filter),
    ...(hasBias ? [vector('conv.bias', whole(`${conv}.conv.bias`, [d]))] : []),
    matrix('conv.output.weight', formats.attention, whole(`${conv}.out_proj.weight`, [d, d])),
    ...(hasBias ? [vector('conv.output.bias', whole(`${conv}.out_proj.bias`, [d]))] : []),
  ]
}
