import { UserError } from '../errors.js'
import { isObject } from '../json.js'
import { printable } from '../printable.js'

const ACTIVATIONS = ['gelu_new', 'gelu', 'silu', 'relu', 'tanh'] as const
const GATE_TYPES = ['mlp', 'linear', 'gmm'] as const

/** Activation of the MLP experts. `gelu_new` is the tanh approximation, `gelu` the exact erf form. */
export type Activation = (typeof ACTIVATIONS)[number]
/** Kind of the routers, one for all layers. */
export type GateType = (typeof GATE_TYPES)[number]

export const MIXTURE_KINDS = ['attention', 'mlp'] as const
/** What the experts of a mixture do: heads of attention, or the feed-forward network. */
export type MixtureKind = (typeof MIXTURE_KINDS)[number]

/** One thing for each mixture that a model, or one of its layers, has. */
export type PerMixture<T> = Partial<Record<MixtureKind, T>>

/** The experts of one kind through all layers. A model has a mixture of each kind at most. */
export interface Mixture {
  kind: MixtureKind
  /** Experts of each layer; 0 where a layer has none of this kind. */
  experts: number[]
  /** Experts that a token uses in each layer that has some. */
  topK: number
  /**
   * Rows of each layer's router behind those of the experts: they have their share of the softmax, but stand for no
   * expert. Absent where there are none.
   */
  silentRows?: number[]
}

/** The mixture of a kind, where the model has one. */
export function mixtureOf({ mixtures }: Pick<ModelConfig, 'mixtures'>, kind: MixtureKind): Mixture | undefined {
  return mixtures.find((mixture) => mixture.kind === kind)
}

/** The same function of several mixtures, by their kinds. */
export function perMixture<M extends Pick<Mixture, 'kind'>, T>(mixtures: readonly M[], of: (mixture: M) => T) {
  return Object.fromEntries(mixtures.map((mixture) => [mixture.kind, of(mixture)])) as PerMixture<T>
}

/** Shape of a ModuleFormer, as the forward pass needs it. Letters are those of the mathematics. */
export interface ModelConfig {
  architecture: 'causal-lm' | 'classifier'
  /** V, rows of the embedding table. */
  vocabSize: number
  /** d, channels of the residual stream. */
  width: number
  /** L, blocks of attention and MLP. */
  layers: number
  /** H, heads that share A. */
  heads: number
  /** A, channels of queries, keys and values; a multiple of H. */
  attentionHidden: number
  /** F, channels inside an MLP expert. */
  ffnHidden: number
  activation: Activation
  gateType: GateType
  /** G, channels inside a router; unused by linear ones. */
  gatingSize: number
  /** The mixtures of experts in the order in which a token meets them within a layer. */
  mixtures: Mixture[]
  /** Attention experts of each layer. */
  attentionExperts: number[]
  /** MLP experts of each layer. */
  mlpExperts: number[]
  /**
   * Rows of each layer's routers behind those of the experts: they have their share of the softmax, but stand for no
   * expert. Absent where there are none.
   */
  silentRows?: { attention: number[]; mlp: number[] }
  /** True when every router has a bias that is added to its logits. */
  gateBias?: true
  /** Attention experts that a token uses in each layer. */
  topKAttention: number
  /** MLP experts that a token uses in each layer. */
  topKMlp: number
  /** Whether the output head is the embedding table. */
  tieWordEmbeddings: boolean
  /** Token ids, null where the model has none. They may lie outside the vocabulary, since the defaults can. */
  bosToken: number | null
  eosToken: number | null
  /** Tokens of context in training: advice, since nothing in the model limits it. */
  trainedContext: number
  /** True when A = d and H = 1: keys and values are then the normalised input itself, without projections. */
  sharedKeyValue: boolean
  /** Class names of a classifier, in the order of its scores. */
  labels?: string[]
  /** config.json as it is, the architecture's defaults filled in where it is silent. */
  raw: Record<string, unknown>
}

/** What an absent key means. Checkpoints leave keys out that their authors found at the default. */
const DEFAULTS = {
  vocab_size: 50295,
  n_embd: 1024,
  n_layer: 24,
  n_head: 8,
  att_hidden: 512,
  ffd_hidden: 2048,
  activation_function: 'gelu_new',
  gate_type: 'mlp',
  gating_size: 256,
  n_att_experts: 32,
  k_att: 2,
  n_mlp_experts: 32,
  k_mlp: 2,
  tie_word_embeddings: false,
  bos_token_id: 50256,
  eos_token_id: 50256,
  block_size: 512,
  history_length: 512,
}

