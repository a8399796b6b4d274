import { UserError } from '../../../ground/errors.js'
import { plural } from '../../../ground/numbers.js'
import type { ModelConfig } from '../../config/config.js'
import type { ConfigReader } from '../../config/config-reader.js'
import type { ShapeWords } from '../shared/architecture.js'

const ACTIVATIONS = ['gelu_new', 'gelu', 'silu', 'relu', 'tanh'] as const
const GATE_TYPES = ['mlp', 'linear', 'gmm'] as const

/** Activation of the MLP experts. `gelu_new` is the tanh approximation, `gelu` the exact erf form. */
export type Activation = (typeof ACTIVATIONS)[number]

/** Shape of a ModuleFormer. Letters are the mathematics' names. */
export interface ModuleFormerConfig extends ModelConfig {
  /** H, heads that share A. */
  heads: number
  /** A, channels of queries, keys and values; a multiple of H. */
  attentionHidden: number
  /** F, channels inside an MLP expert. */
  ffnHidden: number
  activation: Activation
  /** Kind of the routers, one for all layers. */
  gateType: (typeof GATE_TYPES)[number]
  /** G, channels inside a router; unused by linear ones. */
  gatingSize: number
  /** True if A = d and H = 1: keys and values are then the normalised input itself, without projections. */
  sharedKeyValue: boolean
}

/** Reads a config.json with defaults filled in. */
export function moduleFormerConfig(keys: ConfigReader, classNames: string[]): ModuleFormerConfig {
  const layers = keys.layers('n_layer')
  const width = keys.size('n_embd')
  const heads = keys.size('n_head')
  const attentionHidden = keys.size('att_hidden')
  if (attentionHidden % heads !== 0) {
    throw new UserError(`${keys.source}: att_hidden ${attentionHidden} is not divisible by n_head ${heads}`)
  }
  const isClassifier = classNames.includes('ModuleFormerForSequenceClassification')
  return {
    modelType: 'moduleformer',
    architecture: isClassifier ? 'classifier' : 'causal-lm',
    vocabSize: keys.size('vocab_size'),
    width,
    layers,
    heads,
    attentionHidden,
    ffnHidden: keys.size('ffd_hidden'),
    activation: keys.oneOf('activation_function', ACTIVATIONS),
    gateType: keys.oneOf('gate_type', GATE_TYPES),
    gatingSize: keys.size('gating_size'),
    mixtures: [
      keys.mixture('attention', keys.everywhere(layers, 'n_att_experts'), 'k_att'),
      keys.mixture('mlp', keys.everywhere(layers, 'n_mlp_experts'), 'k_mlp'),
    ],
    ...(keys.gateBias && { gateBias: true as const }),
    tieWordEmbeddings: keys.flag('tie_word_embeddings'),
    bosToken: keys.tokenId('bos_token_id'),
    eosToken: keys.tokenId('eos_token_id'),
    trainedContext: keys.size('block_size', 0) + keys.size('history_length', 0),
    sharedKeyValue: attentionHidden === width && heads === 1,
    ...(isClassifier ? { labels: keys.labels() } : {}),
    raw: keys.raw,
  }
}

export function describeModuleFormer(config: ModuleFormerConfig): ShapeWords {
  const { heads, attentionHidden, sharedKeyValue, ffnHidden, activation, gateType, gatingSize } = config
  return {
    attention: [plural(heads, 'head'), `${attentionHidden} channels`, ...(sharedKeyValue ? ['keys are values'] : [])],
    mlp: [`${ffnHidden} channels`, activation],
    router: [gateType, ...(gateType === 'linear' ? [] : [`${gatingSize} channels`])],
  }
}
