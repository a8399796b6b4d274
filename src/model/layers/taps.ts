import type { MixtureKind } from '../config/config.js'

/** Optional observers of a forward pass, called once per block and mixture, in order. */
export interface Taps {
  /** Experts and gates of the batch: k per token, in falling order of the gates. */
  routes?: (layer: number, kind: MixtureKind, ids: Int32Array, gates: Float32Array) => void
  /** The routers' scores of all experts of the batch: tokens x experts of the layer. */
  probabilities?: (layer: number, kind: MixtureKind, p: Float32Array) => void
  /** The routers' logits of the batch, before scores and the bias of the choice: tokens x rows of the router. */
  routerLogits?: (layer: number, kind: MixtureKind, logits: Float32Array) => void
  /** L2 norms of the outputs of the chosen experts, before their gates: k per token, in the order of the routes. */
  outputNorms?: (layer: number, kind: MixtureKind, norms: Float32Array) => void
  /** Outputs of the chosen experts, before their gates: the row [d] of each item, in the order of the routes. */
  outputs?: (layer: number, kind: MixtureKind, items: number, row: (item: number) => Float32Array) => void
  /** Inputs of the chosen experts' second matrix: the row of each item, in the order of the routes. */
  inner?: (layer: number, kind: MixtureKind, items: number, row: (item: number) => Float32Array) => void
  /** Output of a shared expert, which every token uses beside the mixture, times its gate: the row [d] of each token. */
  shared?: (layer: number, tokens: number, row: (token: number) => Float32Array) => void
  /** The residual stream after a block: the row [d] of each token. */
  residual?: (layer: number, tokens: number, row: (token: number) => Float32Array) => void
  /** Called before every block; true abandons the batch. */
  stopped?: () => boolean
}