/** The generic names that Hugging Face configurations may use. */
const ALIASES: Record<string, string> = {
  hidden_size: 'n_embd',
  num_hidden_layers: 'n_layer',
  num_attention_heads: 'n_head',
}

/** Far above any model, and low enough for arrays of this length to be harmless. */
const LARGEST_SIZE = 2 ** 24
const MOST_LAYERS = 2 ** 12
/** Experts of all layers together: each is a part of its own, of which the host keeps an account. */
const MOST_EXPERTS = 2 ** 16
const MOST_LABELS = 2 ** 16

/** A transformers class of two labels is the default of every classification checkpoint. */
const DEFAULT_LABELS = 2

/**
 * Reads the parsed config.json of a ModuleFormer. Throws a UserError that begins with `where` and names the key when
 * the model is of another kind or its numbers cannot be meant.
 */
export function parseConfig(json: unknown, where: string): ModelConfig {
  if (!isObject(json)) throw new UserError(`${where}: a JSON object was expected`)
  const architectures = Array.isArray(json.architectures)
    ? json.architectures.filter((name) => typeof name === 'string')
    : []
  checkModelType(json.model_type, architectures, where)

  const raw = withDefaults(json)
  const keys = new KeyReader(raw, where)
  const layers = keys.size('n_layer', 1, MOST_LAYERS)
  const width = keys.size('n_embd')
  const heads = keys.size('n_head')
  const attentionHidden = keys.size('att_hidden')
  if (attentionHidden % heads !== 0) {
    throw new UserError(`${where}: att_hidden ${attentionHidden} is not divisible by n_head ${heads}`)
  }
  const attentionExperts = expertsOf(keys, 'attention', 'n_att_experts', layers)
  const mlpExperts = expertsOf(keys, 'mlp', 'n_mlp_experts', layers)
  checkExperts([...attentionExperts, ...mlpExperts], where)
  const isClassifier = architectures.includes('ModuleFormerForSequenceClassification')
  const silent = silentRowsOf(keys, layers)
  const [topKAttention, topKMlp] = [topK(keys, 'k_att', attentionExperts), topK(keys, 'k_mlp', mlpExperts)]
  const mixture = (kind: MixtureKind, experts: number[], topK: number): Mixture => {
    return { kind, experts, topK, ...(silent.silentRows && { silentRows: silent.silentRows[kind] }) }
  }
  return {
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
    mixtures: [mixture('attention', attentionExperts, topKAttention), mixture('mlp', mlpExperts, topKMlp)],
    attentionExperts,
    mlpExperts,
    ...silent,
    ...(isObject(raw.molm_experts) && raw.molm_experts.gate_bias === true && { gateBias: true as const }),
    topKAttention,
    topKMlp,
    tieWordEmbeddings: keys.flag('tie_word_embeddings'),
    bosToken: keys.tokenId('bos_token_id'),
    eosToken: keys.tokenId('eos_token_id'),
    trainedContext: keys.size('block_size', 0) + keys.size('history_length', 0),
    sharedKeyValue: attentionHidden === width && heads === 1,
    ...(isClassifier ? { labels: labelsOf(raw, where) } : {}),
    raw,
  }
}

function checkModelType(modelType: unknown, architectures: string[], where: string): void {
  if (modelType === 'moduleformer') return
  if (modelType === undefined && architectures.some((name) => name.startsWith('ModuleFormer'))) return
  const found = modelType === undefined ? 'has no model_type' : `has model_type ${quoted(modelType)}`
  throw new UserError(`${where}: ${found}; molm runs models of model_type "moduleformer" only`)
}

function withDefaults(json: Record<string, unknown>): Record<string, unknown> {
  const named: Record<string, unknown> = {}
  for (const [alias, key] of Object.entries(ALIASES)) if (json[alias] !== undefined) named[key] = json[alias]
  return { ...DEFAULTS, ...named, ...json }
}

