import { UserError } from '../errors.js'
import { isObject } from '../json.js'
import type { ModelConfig } from '../model/config.js'
import { ConfigReader, quoted } from '../model/config-reader.js'
import type { Routing } from '../model/routing.js'
import type { LayerCache } from '../nn/cache/layer-cache.js'
import type { RopeConfig } from '../nn/rope.js'
import { plural } from '../numbers.js'
import type { ShapeWords } from './architecture.js'

export const ACTIVATIONS = ['silu', 'gelu', 'gelu_new', 'relu'] as const

/** Values of `hidden_act`: with another name of gelu_new. */
const HIDDEN_ACTIVATIONS = [...ACTIVATIONS, 'gelu_pytorch_tanh'] as const

/** Shape of a decoder with grouped-query attention, RMSNorm, rotary positions and gated (SwiGLU) layers. */
export interface DecoderConfig extends ModelConfig {
  /** H, heads of queries. */
  heads: number
  /** K, heads of keys and values; each serves H / K heads of queries. */
  keyValueHeads: number
  /** Channels of a head. */
  headSize: number
  /** Added to the mean square inside RMSNorm's root. */
  epsilon: number
  rope: RopeConfig
  /** Factor of the products of queries and keys. */
  attentionScale: number
  /** Most keys that a token sees, itself included; absent: all. */
  window?: number
  /** Projections of attention with biases. */
  attentionBias: 'none' | 'qkv' | 'all'
  activation: (typeof ACTIVATIONS)[number] | 'clamped_swiglu'
  /** f, channels inside an expert. */
  ffnHidden: number
}

/** Reads the part of the config that these families share; each family adds its mixtures, biases and other keys. */
export function decoderConfig(keys: ConfigReader, modelType: string): Omit<DecoderConfig, 'mixtures' | 'ffnHidden'> {
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
  const maxPositions = keys.size('max_position_embeddings')
  const eosTokens = keys.tokenIds('eos_token_id')
  return {
    modelType,
    architecture: 'causal-lm',
    vocabSize: keys.size('vocab_size'),
    width,
    layers: keys.layers('num_hidden_layers'),
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
    rope: ropeConfig(keys, maxPositions),
    attentionScale: 1 / Math.sqrt(headSize),
    attentionBias: 'none',
    activation: activationOf(keys),
    raw: keys.raw,
  }
}

function activationOf(keys: ConfigReader): DecoderConfig['activation'] {
  const name = keys.oneOf('hidden_act', HIDDEN_ACTIVATIONS)
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

/** Describes such a decoder's shape in words. */
export function describeDecoder(config: DecoderConfig, shared = 0): ShapeWords {
  const { heads, keyValueHeads, headSize, window, ffnHidden, activation, rope } = config
  const grouped = keyValueHeads === heads ? [] : [`${keyValueHeads} of keys and values`]
  return {
    attention: [
      plural(heads, 'head'),
      ...grouped,
      `${headSize} channels each`,
      ...(window === undefined ? [] : [`a window of ${window}`]),
      ...(rope.scaling.type === 'default' ? [] : [`RoPE: ${rope.scaling.type}`]),
    ],
    mlp: [
      `${ffnHidden} channels`,
      activation === 'clamped_swiglu' ? 'clamped SwiGLU' : `gated ${activation}`,
      ...(shared > 0 ? [`a shared expert of ${shared}`] : []),
    ],
    router: ['linear', ...routerWords(config)],
  }
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
      ...(routing.factor !== undefined && routing.factor !== 1 ? [`gates times ${routing.factor}`] : []),
      ...(counts.length > 0 ? [`${range} always chosen`] : []),
    ]
  })
}

/** Cache of grouped-query attention: the keys and values of all key/value heads, within the window if there is one. */
export function groupedCache({ keyValueHeads, headSize, window, attentionBias }: DecoderConfig): LayerCache {
  const heads = keyValueHeads
  const hasKeyBias = attentionBias !== 'none'
  return {
    rows: { channels: heads * headSize, heads, byHead: true, hasKeyBias, shared: false, ...(window && { window }) },
  }
}

/** Keys that the experts of such decoders depend on. */
export const DECODER_SHAPE_KEYS = ['num_hidden_layers', 'hidden_size', 'hidden_act', 'intermediate_size'] as const

/**
 * Reads RoPE from `rope_theta` and `rope_scaling`, or from `rope_parameters` of newer files; with both, the former
 * counts, as in transformers. Refuses types that molm does not compute by name.
 */
function ropeConfig(keys: ConfigReader, maxPositions: number): RopeConfig {
  const key = keys.has('rope_scaling') || !keys.has('rope_parameters') ? 'rope_scaling' : 'rope_parameters'
  const found = keys.raw[key] ?? {}
  if (!isObject(found)) throw keys.refuse(key, 'an object')
  const inner = new ConfigReader(
    Object.fromEntries(Object.entries(found).map(([name, value]) => [`${key}.${name}`, value])),
    keys.source,
  )
  const number = (name: string) => (inner.has(`${key}.${name}`) ? inner.positive(`${key}.${name}`) : undefined)
  const theta = number('rope_theta') ?? keys.positive('rope_theta')
  const partial = number('partial_rotary_factor') ?? keys.raw.partial_rotary_factor ?? 1
  if (partial !== 1) throw new UserError(`${keys.source}: partial_rotary_factor must be 1, not ${quoted(partial)}`)
  const type = found.rope_type ?? found.type ?? 'default'
  if (type === 'default') return { theta, scaling: { type } }
  if (type !== 'linear' && type !== 'yarn') {
    throw new UserError(
      `${keys.source}: RoPE of type ${quoted(type)} is not computed by molm (default, linear, yarn are)`,
    )
  }
  const factor = number('factor')
  if (factor === undefined) throw new UserError(`${keys.source}: ${key}.factor is missing`)
  if (type === 'linear') return { theta, scaling: { type, factor } }
  const size = (mscale: number) => (factor <= 1 ? 1 : 0.1 * mscale * Math.log(factor) + 1)
  const [mscale, mscaleAll] = [number('mscale'), number('mscale_all_dim')]
  const attention = mscale !== undefined && mscaleAll !== undefined ? size(mscale) / size(mscaleAll) : size(1)
  const scaling: RopeConfig['scaling'] = {
    type: 'yarn',
    factor,
    original: number('original_max_position_embeddings') ?? maxPositions,
    betaFast: number('beta_fast') ?? 32,
    betaSlow: number('beta_slow') ?? 1,
    truncate: found.truncate !== false,
    attention: number('attention_factor') ?? attention,
  }
  return { theta, scaling }
}
