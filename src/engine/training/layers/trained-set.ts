import type { MixtureKind } from '../../../model/config/config.js'

/** Trained experts of one mixture and layer, and the addresses of their weights and gradients, in f32 tiles. */
export interface TrainedSet {
  /** Ids in rising order; the last `newExperts` of them are new. */
  ids: readonly number[]
  newExperts: number
  /** Address of a matrix of the expert `ids[index]`. */
  weights(index: number, piece: string): number
  gradients(index: number, piece: string): number
  /** Addresses of their router rows and of the gradients: [ids.length, inputs of the router's last matrix]. */
  router: { weights: number; gradients: number }
}

/** Finds the trained experts of a layer and kind. */
export type TrainedSets = (layer: number, kind: MixtureKind) => TrainedSet | undefined
