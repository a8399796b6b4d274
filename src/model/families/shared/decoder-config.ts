import { UserError } from '../../../ground/errors.js'
import type { Mixture, ModelConfig } from '../../config/config.js'
import type { ConfigReader } from '../../config/config-reader.js'
import type { Routing } from '../../config/routing.js'
import type { GroupedQueryOptions } from '../../layers/mixers/grouped-query-attention.js'
import type { RopeConfig } from '../../layers/mixers/rope.js'
import { ropeConfig, ropeOfKinds } from './rope-config.js'

export const ACTIVATIONS = ['silu', 'gelu', 'gelu_new', 'relu'] as const

/** Shape of a decoder with grouped-query attention, RMSNorm, rotary positions and gated (SwiGLU) layers. */
export interface DecoderConfig extends ModelConfig {
  /** H, heads of queries. */
  heads: number
  /** K, heads of keys and values; each serves H / K heads of queries. */
  keyValueHeads: number
  headSize: number
  /** True if values are the keys as they are projected, before their norm and rotation. */
  valuesFromKeys?: true
  /** The same for each layer, if layers differ. Layers that are alike have the same object. */
  layerHeads?: readonly Partial<Pick<DecoderConfig, 'heads' | 'keyValueHeads' | 'headSize' | 'valuesFromKeys'>>[]
  /** Added to the mean square inside RMSNorm's root. */
  epsilon: number
  /** Rotary positions of each layer; undefined for a layer without. Layers that share one have the same object. */
  ropes: readonly (RopeConfig | undefined)[]
  /** Factor of the products of queries and keys. */
  attentionScale: number
  /** Most keys that a token sees in each layer, itself included; 0: all. */
  windows: number[]
  attentionBias: 'none' | 'qkv' | 'all'
  /** RMSNorm of queries and keys, over a whole row or over each head. Absent: none. */
  queryKeyNorm?: 'row' | 'head'
  attentionGate?: GroupedQueryOptions['gate']
  /** Queries, keys and values are clamped to [-clip, clip]. */
  clip?: number
  /** Places of norms: before sublayers, after what they add, or both; parallel: one for both sublayers. Default: before. */
  norms?: 'before' | 'after' | 'around' | 'parallel'
  /** Kind of the norms before sublayers. Default: RMSNorm. */
  norm?: 'rms' | 'layer'
  /** True if the shared expert has a gate. */
  sharedGate?: true
  activation: (typeof ACTIVATIONS)[number] | 'clamped_swiglu' | 'relu2'
  /** f, channels inside an expert. */
  ffnHidden: number
  /** Channels inside a layer without experts; 0 if each has some. */
  denseHidden: number
  /** s, channels inside the shared expert; 0 if there is none. */
  sharedHidden: number
}

/** Values of absent keys in most families. */
export const PLAIN_DEFAULTS = { hidden_act: 'silu', tie_word_embeddings: false, bos_token_id: null, eos_token_id: null }

/** The rotary positions of all layers. Default: one rotation of whole heads for all, by `ropeConfig`. */
export type RopesOf = (keys: ConfigReader, shape: { layers: number; headSize: number }) => DecoderConfig['ropes']

const oneRope: RopesOf = (keys, { layers }) => new Array(layers).fill(ropeConfig(keys))

/** Reads the part of the config that these families share; each family adds its mixtures, windows, biases and others. */
export function decoderConfig(
  keys: ConfigReader,
  modelType: string,
  ropesOf = oneRope,
): Omit<DecoderConfig, 'mixtures' | 'ffnHidden'> {
  const width = keys.size('hidden_size')
  const heads = keys.size('num_attention_heads')
  const keyValueHeads = keys.has('num_key_value_heads') ? keys.size('num_key_value_heads') : heads
  if (heads % keyValueHeads !== 0) {
    throw keys.refuse('num_key_value_heads', `a divisor of num_attention_heads (${heads})`)
  }
  const headSize = keys.has('head_dim') ? keys.size('head_dim') : width / heads
  if (!Number.isInteger(headSize)) throw keys.refuse('num_attention_heads', `a divisor of hidden_size (${width})`)
  if (headSize % 2 !== 0)
    throw new UserError(`${keys.source}: a head has ${headSize} channels, which do not make pairs`)
  const layers = keys.layers('num_hidden_layers')
  const maxPositions = keys.size('max_position_embeddings')
  const eosTokens = keys.tokenIds('eos_token_id')
  return {
    modelType,
    architecture: 'causal-lm',
    vocabSize: keys.size('vocab_size'),
    width,
    layers,
    ...(keys.gateBias && { gateBias: true as const }),
    tieWordEmbeddings: keys.flag('tie_word_embeddings'),
    bosToken: keys.tokenId('bos_token_id'),
    eosToken: eosTokens[0] ?? null,
    ...(eosTokens.length > 1 && { eosTokens }),
    trainedContext: maxPositions,
    maxPositions,
    heads,
    keyValueHeads,
    headSize,
    epsilon: keys.positive('rms_norm_eps'),
    ropes: ropesOf(keys, { layers, headSize }),
    attentionScale: 1 / Math.sqrt(headSize),
    windows: new Array<number>(layers).fill(0),
    attentionBias: 'none',
    activation: activationOf(keys),
    denseHidden: 0,
    sharedHidden: 0,
    raw: keys.file,
  }
}

