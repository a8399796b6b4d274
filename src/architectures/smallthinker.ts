import { listOf, oneOf } from '../json/forms.js'
import type { ConfigReader } from '../model/config-reader.js'
import { byLayer } from '../nn/by-layer.js'
import { GatedMixture } from '../nn/gated-mlp.js'
import { GroupedQueryAttention } from '../nn/grouped-query-attention.js'
import { type Mixer, preNormBlocks } from '../nn/pre-norm-blocks.js'
import { Rope } from '../nn/rope.js'
import type { Architecture } from './architecture.js'
import { decoderConfig, describeDecoder } from './decoder-config.js'
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
import { type SlidingConfig, slidingCache, slidingWords } from './sliding-layers.js'

export interface SmallThinkerConfig extends SlidingConfig {
  /** Whether each layer rotates queries and keys by their positions. */
  hasRope: boolean[]
}

/** Kinds of attention. */
type Kind = `${'rotated' | 'plain'} ${'sliding' | 'full'}`

/** Names of the tensors gate, up and down. */
const GATED = ['gate', 'up', 'down'] as const

/**
 * SmallThinker: a layer's router reads the residual stream before the layer's attention, so that experts can be read
 * from a disk in the meantime.
 */
export const smallthinker: Architecture<SmallThinkerConfig> = {
  title: 'SmallThinker',
  modelTypes: ['smallthinker'],
  className: 'SmallThinker',

  defaults: {
    vocab_size: 151936,
    hidden_size: 1536,
    num_hidden_layers: 32,
    num_attention_heads: 12,
    num_key_value_heads: 2,
    head_dim: 128,
    moe_ffn_hidden_size: 768,
    moe_num_primary_experts: 32,
    moe_num_active_primary_experts: 4,
    moe_primary_router_apply_softmax: false,
    sliding_window_size: 4096,
    rms_norm_eps: 1e-6,
    rope_theta: 1e6,
    max_position_embeddings: 4096,
    tie_word_embeddings: true,
    bos_token_id: null,
    eos_token_id: null,
  },

  parseConfig(keys) {
    const common = decoderConfig(keys.with({ hidden_act: 'relu' }), 'smallthinker')
    const experts = keys.everywhere(common.layers, 'moe_num_primary_experts')
    const score = keys.flag('moe_primary_router_apply_softmax') ? 'softmax' : 'sigmoid'
    const routing = { score, normalise: {} } as const
    const isSliding = layout(keys, 'sliding_window_layout', common.layers, 0)
    return {
      ...common,
      raw: keys.raw,
      ffnHidden: keys.size('moe_ffn_hidden_size'),
      mixtures: [keys.mixture('mlp', experts, 'moe_num_active_primary_experts', routing)],
      hasRope: layout(keys, 'rope_layout', common.layers, 1),
      isSliding,
      slidingWindow: isSliding.some((is) => is) ? keys.size('sliding_window_size') : 0,
    }
  },

  describe(config) {
    const { attention, router, ...others } = describeDecoder(config)
    const { layers, hasRope } = config
    const rotated = hasRope.filter((is) => is).length
    return {
      ...others,
      attention: [
        ...attention,
        ...slidingWords(config),
        ...(rotated < layers ? [`positions in ${rotated} of ${layers} layers`] : []),
      ],
      router: [...router, 'before attention'],
    }
  },
  shapeKeys: () => ['num_hidden_layers', 'hidden_size', 'moe_ffn_hidden_size'],

  parts(config, formats) {
    const { width: d, ffnHidden: f } = config
    const [mixture] = config.mixtures
    return decoderParts(config, formats, function* (layer) {
      const moe = `model.layers.${layer}.block_sparse_moe`
      yield densePart(layer, [
        ...normPieces(layer, d),
        ...attentionPieces(config, formats, layer),
        ...routerPieces(config, `${moe}.primary_router`, layer, mixture),
      ])
      yield* expertParts(layer, mixture, (id) => gatedTensors(formats.mlp, `${moe}.experts.${id}`, f, d, '', GATED))
    })
  },

  ignores: isUnused,

  cache: slidingCache,

  build(config, workspace) {
    const { epsilon, attentionScale: scale, attentionBias: bias, ffnHidden: hidden, hasRope, isSliding } = config
    const rope = new Rope(workspace, config.rope, config.headSize)
    const kindOf = (layer: number): Kind =>
      `${hasRope[layer] ? 'rotated' : 'plain'} ${isSliding[layer] ? 'sliding' : 'full'}`
    const attention = (options: { rope?: Rope; window?: number }) => (kind: Kind) => {
      const isIn = (layer: number) => kindOf(layer) === kind
      return new GroupedQueryAttention(workspace, { ...config, scale, bias, rope: undefined, ...options, isIn })
    }
    const window = config.slidingWindow
    const mixerOf = byLayer<Kind, Mixer>(kindOf, {
      'rotated sliding': attention({ rope, window }),
      'rotated full': attention({ rope }),
      'plain sliding': attention({ window }),
      'plain full': attention({}),
    })
    const mixture = new GatedMixture(workspace, config.mixtures[0], { ...config, hidden, routerInput: workspace.x })
    const route = (layer: number, T: number) => mixture.route(layer, T)
    return preNormBlocks(workspace, { mixerOf, feedOf: () => mixture, route, epsilon })
  },
}

/** A list of 0 or 1 for each layer; without the key, `absent` in all layers. */
function layout(keys: ConfigReader, key: string, layers: number, absent: 0 | 1): boolean[] {
  if (!keys.has(key)) return new Array<boolean>(layers).fill(absent === 1)
  const flags = listOf(oneOf([0, 1]), { least: layers, most: layers })
  return keys.as(key, flags, `a list of ${layers} numbers, 0 or 1`).map((flag) => flag === 1)
}
