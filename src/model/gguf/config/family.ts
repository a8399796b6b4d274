import type { FamilyKeys } from './family-keys.js'

/** A family of models that GGUF files have and molm runs. */
export interface GgufFamily {
  title: string
  modelType: (keys: FamilyKeys) => string
  /** Keys of config.json that not all families have. */
  config: (keys: FamilyKeys) => Record<string, unknown>
  /** Whether the rows of queries and keys have the order of llama.cpp: neighbouring channels turn together. */
  permutesRows?: true
  /** Whether rates of forgetting are stored without their sign. */
  hasPositiveRates?: true
  /** Whether rope_freqs.weight stops a part of the rotations, which its config knows without it. */
  stopsRotations?: true
  /** Whether YaRN may enlarge queries and keys. */
  enlarges?: true
  /** Whether its models may have no experts. */
  runsDense?: true
  /** Keys that only some families compute with (NEUTRAL in config.ts) and that its `config` reads. */
  reads?: readonly string[]
  /** Values of such keys that mean what the family does in any case. */
  means?: Readonly<Record<string, readonly number[]>>
}

/** Gating functions by llama.cpp's numbers, and 0 for the family's own. */
export const [SOFTMAX, SIGMOID, SOFTMAX_OF_CHOSEN] = [
  [0, 1],
  [0, 2],
  [0, 1, 3],
]

export const NORMALISES = { expert_weights_norm: [1], expert_gating_func: SOFTMAX_OF_CHOSEN }

/** Names that the bias of the choice has had. */
const SELECTION_BIASES = ['exp_probs_b.bias', 'exp_probs_b']

/** Whether the choice of experts has a bias. */
export function hasSelectionBias(keys: FamilyKeys): boolean {
  return SELECTION_BIASES.some((name) => keys.layersWith(name).length > 0)
}
