import { plural } from '../../../ground/numbers.js'
import type { ModelConfig } from '../../config/config.js'
import type { LayerCache } from '../../layers/cache/layer-cache.js'
import type { Blocks } from '../../layers/decoder.js'
import { turnedChannels } from '../../layers/mixers/rope.js'
import type { Workspace } from '../../layers/workspace.js'
import type { ShapeWords } from './architecture.js'
import { type DecoderConfig, headsIn } from './decoder-config.js'
import { decoderBlocks } from './decoder-layers.js'

/** Members of a family with grouped-query attention, which may replace any of them. */
export const DECODER = {
  describe: describeDecoder,
  shapeKeys({ raw }: ModelConfig): readonly string[] {
    const width = 'moe_intermediate_size' in raw ? 'moe_intermediate_size' : 'intermediate_size'
    return ['num_hidden_layers', 'hidden_size', 'hidden_act', width]
  },
  ignores: isUnused,
  cache: groupedCache,
  build: (config: DecoderConfig, workspace: Workspace): Blocks => decoderBlocks(config, workspace),
}

const PLAIN_WORDS: Record<string, string> = { clamped_swiglu: 'clamped SwiGLU', relu2: 'squared ReLU' }

export function describeDecoder(config: DecoderConfig): ShapeWords {
  const { heads, keyValueHeads, headSize, attentionGate, ffnHidden, denseHidden, sharedHidden } = config
  const { activation, mixtures } = config
  const isDense = mixtures.length === 0
  const grouped = keyValueHeads === heads ? [] : [`${keyValueHeads} of keys and values`]
  return {
    attention: [
      plural(heads, 'head'),
      ...grouped,
      `${headSize} channels each`,
      ...ropeWords(config),
      ...windowWords(config),
      ...(attentionGate ? ['gated'] : []),
    ],
    mlp: [
      `${isDense ? denseHidden : ffnHidden} channels`,
      PLAIN_WORDS[activation] ?? `gated ${activation}`,
      ...(sharedHidden > 0 ? [`a shared expert of ${sharedHidden}`] : []),
    ],
    router: isDense ? ['none'] : ['linear', ...routerWords(config)],
  }
}

/** The rotary positions in words; none if all layers have plain ones. */
function ropeWords({ ropes, headSize, layers }: DecoderConfig): string[] {
  const placed = ropes.filter((rope) => rope !== undefined)
  const types = new Set(placed.map(({ scaling }) => scaling.type).filter((type) => type !== 'default'))
  const shares = new Set(placed.map((rope) => turnedChannels(rope, headSize)).filter((turned) => turned < headSize))
  return [
    ...(types.size > 0 ? [`RoPE: ${[...types].join(', ')}`] : []),
    ...(shares.size > 0 ? [`${[...shares].join(' or ')} of them turn`] : []),
    ...(placed.length < layers
      ? [placed.length === 0 ? 'no positions' : `positions in ${placed.length} of ${layers} layers`]
      : []),
  ]
}

/** The windows in words; none if no layer has one. */
function windowWords({ windows, layers }: DecoderConfig): string[] {
  const sliding = windows.filter((window) => window > 0)
  if (sliding.length === 0) return []
  const sizes = [...new Set(sliding)].join(' or ')
  return [`a window of ${sizes}${sliding.length < layers ? ` in ${sliding.length} of ${layers} layers` : ''}`]
}

/** Features of the routers beyond a softmax. */
function routerWords({ mixtures }: Pick<DecoderConfig, 'mixtures'>): string[] {
  return mixtures.flatMap(({ routing = {} }) => {
    const counts = (routing.always ?? []).map(({ ids }) => ids.length).filter((count) => count > 0)
    const [least, most] = [Math.min(...counts), Math.max(...counts)]
    const range = least === most ? plural(most, 'expert') : `${least} to ${most} experts`
    return [
      ...(routing.score === 'sigmoid' ? ['sigmoid scores'] : []),
      ...(routing.selectionBias ? ['a bias of the choice'] : []),
      ...(routing.groups ? [`${routing.groups.kept} of ${routing.groups.count} groups`] : []),
      ...(routing.expertScales ? ['a factor of each expert'] : []),
      ...(routing.factor !== undefined && routing.factor !== 1 ? [`gates times ${routing.factor}`] : []),
      ...(counts.length > 0 ? [`${range} always chosen`] : []),
    ]
  })
}

/** Whether a tensor that some files have is unused: frequencies, or the head of a tied model. */
export function isUnused(tensor: string, { tieWordEmbeddings }: ModelConfig): boolean {
  return tensor.endsWith('.rotary_emb.inv_freq') || (tieWordEmbeddings && tensor === 'lm_head.weight')
}

/** The same, and tensors of layers behind the last one, which predict further tokens. */
export function isUnusedOrDrafting(tensor: string, config: ModelConfig): boolean {
  return isUnused(tensor, config) || Number(/^model\.layers\.(\d+)\./.exec(tensor)?.[1] ?? -1) >= config.layers
}

/** Cache of grouped-query attention: the keys and values of all key/value heads, within the layer's window. */
export function groupedCache(config: DecoderConfig, layer: number): LayerCache {
  const { keyValueHeads: heads, headSize, attentionBias } = headsIn(config, layer)
  const window = config.windows[layer]
  const hasKeyBias = attentionBias !== 'none'
  return {
    rows: { channels: heads * headSize, heads, byHead: true, hasKeyBias, shared: false, ...(window && { window }) },
  }
}
