import type { MixtureKind } from '../../model/config.js'

/** The experts of one mixture and layer that are trained, and where their weights and gradients lie, in f32 tiles. */
export interface TrainedSet {
  /** In rising order; the last `newExperts` of them follow those that the layer has. */
  ids: readonly number[]
  newExperts: number
  /** Address of a matrix of the expert with number `index` in `ids`. */
  weights(index: number, piece: string): number
  gradients(index: number, piece: string): number
  /** Addresses of the matrix of their router rows, and of its gradients: [ids.length, inputs of the router's last matrix]. */
  router: { weights: number; gradients: number }
}

/** What is trained in a layer, by the kind of its experts. */
export type TrainedSets = (layer: number, kind: MixtureKind) => TrainedSet | undefined
