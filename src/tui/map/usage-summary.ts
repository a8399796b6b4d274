import type { ExpertUsage, LayerUsage } from '../../experts/usage.js'

/** Number of experts to name for each layer. */
const NAMED = 4

/**
 * Writes usage as a table: the most used experts with their shares, the entropy and the fairness, by layer and kind; `notes`
 * follow.
 */
export function usageSummary(usage: ExpertUsage, notes: readonly string[] = []): string {
  if (usage.mixtures.length === 0) return 'the model has no experts'
  if (usage.tokens === 0) return 'there is no answer yet'
  const wide = Math.max(...usage.mixtures.map(({ kind }) => kind.length))
  const rows = Array.from({ length: usage.layers }, (_, layer) =>
    usage.mixtures.map(({ kind, layers }) => {
      const label = `${String(layer).padStart(5)}  ${kind.padEnd(wide)}`
      return `${label}  ${describe(layers[layer], usage.tokens)}`
    }),
  ).flat()
  const named = 'most chosen, by share of the tokens'.padEnd(NAMED * CELL)
  const head = [
    `experts chosen by the answers' ${usage.tokens} tokens`,
    `layer  ${''.padEnd(wide)}  ${named}  bits  fairness`,
  ]
  return [...head, ...rows, ...notes].join('\n')
}

/** Columns for an expert with its share. */
const CELL = 11

function describe(layer: LayerUsage, tokens: number): string {
  if (layer.experts === 0) return 'dense'
  const named = Array.from(layer.counts, (count, expert) => ({ count, expert }))
    .sort((a, b) => b.count - a.count)
    .slice(0, NAMED)
    .map(({ count, expert }) => {
      const share = `${Math.round((100 * count) / tokens)} %`
      return `${`e${expert}`.padEnd(4)} ${share.padStart(5)} `.padEnd(CELL)
    })
  return `${named.join('').padEnd(NAMED * CELL)}  ${layer.entropy.toFixed(2)}  ${layer.fairness.toFixed(2)}`
}
