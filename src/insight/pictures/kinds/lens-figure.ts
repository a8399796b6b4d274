import type { TokenEffect } from '../../../api/read-out.js'
import { csvRow } from '../../../ground/csv.js'
import { sixDigits } from '../../../ground/numbers.js'
import type { Lens } from '../../lens.js'
import type { Figure } from '../blocks/figure.js'
import { type FigureOptions, partsOf, scopeOf } from '../blocks/figure-options.js'
import { percent, visibleToken } from '../blocks/labels.js'
import { expertInTable, modelTitle } from './caption.js'

/** Draws what each expert of a token says: a table. `renderText`, `renderSvg`, `renderPng` and `renderHtml` render it. */
export function drawLens(lens: Lens, options: FigureOptions = {}): Figure {
  const { model, tokens, experts } = lens
  const { includes } = scopeOf(model.config.mixtures, options)
  const shown = partsOf(options, ['caption', 'table'], ['caption', 'table'])
  const word = (token: number) => JSON.stringify(visibleToken(model.textOf(token)))
  const words = (effects: readonly TokenEffect[]) =>
    effects.map(({ token, value }) => `${word(token)} ${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(1)}`)
  const rows = experts.filter(includes).map(({ gate, share, up, down, ...place }) => ({
    cells: [
      expertInTable(place, options.atlas),
      percent(gate),
      percent(share),
      words(up).join(' '),
      words(down).join(' '),
    ],
  }))
  const head = ['expert', 'gate', 'share of the stream', 'pushes up', 'pushes down']
  const title = options.title ?? `Words of the experts of ${word(tokens[tokens.length - 1])}, in ${modelTitle(model)}`
  const caption = [
    'each expert’s output through the last norm and the head: logits that it adds, and its length beside the stream’s',
  ]
  return {
    title,
    caption: shown.has('caption') ? caption : [],
    blocks: shown.has('table') ? [{ type: 'table', title: 'Experts', head, rows, empty: 'none' }] : [],
  }
}

/** A lens as `molm experts --lens --json` prints it. */
export function lensObject({ model, tokens, experts }: Lens) {
  const token = tokens[tokens.length - 1]
  const effects = (list: readonly TokenEffect[]) =>
    list.map(({ token, value }) => ({ token, text: model.textOf(token), logit: sixDigits(value) }))
  return {
    ...{ model: model.name, quant: model.quant, position: tokens.length - 1, token, text: model.textOf(token) },
    experts: experts.map(({ layer, kind, expert, gate, share, up, down }) => ({
      ...{ layer, kind, expert, gate: sixDigits(gate), share: sixDigits(share), up: effects(up), down: effects(down) },
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
