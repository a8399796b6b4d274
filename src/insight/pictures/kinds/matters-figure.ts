import { printable } from '../../../ground/printable.js'
import type { Matters } from '../../matters/experts-that-matter.js'
import { mattersLines, signed, triedInWords } from '../../matters/matters-forms.js'
import { changeInWords, quoted } from '../../word-changes.js'
import type { Figure } from '../blocks/figure.js'
import { type FigureOptions, partsOf, scopeOf } from '../blocks/figure-options.js'
import { expertInTable, modelTitle } from './caption.js'

/** Rows of the table: most of experts that change the answer, and what others fill up to. */
const ROWS = { most: 12, least: 6 }

/** Draws the experts whose absence changes an answer most: a sentence for the first, and a table. */
export function drawMatters(matters: Matters, options: FigureOptions = {}): Figure {
  const { model, answer, experts } = matters
  const { includes } = scopeOf(model.config.mixtures, options)
  const shown = partsOf(options, ['caption', 'table'], ['caption', 'table'])
  const rows = experts
    .filter(includes)
    .filter(({ changes }, i) => i < (changes ? ROWS.most : ROWS.least))
    .map((one) => ({
      cells: [expertInTable(one), signed(one.logprobChange)],
      words: [changeInWords(answer, one.answer), ...(one.changes ? [one.answer] : [])].map((text) => printable(text)),
    }))
  return {
    title: options.title ?? `Experts that matter for ${quoted(printable(answer))}, in ${modelTitle(model)}`,
    sentences: shown.has('caption') ? mattersLines(matters, 1).map((line) => printable(line)) : [],
    caption: shown.has('caption') ? [triedInWords(matters)] : [],
    blocks: shown.has('table')
      ? [{ type: 'table', title: 'Without', head: ['expert', 'log p', 'the answer then says'], rows, empty: 'none' }]
      : [],
  }
}
