import type { Keys, Passed } from './reference-families.js'
import type { ReferenceTensors } from './reference-layers.js'
import type { WeightOptions } from './synthetic-checkpoint.js'

/** A family's config that reaches a branch of its keys. */
export interface FamilyCase {
  name: string
  keys: Record<string, unknown>
  weights?: WeightOptions
  reference(tensors: ReferenceTensors, tokens: readonly number[]): Passed
}

type Changes = Record<string, [changes: Record<string, unknown>, weights?: WeightOptions]>

export function casesOf<K = Keys>(
  base: K & { model_type: string },
  changes: Changes,
  forward: (keys: K, tensors: ReferenceTensors, tokens: readonly number[]) => Passed,
): FamilyCase[] {
  return Object.entries(changes).map(([name, [change, weights]]) => {
    const keys = { ...base, ...change }
    return { name: `${base.model_type}: ${name}`, keys, weights, reference: (...args) => forward(keys, ...args) }
  })
}

/** A seed by the name, so that a new case leaves the weights of the others as they are. */
export function seedOf(name: string): number {
  return [...name].reduce((seed, character) => (31 * seed + (character.codePointAt(0) ?? 0)) % 9973, 1)
}

/** Multiplies the spread of keys that match. */
export const wider = (pattern: RegExp, factor: number) => (key: string) => (pattern.test(key) ? factor : 1)
