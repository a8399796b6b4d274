import type { PerMixture } from '../model/config.js'

/** Chosen experts of one kind in one layer: k per token, in falling order of gates. */
export interface ExpertRoutes {
  /** tokens x k expert ids. */
  ids: Int32Array
  /**
   * tokens x k factors of the experts' outputs: their probabilities of the softmax over all experts of the layer or, where
   * the model's config says `renormalise`, of that over the k chosen, which sum to 1.
   */
  gates: Float32Array
  /** tokens x experts of the layer: all probabilities, the gates among them unless they sum to 1. Only where asked for. */
  probabilities?: Float32Array
  /** tokens x k L2 norms of the experts' outputs before their gates. Only where asked for. */
  outputNorms?: Float32Array
}

/** Routing of one layer. A kind is absent where the layer has no experts of it. */
export type LayerRoutes = PerMixture<ExpertRoutes>
