import type { Model } from '../api/model.js'
import { ExpertUsage, type LayerUsage } from '../experts/usage.js'

/** Scores to judge experts by. */
export const SCORES = ['reap', 'frequency', 'gate', 'emo'] as const
export type Score = (typeof SCORES)[number]

/**
 * Scores each expert of a layer. `reap`: mean of gate times L2 norm of the output, over the tokens that chose the
 * expert (router-weighted expert activation pruning). `frequency`: number of those tokens. `gate`: sum of its gates.
 * `emo`: sum of the router's scores over all tokens, as the authors of EMO prune it.
 */
export function expertScores({ counts, gateMass, outputMass, scoreMass }: LayerUsage, by: Score): Float64Array {
  switch (by) {
    case 'reap':
      return outputMass.map((mass, expert) => (counts[expert] === 0 ? 0 : mass / counts[expert]))
    case 'frequency':
      return counts
    case 'gate':
      return gateMass
    case 'emo':
      return scoreMass
  }
}

/** Maximum tokens of a call, which bounds the memory of the scores of all experts. */
const CHUNK = 1024

/** Runs texts (as ids) through a model in windows of `window` tokens, and counts the usage that a score needs. */
export async function measureSaliency(
  model: Model,
  texts: readonly (readonly number[])[],
  options: { by: Score; window: number; onProgress?: (tokens: number) => void; signal?: AbortSignal },
): Promise<ExpertUsage> {
  const { by, window, onProgress, signal } = options
  const reports = { routes: true, outputNorms: by === 'reap', probabilities: by === 'emo' } as const
  const usage = new ExpertUsage(model.config)
  const session = model.createSession()
  try {
    for (const tokens of texts) {
      for (let start = 0; start < tokens.length; start += window) {
        const end = Math.min(start + window, tokens.length)
        session.reset()
        for (let at = start; at < end; at += CHUNK) {
          const part = tokens.slice(at, Math.min(at + CHUNK, end))
          const { routes = [] } = await session.forward(part, { logits: 'none', ...reports, signal })
          usage.add(routes, part.length)
          onProgress?.(usage.tokens)
        }
      }
    }
  } finally {
    session.dispose()
  }
  return usage
}
