import { byLayer } from '../../layers/by-layer.js'
import type { Blocks } from '../../layers/decoder.js'
import { GatedMixture, GatedMlp } from '../../layers/gated-mlp.js'
import { GroupedQueryAttention, type GroupedQueryOptions } from '../../layers/mixers/grouped-query-attention.js'
import { Rope } from '../../layers/mixers/rope.js'
import { type Feed, type PreNormOptions, preNormBlocks } from '../../layers/pre-norm-blocks.js'
import type { Workspace } from '../../layers/workspace.js'
import { type DecoderConfig, hasExperts, headsIn } from './decoder-config.js'

export interface AttentionOptions extends Pick<GroupedQueryOptions, 'sinks' | 'gate' | 'normsValues'> {
  /** RMSNorm of queries and keys. Default, as of gates: as config has it. */
  norm?: 'row' | 'head'
  /** Whether a layer has attention. Default: all layers. */
  isIn?: (layer: number) => boolean
}

/** Binds blocks whose layers all have attention, and experts or a dense layer. */
export function decoderBlocks(
  config: DecoderConfig & Pick<PreNormOptions, 'residualScale'>,
  workspace: Workspace,
  attention: AttentionOptions = {},
  feed: FeedOptions = {},
): Blocks {
  const mixerOf = attentionLayers(workspace, config, attention)
  const feedOf = feedLayers(workspace, config, feed)
  const { norms } = config
  const places = { parallel: norms === 'parallel', normsAfter: norms === 'after' || norms === 'around' }
  const norm = norms === 'after' ? 'none' : config.norm
  return preNormBlocks(workspace, { ...config, ...places, norm, mixerOf, feedOf })
}

/** Returns the function that finds a layer's attention: one for all layers with the same window, positions and heads. */
export function attentionLayers(
  workspace: Workspace,
  config: DecoderConfig,
  { isIn = () => true, norm = config.queryKeyNorm, gate = config.attentionGate, ...options }: AttentionOptions = {},
): (layer: number) => GroupedQueryAttention {
  const { windows, ropes, epsilon, attentionScale: scale, attentionBias: bias, layerHeads, clip } = config
  const turnsAlike = (a: number, b: number) => ropes[a] === ropes[b] && layerHeads?.[a] === layerHeads?.[b]
  const turn = byLayer(turnsAlike, (layer) => {
    const rope = ropes[layer]
    return rope && new Rope(workspace, rope, headsIn(config, layer).headSize)
  })
  const isAlike = (a: number, b: number) => isIn(a) && isIn(b) && windows[a] === windows[b] && turnsAlike(a, b)
  return byLayer(isAlike, (layer) => {
    const shape = {
      ...headsIn(config, layer),
      scale,
      bias,
      norm: norm && { span: norm, epsilon },
      gate,
      clip,
      ...options,
    }
    const own = { window: windows[layer], rope: turn(layer), isIn: (other: number) => isAlike(layer, other) }
    return new GroupedQueryAttention(workspace, { ...shape, ...own })
  })
}

export interface FeedOptions {
  /** Whether experts have biases. */
  bias?: boolean
  denseBias?: boolean
  sharedBias?: boolean
  sharedWeight?: number
  /** False if no network has a gate inside. Default: true. */
  gated?: boolean
  /** Factor of what experts and the shared one add. Default 1. */
  mixtureScale?: number
  /** Whether a layer has a feed. Default: all layers. */
  isIn?: (layer: number) => boolean
}

/** Returns the function that finds a layer's feed: its experts and the shared one, or the dense layer. */
export function feedLayers(
  workspace: Workspace,
  config: DecoderConfig,
  {
    bias,
    denseBias,
    sharedBias,
    sharedWeight: weight,
    gated,
    mixtureScale: scale,
    isIn = () => true,
  }: FeedOptions = {},
): (layer: number) => Feed {
  const { activation, ffnHidden, denseHidden, sharedHidden, sharedGate: hasGate = false, mixtures } = config
  const shared = sharedHidden > 0 ? { hidden: sharedHidden, hasGate, weight, bias: sharedBias } : undefined
  const isDense = (layer: number) => isIn(layer) && !hasExperts(config, layer)
  return byLayer<Feed>(
    (a, b) => isDense(a) === isDense(b),
    (layer) =>
      isDense(layer)
        ? new GatedMlp(workspace, 'dense.', isDense, { activation, gated, hidden: denseHidden, bias: denseBias })
        : new GatedMixture(workspace, mixtures[0], { activation, gated, hidden: ffnHidden, bias, shared, scale }),
  )
}
