import type { Model } from '../../api/model.js'
import type { ExpertInfluence } from '../../api/session.js'
import { readWindows, type WindowReading } from '../../insight/texts/reading.js'
import { MIXTURE_KINDS, type PerMixture, perMixture } from '../../model/config/config.js'

/** Importance of each expert: for each kind and layer one number per expert. */
export type ExpertImportance = PerMixture<Float64Array[]>

/**
 * Measures the importance of all experts on texts (as ids), in one pass: the squared error that reaches the residual
 * stream, relative to it, when the weights of an expert are off by as much as they are large.
 */
export async function measureImportance(
  model: Model,
  texts: readonly (readonly number[])[],
  options: WindowReading,
): Promise<ExpertImportance> {
  let sums: PerMixture<ExpertInfluence[]> | undefined
  await readWindows(model, texts, { ...options, influence: true }, ({ influence = {} }) => {
    if (sums) add(influence, sums)
    else sums = influence
  })
  return perMixture(model.config.mixtures, ({ kind }) => (sums?.[kind] ?? []).map(importanceOf))
}

/**
 * Importance of a layer's experts. Errors of weights are independent of each other, so the squares of an expert's inner
 * values count. The squares of its outputs only give the size of the layer's second matrices.
 */
export function importanceOf({ inner, outputs }: ExpertInfluence): Float64Array {
  const [innerSum, outputSum] = [sum(inner), sum(outputs)]
  const factor = innerSum === 0 ? 0 : outputSum / innerSum
  return inner.map((value) => value * factor)
}

function add(more: PerMixture<ExpertInfluence[]>, sums: PerMixture<ExpertInfluence[]>): void {
  for (const kind of MIXTURE_KINDS) {
    for (const [layer, { inner, outputs }] of (sums[kind] ?? []).entries()) {
      const added = more[kind]?.[layer]
      if (!added) continue
      for (let e = 0; e < inner.length; e++) {
        inner[e] += added.inner[e]
        outputs[e] += added.outputs[e]
      }
    }
  }
}

function sum(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0)
}