/** Experts of each layer: the same everywhere, unless `molm_experts` tells of layers that kept fewer or gained some. */
function expertsOf(keys: KeyReader, kind: 'attention' | 'mlp', key: string, layers: number): number[] {
  const perLayer = keys.raw.molm_experts
  if (perLayer === undefined) return new Array<number>(layers).fill(keys.size(key))
  const counts = isObject(perLayer) ? perLayer[kind] : undefined
  const isFit = Array.isArray(counts) && counts.length === layers && counts.every((n) => isSize(n, 1))
  if (!isFit) {
    throw new UserError(
      `${keys.where}: molm_experts.${kind} must be a list of ${layers} numbers of experts, one a layer`,
    )
  }
  return counts
}

/** Rows that pruning has left in the routers, so that the gates of the experts that stayed are what they were. */
function silentRowsOf(keys: KeyReader, layers: number): Pick<ModelConfig, 'silentRows'> {
  const silent = isObject(keys.raw.molm_experts) ? keys.raw.molm_experts.silent : undefined
  if (silent === undefined) return {}
  const rows = (kind: 'attention' | 'mlp'): number[] => {
    const counts = isObject(silent) ? silent[kind] : undefined
    if (Array.isArray(counts) && counts.length === layers && counts.every((n) => isSize(n, 0))) return counts
    throw new UserError(`${keys.where}: molm_experts.silent.${kind} must be a list of ${layers} numbers, one a layer`)
  }
  return { silentRows: { attention: rows('attention'), mlp: rows('mlp') } }
}

/** Rows of the last matrix of a layer's router: its experts, and the silent ones. */
export function routerRows(config: ModelConfig, layer: number, kind: 'attention' | 'mlp'): number {
  const experts = kind === 'attention' ? config.attentionExperts : config.mlpExperts
  return experts[layer] + (config.silentRows?.[kind][layer] ?? 0)
}

function checkExperts(perLayer: number[], where: string): void {
  const experts = perLayer.reduce((sum, count) => sum + count, 0)
  if (experts <= MOST_EXPERTS) return
  throw new UserError(`${where}: asks for ${experts} experts in all layers together, at most ${MOST_EXPERTS} are run`)
}

function topK(keys: KeyReader, key: string, experts: number[]): number {
  const k = keys.size(key)
  const least = experts.reduce((a, b) => Math.min(a, b))
  if (k > least) throw new UserError(`${keys.where}: ${key} ${k} is more than the ${least} experts that a layer has`)
  return k
}

function labelsOf(raw: Record<string, unknown>, where: string): string[] {
  const { id2label, num_labels: count = DEFAULT_LABELS } = raw
  if (id2label === undefined || id2label === null) {
    if (!isSize(count, 1, MOST_LABELS)) {
      throw new UserError(`${where}: num_labels must be an integer from 1 to ${MOST_LABELS}, not ${quoted(count)}`)
    }
    return Array.from({ length: count }, (_, i) => `LABEL_${i}`)
  }
  const ids = isObject(id2label) ? Object.keys(id2label) : []
  if (!isObject(id2label) || ids.length === 0 || !ids.every((_, i) => typeof id2label[i] === 'string')) {
    throw new UserError(`${where}: id2label must name the labels 0, 1, 2 and so on without a gap`)
  }
  return ids.map((_, i) => String(id2label[i]))
}

/** Typed access to keys, with errors that name them. */
class KeyReader {
  constructor(
    readonly raw: Record<string, unknown>,
    readonly where: string,
  ) {}

  size(key: string, least = 1, most = LARGEST_SIZE): number {
    const value = this.raw[key]
    if (isSize(value, least, most)) return value
    throw this.refuse(key, `an integer from ${least} to ${most}`)
  }

  flag(key: string): boolean {
    const value = this.raw[key]
    if (typeof value === 'boolean') return value
    throw this.refuse(key, 'true or false')
  }

  tokenId(key: string): number | null {
    const value = this.raw[key]
    if (value === null || isSize(value, 0)) return value
    throw this.refuse(key, 'a token id or null')
  }

  oneOf<T extends string>(key: string, known: readonly T[]): T {
    const value = known.find((name) => name === this.raw[key])
    if (value !== undefined) return value
    throw this.refuse(key, `one of ${known.join(', ')}`)
  }

  private refuse(key: string, expected: string): UserError {
    return new UserError(`${this.where}: ${key} must be ${expected}, not ${quoted(this.raw[key])}`)
  }
}

function isSize(value: unknown, least: number, most = LARGEST_SIZE): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most
}

function quoted(value: unknown): string {
  return printable(JSON.stringify(value) ?? String(value))
}
