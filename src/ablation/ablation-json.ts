import type { Ablation } from './ablate.js'
import { WAYS } from './ways.js'
import type { Worth } from './worth.js'

/**
 * Worth of experts as `molm experts --ablate --json` prints it, in nats per token with the error of each. An expert
 * without a `worth` was not measured.
 */
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
