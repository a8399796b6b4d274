import type { MixtureKind } from '../packing/format/layout.js'

export { MIXTURE_KINDS, type MixtureKind } from '../packing/format/layout.js'

/** One thing for each mixture that a model, or one of its layers, has. */
export type PerMixture<T> = Partial<Record<MixtureKind, T>>

/** The experts of one kind through all layers. A model has one mixture of each kind at most. */
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
  /** Ids, rising, of the experts of each layer that were taught to the model later. Absent where there are none. */
  newExperts?: number[][]
}

/** What all architectures have in common. Each adds what its own mathematics needs. */
export interface ModelConfig {
  /** `model_type` of config.json: which architecture reads the rest. */
  modelType: string
  architecture: 'causal-lm' | 'classifier'
  /** V, rows of the embedding table. */
  vocabSize: number
  /** d, channels of the residual stream. */
  width: number
  /** L, blocks of attention and MLP. */
  layers: number
  /** The mixtures of experts in the order in which a token meets them within a layer. */
  mixtures: Mixture[]
  /** Whether the gates of a token's experts add up to 1; absent: they are shares of a softmax over all experts. */
  renormalise?: boolean
  /** True when every router has a bias that is added to its logits. */
  gateBias?: true
  /** Factor of the rows of the embedding table; absent: 1. */
  embeddingScale?: number
  /** Factor of the logits; absent: 1. */
  logitScale?: number
  /** Whether the output head is the embedding table. */
  tieWordEmbeddings: boolean
  /** Token ids, null where the model has none. They may lie outside the vocabulary, since the defaults can. */
  bosToken: number | null
  /** The first id that ends a text. */
  eosToken: number | null
  /** Every id that ends a text, where there are several. */
  eosTokens?: number[]
  /** Id that fills up short texts of a batch; a classifier looks for the last token that is another. */
  padToken?: number
  /** Tokens of context in training. */
  trainedContext: number
  /** Positions that the model can tell apart, where it has any: no text may be longer. */
  maxPositions?: number
  /** Class names of a classifier, in the order of its scores. */
  labels?: string[]
  /** config.json as it is, the architecture's defaults filled in where it is silent. */
  raw: Record<string, unknown>
}

/** The mixture of a kind, where the model has one. */
export function mixtureOf({ mixtures }: Pick<ModelConfig, 'mixtures'>, kind: MixtureKind): Mixture | undefined {
  return mixtures.find((mixture) => mixture.kind === kind)
}

/** The same function of several mixtures, by their kinds. */
export function perMixture<M extends Pick<Mixture, 'kind'>, T>(mixtures: readonly M[], of: (mixture: M) => T) {
  return Object.fromEntries(mixtures.map((mixture) => [mixture.kind, of(mixture)])) as PerMixture<T>
}

/** Rows of the last matrix of a layer's router: its experts, and the silent ones. */
export function routerRows({ experts, silentRows }: Mixture, layer: number): number {
  return experts[layer] + (silentRows?.[layer] ?? 0)
}

/** Entries of a row of logits: the vocabulary, or a classifier's labels. */
export function outputsOf({ architecture, labels = [], vocabSize }: ModelConfig): number {
  return architecture === 'classifier' ? labels.length : vocabSize
}
