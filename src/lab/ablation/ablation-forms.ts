import { csvRow } from '../../ground/csv.js'
import type { Ablation } from './ablate.js'
import { WAYS, type Worth } from './worth.js'

/** Worth as `molm experts --ablate --json` prints it, in nats per token. Without `worth` an expert was not measured. */
export function ablationObject({ model, texts, tokens, parts, loss, layers, experts }: Ablation) {
  return {
    model: model.name,
    quant: model.quant,
    texts,
    tokens,
    parts,
    nll_per_token: loss,
    layers: layers.map(({ kind, layer, worth }) => ({ layer, kind, off: worthObject(worth) })),
    experts: experts.map(({ kind, layer, expert, tokens, worth }) => {
      const measured = WAYS.flatMap((way) => (worth?.[way] ? [[way, worthObject(worth[way])]] : []))
      return { layer, kind, expert, tokens, ...(worth && { worth: Object.fromEntries(measured) }) }
    }),
  }
}

function worthObject({ nats, error }: Worth) {
  return { nats, error: error ?? null }
}

/**
 * Yields a row for each expert with its worth in nats per token; an expert that was not measured has empty cells. A row
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
