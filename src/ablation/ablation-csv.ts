import { csvRow } from '../csv.js'
import type { Ablation } from './ablate.js'

/**
 * Yields a row for each expert with its worth in nats per token; those that were not measured have empty cells. A row
 * with an empty `expert` is a whole layer.
 */
export function* ablationCsv({ layers, experts, ways }: Ablation): Generator<string> {
  const columns = ways.flatMap((way) => [way, `${way}_error`])
  yield `layer,kind,expert,tokens,${columns.join(',')}\n`
  for (const { layer, kind, worth } of layers) {
    const cells = ways.flatMap((way) => (way === 'off' ? [worth.nats, worth.error ?? ''] : ['', '']))
    yield `${csvRow([layer, kind, '', '', ...cells])}\n`
  }
  for (const { layer, kind, expert, tokens, worth } of experts) {
    const cells = ways.flatMap((way) => [worth?.[way]?.nats ?? '', worth?.[way]?.error ?? ''])
    yield `${csvRow([layer, kind, expert, tokens, ...cells])}\n`
  }
}
