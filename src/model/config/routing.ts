/**
 * Rule of a mixture's routers: z, a logit for each expert, becomes scores; the k best experts are chosen; their gates
 * multiply their outputs. Without any member: scores p = softmax(z), the k largest, gates p.
 */
export interface Routing {
  /** Scores of the experts. Default: softmax, a distribution over all experts of the layer. Sigmoids are none. */
  score?: 'softmax' | 'sigmoid'
  /** True if the choice adds a vector to the scores, which the gates leave out: piece `router.selection`. */
  selectionBias?: true
  /**
   * True if the last silent row can be chosen as an expert can, by a router that chooses one. Its token gets its own
   * input times the gate; it counts as one of the best expert's.
   */
  skips?: true
  /** Experts are chosen from the best groups alone. */
  groups?: RoutingGroups
  /**
   * Divides the gates by `max(sum + add, floor)` of the k chosen scores; both default to 0. With softmax scores and
   * neither, this is the softmax over the logits of the chosen. Absent: gates are scores.
   */
  normalise?: { add?: number; floor?: number }
  /** Factor of the gates. Default 1. */
  factor?: number
  /** Logits z become cap tanh(z / cap) before all else. Default: they stay. */
  cap?: number
  /** True if each expert has a factor of its gates, which need not sum to 1 then: piece `router.scales`. */
  expertScales?: true
  /** Experts that every token uses, by layer. They count among the k, and their gates are not normalised. */
  always?: AlwaysChosen[]
}

interface Routed {
  routing?: Routing
}

/** Groups of consecutive experts, equal in size. */
export interface RoutingGroups {
  count: number
  /** Number of groups to choose from. */
  kept: number
  /** Score of a group: its largest score, or the sum of the two largest. */
  by: 'largest' | 'two-largest'
}

/** Experts of a layer that every token uses. */
export interface AlwaysChosen {
  /** In rising order. */
  ids: number[]
  /** Whether they have a softmax of their own, and the other experts another; else one softmax is over all. */
  isApart: boolean
}

/** Ids of a layer's experts that every token uses. */
export function alwaysChosen({ routing }: Routed, layer: number): number[] {
  return routing?.always?.[layer]?.ids ?? []
}

/** Bound of a gate, which shades of gates are measured against. */
export function largestGate(mixtures: readonly Routed[]): number {
  return mixtures.reduce((most, { routing }) => Math.max(most, routing?.factor ?? 1), 1)
}

/** Whether the choice or the gates of a token's experts depend on the logits of experts that it does not use. */
export function dependsOnUnchosen({ routing = {} }: Routed): boolean {
  const { score = 'softmax', normalise, selectionBias } = routing
  return score === 'softmax' && (normalise === undefined || selectionBias === true)
}

/** Whether the scores of a layer's experts are probabilities, which sum to 1. */
export function areProbabilities({ routing }: Routed): boolean {
  return routing?.score !== 'sigmoid'
}
