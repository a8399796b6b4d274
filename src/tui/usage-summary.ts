import type { ExpertUsage, LayerUsage } from '../experts/usage.js'

/** Experts named for each layer. */
const NAMED = 4

/** Usage as a short text: for each layer and kind the most used experts, entropy and fairness. */
export function usageSummary(usage: ExpertUsage): string {
  if (usage.mixtures.length === 0) return 'the model has no experts'
  const width = Math.max(...usage.mixtures.map(({ kind }) => kind.length))
  const lines = Array.from({ length: usage.layers }, (_, layer) =>
    usage.mixtures.map(
      ({ kind, layers }) => `layer ${layer} ${kind.padEnd(width)} ${describe(layers[layer], usage.tokens)}`,
    ),
  ).flat()
  const head = `experts chosen by ${usage.tokens} tokens of the answers, with the share of the tokens`
  return usage.tokens === 0 ? 'there is no answer yet' : [head, ...lines].join('\n')
}

function describe(layer: LayerUsage, tokens: number): string {
  if (layer.experts === 0) return 'no experts'
  const named = Array.from(layer.counts, (count, expert) => ({ count, expert }))
    .sort((a, b) => b.count - a.count)
    .slice(0, NAMED)
    .map(({ count, expert }) => `${expert} ${Math.round((100 * count) / tokens)} %`)
  return `${named.join(', ')}; ${layer.entropy.toFixed(2)} bits, fairness ${layer.fairness.toFixed(2)}`
}
