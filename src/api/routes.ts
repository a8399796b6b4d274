import type { PerMixture } from '../model/config/config.js'

/** Chosen experts of one kind in one layer: k per token, largest gate first. */
export interface ExpertRoutes {
  /** Expert ids: tokens x k. */
  ids: Int32Array
  /**
   * Factors of the experts' outputs, as the model multiplies with them: tokens x k. `routing` of the config's mixture
   * says how they follow from the scores, and whether they sum to 1.
   */
  gates: Float32Array
  /**
   * Scores of all experts: tokens x experts of the layer. Only with `probabilities`. They are the softmax over the
   * layer, except in two cases: if the mixture's `routing.score` is `sigmoid`, each is a sigmoid and they do not sum to
   * 1; experts that every token uses may have a softmax of their own (`routing.always`). Biases that only choose are
   * not included.
   */
  probabilities?: Float32Array
  /** L2 norms of the experts' outputs before their gates: tokens x k. Only with `outputNorms`. */
  outputNorms?: Float32Array
}

/** Routing of one layer. A kind is absent if the layer has no such experts. */
export type LayerRoutes = PerMixture<ExpertRoutes>
