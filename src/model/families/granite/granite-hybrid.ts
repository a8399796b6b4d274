import { UserError } from '../../../ground/errors.js'
import { anyOf, listOfEach, numberFrom } from '../../../ground/json/forms.js'
import { isObject } from '../../../ground/json/json.js'
import { MOST_TAPS } from '../../../kernels/abi/states.js'
import type { ConfigReader } from '../../config/config-reader.js'
import { byLayer } from '../../layers/by-layer.js'
import { Mamba2, type Mamba2Shape, mamba2StateFloats } from '../../layers/mixers/mamba2.js'
import { preNormBlocks } from '../../layers/pre-norm-blocks.js'
import type { Architecture } from '../shared/architecture.js'
import { refuseOtherHeadSize, unlessDense } from '../shared/decoder-config.js'
import { DECODER, describeDecoder, groupedCache } from '../shared/decoder-family.js'
import { attentionLayers, feedLayers } from '../shared/decoder-layers.js'
import { attentionPieces } from '../shared/decoder-parts.js'
import { describeMamba, mambaPieces } from '../shared/mamba.js'
import { ropeConfig } from '../shared/rope-config.js'
import { GRANITE_DEFAULTS, type GraniteConfig, graniteKeys, graniteParts } from './granite.js'

/** Names of the kinds of layers: the published ones, and newer ones, which transformers writes for the same kinds. */
const LAYER_TYPES = ['mamba', 'attention', 'linear_attention', 'full_attention'] as const

export interface GraniteHybridConfig extends GraniteConfig {
  /** Whether each layer is a Mamba-2 layer; else it has attention. */
  hasMamba: boolean[]
  mamba: Mamba2Shape
}

/** IBM's Granite 4: Mamba-2 layers, with attention in some; a shared expert beside the others, or alone. */
export const graniteHybrid: Architecture<GraniteHybridConfig> = {
  ...DECODER,
  title: 'Granite 4 hybrid',
  modelTypes: ['granitemoehybrid'],
  className: 'GraniteMoeHybrid',

  defaults: {
    ...GRANITE_DEFAULTS,
    shared_intermediate_size: 1024,
    position_embedding_type: null,
    layer_types: null,
    mamba_expand: 2,
    mamba_n_heads: 128,
    mamba_n_groups: 1,
    mamba_d_state: 256,
    mamba_d_head: 'auto',
    mamba_d_conv: 4,
    mamba_conv_bias: true,
    mamba_proj_bias: false,
    time_step_limit: null,
  },
  aliases: { layers_block_type: 'layer_types' },

  parseConfig(keys) {
    const isPlaced = keys.has('position_embedding_type') && keys.oneOf('position_embedding_type', POSITIONS) === 'rope'
    const common = graniteKeys(keys, 'granitemoehybrid', (keys, { layers }) =>
      new Array(layers).fill(isPlaced ? ropeConfig(keys) : undefined),
    )
    refuseOtherHeadSize(keys, common)
    const experts = new Array<number>(common.layers).fill(keys.size('num_local_experts', 0))
    const mixtures = unlessDense(experts, () => keys.mixture('mlp', experts, 'num_experts_per_tok', { normalise: {} }))
    const shared = keys.size('shared_intermediate_size')
    return {
      ...common,
      mixtures,
      ...(mixtures.length > 0 ? { sharedHidden: shared } : { denseHidden: shared }),
      hasMamba: keys.has('layer_types')
        ? keys.oneOfEach('layer_types', common.layers, LAYER_TYPES).map((type) => /^mamba|^linear/.test(type))
        : new Array(common.layers).fill(true),
      mamba: mambaKeys(keys, common.width),
    }
  },

  describe(config) {
    const { layers, hasMamba, mamba } = config
    const words = describeDecoder(config)
    const attention = hasMamba.filter((has) => !has).length
    const [heads, ...rest] = words.attention
    return {
      ...words,
      attention: [
        ...(attention > 0 ? [`in ${attention} of ${layers} layers: ${heads}`, ...rest] : []),
        ...(attention < layers ? describeMamba(mamba, layers - attention, layers) : []),
      ],
    }
  },

  parts(config, formats) {
    return graniteParts(config, formats, (layer) =>
      config.hasMamba[layer]
        ? mambaPieces(config, formats, `model.layers.${layer}.mamba`)
        : attentionPieces(config, formats, layer),
    )
  },

  cache(config, layer) {
    return config.hasMamba[layer] ? { state: mamba2StateFloats(config.mamba) } : groupedCache(config, layer)
  },

  build(config, workspace) {
    const isMamba = (layer: number) => config.hasMamba[layer]
    const attentionOf = attentionLayers(workspace, config, { isIn: (layer) => !isMamba(layer) })
    const mambaOf = byLayer(
      () => true,
      () => new Mamba2(workspace, config.mamba, { epsilon: config.epsilon, isIn: isMamba }),
    )
    const mixerOf = (layer: number) => (isMamba(layer) ? mambaOf(layer) : attentionOf(layer))
    return preNormBlocks(workspace, { ...config, mixerOf, feedOf: feedLayers(workspace, config) })
  },
}

const POSITIONS = ['rope', 'nope'] as const

function mambaKeys(keys: ConfigReader, width: number): Mamba2Shape {
  const inner = keys.size('mamba_expand') * width
  const heads = keys.size('mamba_n_heads')
  if (inner % heads !== 0) throw keys.refuse('mamba_n_heads', `a divisor of mamba_expand * hidden_size (${inner})`)
  const headSize = inner / heads
  if (keys.has('mamba_d_head') && keys.raw.mamba_d_head !== 'auto' && keys.raw.mamba_d_head !== headSize) {
    throw keys.refuse('mamba_d_head', `mamba_expand * hidden_size / mamba_n_heads (${headSize})`)
  }
  const groups = keys.size('mamba_n_groups')
  if (heads % groups !== 0) throw keys.refuse('mamba_n_groups', `a divisor of mamba_n_heads (${heads})`)
  return {
    heads,
    headSize,
    groups,
    stateSize: keys.size('mamba_d_state'),
    taps: keys.size('mamba_d_conv', 2, MOST_TAPS),
    convolutionBias: keys.flag('mamba_conv_bias'),
    projectionBias: keys.flag('mamba_proj_bias'),
    step: stepLimits(keys),
  }
}

/** Limits of steps. A file has infinity as an object, since JSON has no such number. */
function stepLimits(keys: ConfigReader): Mamba2Shape['step'] {
  if (!keys.has('time_step_limit')) return { least: 0, most: Infinity }
  const isLimit = numberFrom(0)
  const isInfinite = (value: unknown): value is object => isObject(value) && value.__float__ === 'Infinity'
  const limits = listOfEach<number | object>([isLimit, anyOf(isLimit, isInfinite)])
  const [least, most] = keys.as('time_step_limit', limits, 'a list of two numbers, of which the last may be Infinity')
  const step = { least: Number(least), most: typeof most === 'number' ? most : Infinity }
  if (step.least > step.most) throw new UserError(`${keys.source}: time_step_limit must rise`)
  return step
}
