import type { TokenEffect } from '../../../api/read-out.js'
import { csvRow } from '../../../ground/csv.js'
import { sixDigits } from '../../../ground/numbers.js'
import type { Lens, SpokenExpert } from '../../lens.js'
import { signed } from '../../matters/matters-forms.js'
import type { Figure } from '../blocks/figure.js'
import { type FigureOptions, partsOf, scopeOf } from '../blocks/figure-options.js'
import { percent, visibleToken } from '../blocks/labels.js'
import { expertInTable, modelTitle } from './caption.js'

/** Least share of all effects that is listed. */
const LEAST_SHARE = 0.01

/** Experts by their effects, the largest first, and the number of others: those with less than 1 % of all effects. */
export function strongestFirst(experts: readonly SpokenExpert[]): { strong: SpokenExpert[]; weak: number } {
  const sizeOf = ({ effect, up, down }: SpokenExpert) => {
    return Math.abs(effect ?? Math.max(up[0]?.value ?? 0, -(down[0]?.value ?? 0)))
  }
  const least = LEAST_SHARE * experts.reduce((sum, one) => sum + sizeOf(one), 0)
  const strong = experts.filter((one) => sizeOf(one) >= least).sort((a, b) => sizeOf(b) - sizeOf(a))
  return { strong, weak: experts.length - strong.length }
}

/** A sentence for all that show a lens. */
export const EARLY_LAYERS = 'early layers often say nothing readable: they write for later layers'

/**
 * Draws what chose a token, and what its experts say after it: a table of each. `renderText`, `renderSvg`, `renderPng`
 * and `renderHtml` render it.
 */
export function drawLens({ model, tokens, experts, chose }: Lens, options: FigureOptions = {}): Figure {
  const { includes } = scopeOf(model.config.mixtures, options)
  const shown = partsOf(options, ['caption', 'table'], ['caption', 'table'])
  const word = (token: number) => JSON.stringify(visibleToken(model.textOf(token)))
  const words = (effects: readonly TokenEffect[]) =>
    effects.map(({ token, value }) => `${word(token)} ${signed(value)}`).join(' ')
  const [before, token] = [tokens[tokens.length - 2], tokens[tokens.length - 1]]
  const tableOf = (title: string, all: SpokenExpert[], heads: string[], cellsOf: (one: SpokenExpert) => string[]) => {
    const { strong, weak } = strongestFirst(all.filter(includes))
    const rows = strong.map((one) => ({
      cells: [expertInTable(one, options.atlas), percent(one.gate), percent(one.share), ...cellsOf(one)],
    }))
    const head = ['expert', 'gate', 'share of the stream', ...heads]
    const whole = weak > 0 ? `${title}; ${weak} more have less than 1 % of the effect each` : title
    return { type: 'table' as const, title: whole, head, rows, empty: 'none' }
  }
  const next = tableOf(
    `${word(token)}: what its experts say after it`,
    experts,
    ['makes likelier', 'makes unlikelier'],
    ({ up, down }) => [words(up), words(down)],
  )
  const choice = tableOf(
    `${word(token)}: what chose it, by the experts of ${word(before)}`,
    chose,
    ['its logit'],
    ({ effect = 0 }) => [signed(effect)],
  )
  const title = options.title ?? `Words of the experts of ${word(token)}, in ${modelTitle(model)}`
  const caption = [
    'each expert’s output through the last norm and the head: logits that it adds, and its length beside the stream’s',
    EARLY_LAYERS,
  ]
  const blocks = chose.length > 0 ? [choice, next] : [next]
  return { title, caption: shown.has('caption') ? caption : [], blocks: shown.has('table') ? blocks : [] }
}

/** A lens as `molm experts --lens --json` prints it. */
export function lensObject({ model, tokens, experts, chose }: Lens) {
  const token = tokens[tokens.length - 1]
  const effects = (list: readonly TokenEffect[]) =>
    list.map(({ token, value }) => ({ token, text: model.textOf(token), logit: sixDigits(value) }))
  return {
    ...{ model: model.name, quant: model.quant, position: tokens.length - 1, token, text: model.textOf(token) },
    experts: experts.map(({ layer, kind, expert, gate, share, up, down }) => ({
      ...{ layer, kind, expert, gate: sixDigits(gate), share: sixDigits(share), up: effects(up), down: effects(down) },
    })),
    chosen_by: chose.map(({ layer, kind, expert, gate, share, effect = 0 }) => ({
      ...{ layer, kind, expert, gate: sixDigits(gate), share: sixDigits(share), logit: sixDigits(effect) },
    })),
  }
}

/** Yields a row for each expert and token that it pushes. */
export function* lensCsv({ model, experts }: Lens): Generator<string> {
  yield 'layer,kind,expert,gate,share,token,text,logit\n'
  for (const { layer, kind, expert, gate, share, up, down } of experts) {
    for (const { token, value } of [...up, ...down]) {
      const numbers = [gate, share].map(sixDigits)
      yield `${csvRow([layer, kind, expert, ...numbers, token, model.textOf(token), sixDigits(value)])}\n`
    }
  }
}
