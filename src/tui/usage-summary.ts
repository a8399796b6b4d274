import { EXPERT_KINDS, type ExpertUsage, type LayerUsage } from '../experts/usage.js'

/** Experts named for each layer. */
const NAMED = 4

/** Usage as a short text: for each layer and kind the most used experts, entropy and fairness. */
export function usageSummary(usage: ExpertUsage): string {
  const lines = usage.mlp.flatMap((_, layer) =>
    EXPERT_KINDS.map((kind) => `layer ${layer} ${kind.padEnd(9)} ${describe(usage[kind][layer], usage.tokens)}`),
  )
  const head = `experts chosen by ${usage.tokens} tokens of the answers, with the share of the tokens`
  return usage.tokens === 0 ? 'there is no answer yet' : [head, ...lines].join('\n')
}

function describe(layer: LayerUsage, tokens: number): string {
  const named = Array.from(layer.counts, (count, expert) => ({ count, expert }))
    .sort((a, b) => b.count - a.count)
    .slice(0, NAMED)
    .map(({ count, expert }) => `${expert} ${Math.round((100 * count) / tokens)} %`)
  return `${named.join(', ')}; ${layer.entropy.toFixed(2)} bits, fairness ${layer.fairness.toFixed(2)}`
}
