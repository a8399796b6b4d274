import type { PerMixture } from '../model/config.js'

/** Chosen experts of one kind in one layer: k per token, largest gate first. */
export interface ExpertRoutes {
  /** Expert ids: tokens x k. */
  ids: Int32Array
  /**
   * Factors of the experts' outputs: tokens x k. They are probabilities from the softmax over all experts of the layer
   * or, if the model's config says `renormalise`, over the k chosen, which then sum to 1.
   */
  gates: Float32Array
  /** Probabilities from the softmax over all experts: tokens x experts of the layer. Only with `probabilities`. */
  probabilities?: Float32Array
  /** L2 norms of the experts' outputs before their gates: tokens x k. Only with `outputNorms`. */
  outputNorms?: Float32Array
}

/** Routing of one layer. A kind is absent if the layer has no such experts. */
export type LayerRoutes = PerMixture<ExpertRoutes>
