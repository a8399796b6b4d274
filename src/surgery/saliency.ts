import type { Model } from '../api/model.js'
import { ExpertUsage, type LayerUsage } from '../experts/usage.js'

/** Scores to judge experts by. */
export const SCORES = ['reap', 'frequency', 'gate'] as const
export type Score = (typeof SCORES)[number]

/**
 * Scores each expert of a layer. `reap`: mean of gate times L2 norm of the output, over the tokens that chose the
 * expert (router-weighted expert activation pruning). `frequency`: number of those tokens. `gate`: sum of its gates.
 */
export function expertScores({ counts, gateMass, outputMass }: LayerUsage, by: Score): Float64Array {
  switch (by) {
    case 'reap':
      return outputMass.map((mass, expert) => (counts[expert] === 0 ? 0 : mass / counts[expert]))
    case 'frequency':
      return counts
    case 'gate':
      return gateMass
  }
}

/** Runs texts (as ids) through a model in windows of `window` tokens, and counts usage with the norms of outputs. */
export async function measureSaliency(
  model: Model,
  texts: readonly (readonly number[])[],
  options: { window: number; onProgress?: (tokens: number) => void; signal?: AbortSignal },
): Promise<ExpertUsage> {
  const { window, onProgress, signal } = options
  const usage = new ExpertUsage(model.config)
  const session = model.createSession()
  try {
    for (const tokens of texts) {
      for (let start = 0; start < tokens.length; start += window) {
        const part = tokens.slice(start, start + window)
        session.reset()
        const { routes = [] } = await session.forward(part, { logits: 'none', routes: true, outputNorms: true, signal })
        usage.add(routes, part.length)
        onProgress?.(usage.tokens)
      }
    }
  } finally {
    session.dispose()
  }
  return usage
}
