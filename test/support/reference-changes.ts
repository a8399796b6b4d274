import type { MixtureKind } from '#molm/model/config/config.js'
import type { Row } from './reference-layers.js'

/*
 * Interventions in the references, by hand: what the experts of a token give, and the residual stream after a layer.
 */

interface Chosen {
  id: number
  gate: number
}
interface Output {
  gate: number
  y: Row
}

export interface ReferenceChanges {
  /** Outputs of the chosen experts in their order, and then of others. */
  outputs?(layer: number, kind: MixtureKind, token: number, chosen: readonly Chosen[], outputs: Output[]): Output[]
  after?(layer: number, token: number, x: Row): Row
}

let changes: ReferenceChanges = {}

/** Computes with changes. */
export function changing<T>(given: ReferenceChanges, compute: () => T): T {
  changes = given
  try {
    return compute()
  } finally {
    changes = {}
  }
}

export function changedOutputs(
  layer: number,
  kind: MixtureKind,
  token: number,
  chosen: readonly Chosen[],
  outputs: Output[],
): Output[] {
  return changes.outputs?.(layer, kind, token, chosen, outputs) ?? outputs
}

export function changedAfter(layer: number, token: number, x: Row): Row {
  return changes.after?.(layer, token, x) ?? x
}
