import type { TensorRule } from '../checkpoint/tensor-rules.js'
import type { MixtureKind } from '../packing/format/layout.js'
import type { Routing } from './routing.js'

export { MIXTURE_KINDS, type MixtureKind } from '../packing/format/layout.js'

/** A value for each mixture of a model or of a layer. */
export type PerMixture<T> = Partial<Record<MixtureKind, T>>

/** Experts of one kind in all layers. A model has at most one mixture of each kind. */
export interface Mixture {
  kind: MixtureKind
  /** Number of experts of each layer; 0 for layers without experts of this kind. */
  experts: number[]
  /** Experts that a token uses in each layer that has some; with `used`, the most of any layer. */
  topK: number
  /** Experts that a token uses in each layer, if these are others than `topK`; 0 for layers without experts. */
  used?: number[]
  /** Rows of each layer's router after the experts': part of the softmax, of no expert. Absent if there are none. */
  silentRows?: number[]
  /** Ids, in rising order, of each layer's experts that were taught to the model later. Absent if there are none. */
  newExperts?: number[][]
  /** Rule of the routers. Default: the k largest probabilities of a softmax, which are the gates. */
  routing?: Routing
}

/** Config that all architectures have in common; each adds more fields. */
export interface ModelConfig {
  /** `model_type` of config.json, which selects the architecture. */
  modelType: string
  architecture: 'causal-lm' | 'classifier'
  /** `model_type` of the whole model if this is its text part: images and sound are left out. */
  textPartOf?: string
  /** V, rows of the embedding table. */
  vocabSize: number
  /** d, channels of the residual stream. */
  width: number
  /** L, blocks of attention and MLP. */
  layers: number
  /** The mixtures of experts, in the order a token meets them within a layer. */
  mixtures: Mixture[]
  /** True if every router adds a bias to its logits: of the checkpoint, or of a grafted model. */
  gateBias?: true
  /** True if the head adds a bias to the logits. */
  headBias?: true
  /** Factor of the rows of the embedding table; absent: 1. */
  embeddingScale?: number
  /** Factor of the outputs of attention and experts that are added to the residual stream; absent: 1. */
  residualScale?: number
  /** Factor of the logits; absent: 1. */
  logitScale?: number
  /** c, if a logit z becomes c tanh(z / c), after the factor; absent: it stays. */
  logitCap?: number
  /** Whether the output head shares the embedding table. */
  tieWordEmbeddings: boolean
  /** Token ids; null if the model has none. They may be outside the vocabulary, since defaults can be. */
  bosToken: number | null
  /** The first id that ends a text. */
  eosToken: number | null
  eosTokens?: number[]
  trainedContext: number
  /** Most positions that the model can tell apart, if it has positions: no text may be longer. */
  maxPositions?: number
  /** Class names of a classifier, in the order of its scores. */
  labels?: string[]
  /** Names of a checkpoint's tensors, if a description of its family has others than the family. */
  tensorRules?: TensorRule[]
  /** The contents of config.json, with the architecture's defaults for absent keys. */
  raw: Record<string, unknown>
}

export function mixtureOf({ mixtures }: Pick<ModelConfig, 'mixtures'>, kind: MixtureKind): Mixture | undefined {
  return mixtures.find((mixture) => mixture.kind === kind)
}

/** Whether two models have the same numbers of experts, so that a mask or counts of one fit the other. */
export function haveSameExperts(one: Pick<ModelConfig, 'mixtures'>, other: Pick<ModelConfig, 'mixtures'>): boolean {
  const numbersOf = ({ mixtures }: Pick<ModelConfig, 'mixtures'>) => {
    return JSON.stringify(mixtures.map(({ kind, experts }) => [kind, experts]))
  }
  return numbersOf(one) === numbersOf(other)
}

export function perMixture<M extends Pick<Mixture, 'kind'>, T>(mixtures: readonly M[], of: (mixture: M) => T) {
  return Object.fromEntries(mixtures.map((mixture) => [mixture.kind, of(mixture)])) as PerMixture<T>
}

/** Rows of the last matrix of a layer's router: experts and silent rows. */
export function routerRows({ experts, silentRows }: Mixture, layer: number): number {
  return experts[layer] + (silentRows?.[layer] ?? 0)
}

/** Entries of a row of logits: the vocabulary, or a classifier's labels. */
export function outputsOf({ architecture, labels = [], vocabSize }: ModelConfig): number {
  return architecture === 'classifier' ? labels.length : vocabSize
}

/** Whether more tokens count than any text had in training. Without positions, only the latest `context` count. */
export function isBeyondTraining(
  tokens: number,
  { trainedContext, maxPositions }: Pick<ModelConfig, 'trainedContext' | 'maxPositions'>,
  context = Infinity,
): boolean {
  const counting = maxPositions === undefined ? Math.min(tokens, context) : tokens
  return trainedContext > 0 && counting > trainedContext
}
