import { exp } from '../../../ground/elementary.js'
import { formatBytes } from '../../../ground/numbers.js'
import { byLayer } from '../../layers/by-layer.js'
import type { LayerCache } from '../../layers/cache/layer-cache.js'
import type { Blocks } from '../../layers/decoder.js'
import { type DeltaShape, deltaStateFloats, GatedDeltaNet } from '../../layers/mixers/gated-delta-net.js'
import { type Mixer, preNormBlocks } from '../../layers/pre-norm-blocks.js'
import type { PartFormats } from '../../packing/format/formats.js'
import { changed, matrix, onlyVector, type PlannedPiece, tapOf, vector, whole } from '../../packing/format/pieces.js'
import type { Architecture, ShapeWords } from './architecture.js'
import { feedLayers } from './decoder-layers.js'
import { LATENT, type LatentConfig, latentAttention, latentCache, latentPieces } from './latent.js'

/** A decoder whose layers have Kimi's delta attention, and latent attention in some. */
export interface KimiDeltaConfig extends LatentConfig {
  hasDelta: boolean[]
  delta: DeltaShape
}

/** Members of a family with both kinds of layers. */
export const KIMI_DELTA = {
  ...LATENT,
  describe(config): ShapeWords {
    const { layers, hasDelta, delta } = config
    const count = hasDelta.filter((has) => has).length
    const words = LATENT.describe({ ...config, layers: layers - count })
    const [first, ...rest] = words.attention
    const bytes = formatBytes(4 * count * deltaStateFloats(delta))
    const states = `${delta.heads} heads with states of ${delta.keySize} x ${delta.valueSize}, ${bytes} a text`
    return {
      ...words,
      attention: [
        `latent, in ${layers - count} of ${layers} layers: ${first}`,
        ...rest,
        `Kimi's delta attention in the others: ${states}`,
      ],
    }
  },
  cache: (config, layer): LayerCache =>
    config.hasDelta[layer] ? { state: deltaStateFloats(config.delta) } : latentCache(config),
  build(config, workspace): Blocks {
    const isDelta = (layer: number) => config.hasDelta[layer]
    const mixerOf = byLayer<Mixer>(
      (a, b) => isDelta(a) === isDelta(b),
      (layer) =>
        isDelta(layer)
          ? new GatedDeltaNet(workspace, config.delta, config.epsilon, isDelta)
          : latentAttention(config, workspace, (layer) => !isDelta(layer)),
    )
    return preNormBlocks(workspace, { ...config, mixerOf, feedOf: feedLayers(workspace, config) })
  },
} satisfies Partial<Architecture<KimiDeltaConfig>>

/** The shape of heads of one size for queries, keys and values. */
export function kimiDeltaShape(heads: number, headSize: number, taps: number, rank: number, bound = 0): DeltaShape {
  const sizes = { keyHeads: heads, heads, keySize: headSize, valueSize: headSize }
  return { ...sizes, taps, isTiled: false, byRow: { rank, bound } }
}

interface MixerNames {
  /** Of both kinds of attention in a layer, and of latent attention's output. */
  name?: string
  output?: string
  /** Shape of a tensor with a number for each head of delta attention. */
  ofHeads?: number[]
}

/** Pieces of a layer's attention of either kind. */
export function mixerPieces(
  config: KimiDeltaConfig,
  formats: PartFormats,
  layer: number,
  { name = 'self_attn', output, ofHeads = [config.delta.heads] }: MixerNames,
): PlannedPiece[] {
  const key = `model.layers.${layer}.${name}`
  if (!config.hasDelta[layer]) return latentPieces(config, formats, key, output)
  const { width: d, delta } = config
  const { heads: H, keySize: size, taps, byRow: { rank } = { rank: 0 } } = delta
  const weight = (name: string, rows: number, columns = d) => whole(`${key}.${name}.weight`, [rows, columns])
  const projected = ['q', 'k', 'v', ...(rank === 0 ? ['f', 'g'] : [])]
  const filters = (tap: number) =>
    ['q', 'k', 'v'].map((name) => tapOf(`${key}.${name}_conv1d.weight`, [H * size, 1, taps], tap))
  const low = (piece: string, name: string) => [
    matrix(`delta.${piece}.down`, formats.attention, weight(`${name}_a_proj`, rank)),
    matrix(`delta.${piece}.up`, formats.attention, weight(`${name}_b_proj`, H * size, rank)),
  ]
  return [
    matrix(
      'delta.own.weight',
      formats.attention,
      projected.map((name) => weight(`${name}_proj`, H * size)),
    ),
    ...(rank === 0 ? [] : [...low('decays', 'f'), ...low('gates', 'g')]),
    // They decide what is learned, and are small.
    matrix('delta.scalars.weight', 'f32', weight('b_proj', H)),
    vector('delta.taps', Array.from({ length: taps }, (_, tap) => filters(tap)).flat()),
    vector(
      'delta.rates',
      changed(onlyVector(`${key}.A_log`, ofHeads), (log) => -exp(log)),
    ),
    vector('delta.bias', whole(`${key}.dt_bias`, [H * size])),
    vector('delta.norm', whole(`${key}.o_norm.weight`, [size])),
    matrix('delta.output.weight', formats.attention, weight('o_proj', d, H * size)),
  ]
}