function activationOf(keys: ConfigReader): DecoderConfig['activation'] {
  // transformers has two names for the same one.
  const name = keys.oneOf('hidden_act', [...ACTIVATIONS, 'gelu_pytorch_tanh'])
  return name === 'gelu_pytorch_tanh' ? 'gelu_new' : name
}

/** Rule of routers with softmax scores, whose gates sum to 1 with `norm_topk_prob`. */
export function softmaxRouting(keys: ConfigReader): Routing {
  return keys.flag('norm_topk_prob') ? { normalise: {} } : {}
}

/** Checks a head size that the family derives: it may be given, but must be equal. */
export function refuseOtherHeadSize(
  keys: ConfigReader,
  { width, heads, headSize }: Omit<DecoderConfig, 'mixtures' | 'ffnHidden'>,
): void {
  if (headSize * heads !== width) throw keys.refuse('head_dim', `hidden_size / num_attention_heads (${width / heads})`)
}

const LAYER_TYPES = ['sliding_attention', 'full_attention'] as const
export type LayerKind = (typeof LAYER_TYPES)[number]

/** The kinds of the layers by `layer_types`; without the key, `isSliding` says which have a window. */
export function layerKinds(keys: ConfigReader, layers: number, isSliding: (layer: number) => boolean): LayerKind[] {
  if (keys.has('layer_types')) return keys.oneOfEach('layer_types', layers, LAYER_TYPES)
  return Array.from({ length: layers }, (_, layer) => (isSliding(layer) ? 'sliding_attention' : 'full_attention'))
}

/** The rotary positions of each kind of layer, or `usual` ones; without `layer_types` no layer has a window. */
export function ropesByKind(usual: Record<LayerKind, object>, { inPart = false } = {}): RopesOf {
  return (keys, { layers, headSize: partOf }) => {
    const kinds = layerKinds(keys, layers, () => false)
    const given = keys.has('rope_parameters') ? keys : keys.with({ rope_parameters: usual })
    const ropes = ropeOfKinds(given, [...new Set(kinds)], inPart ? { partOf } : {})
    return kinds.map((kind) => ropes[kind])
  }
}

/** The windows of the layers that are sliding. Their size is read only if there are any. */
export function slidingWindows(keys: ConfigReader, key: string, isSliding: readonly boolean[]): number[] {
  const window = isSliding.includes(true) ? keys.size(key) : 0
  return isSliding.map((is) => (is ? window : 0))
}

/** The same of layers by their kinds. */
export function kindWindows(keys: ConfigReader, kinds: readonly LayerKind[]): number[] {
  return slidingWindows(
    keys,
    'sliding_window',
    kinds.map((kind) => kind === 'sliding_attention'),
  )
}

/** The mixture as a list of one, or an empty list if no layer has experts. */
export function unlessDense(counts: readonly number[], mixture: () => Mixture): Mixture[] {
  return counts.some((count) => count > 0) ? [mixture()] : []
}

/** The config with the heads of a layer. */
export function headsIn<Config extends DecoderConfig>(config: Config, layer: number): Config {
  return config.layerHeads ? { ...config, ...config.layerHeads[layer] } : config
}

export function hasExperts({ mixtures }: Pick<ModelConfig, 'mixtures'>, layer: number): boolean {
  return (mixtures[0]?.experts[layer] ?? 0) > 0
}
