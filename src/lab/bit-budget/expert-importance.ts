import type { Model } from '../../api/model.js'
import type { ExpertInfluence } from '../../api/session.js'
import { type PerMixture, perMixture } from '../../model/config/config.js'
import { readWindows, type WindowReading } from '../evaluation/reading.js'

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
    sums = sums ? added(sums, influence) : influence
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

function added(
  sums: PerMixture<ExpertInfluence[]>,
  more: PerMixture<ExpertInfluence[]>,
): PerMixture<ExpertInfluence[]> {
  for (const [kind, layers] of Object.entries(more) as [keyof typeof more, ExpertInfluence[]][]) {
    for (const [layer, { inner, outputs }] of layers.entries()) {
      const own = sums[kind]?.[layer]
      if (!own) continue
      for (let e = 0; e < inner.length; e++) {
        own.inner[e] += inner[e]
        own.outputs[e] += outputs[e]
      }
    }
  }
  return sums
}

function sum(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0)
}
