import { printable } from '../../../ground/printable.js'
import type { Matters } from '../../matters/experts-that-matter.js'
import { mattersLines, signed, triedInWords } from '../../matters/matters-forms.js'
import { type ExpertPlace, maskSpecOf } from '../../usage/awake.js'
import { changeInWords, quoted } from '../../word-changes.js'
import type { Amount, Figure, MapsBlock, TableBlock } from '../blocks/figure.js'
import { type FigureOptions, partsOf, type Scope, scopeOf } from '../blocks/figure-options.js'
import { expertInTable, expertInWords, modelTitle } from './caption.js'

/** Rows of the table: most of experts that change the answer, and what others fill up to. */
const ROWS = { most: 12, least: 6 }

export interface MattersFigureOptions extends FigureOptions {
  /** Question to the model. */
  question?: string
}

/** Draws the experts whose absence changes an answer most: a sentence for the first, a table, and a map. */
export function drawMatters(matters: Matters, { question, ...options }: MattersFigureOptions = {}): Figure {
  const { model, answer } = matters
  const scope = scopeOf(model.config.mixtures, options)
  const shown = partsOf(options, ['caption', 'table', 'map'], ['caption', 'table', 'map'])
  const asked = question === undefined ? [] : [`asked: ${quoted(question.trim())}`]
  return {
    title: options.title ?? `Experts that matter for ${quoted(printable(answer))}, in ${modelTitle(model)}`,
    sentences: shown.has('caption') ? [...asked, ...mattersLines(matters, 1)].map((line) => printable(line)) : [],
    caption: shown.has('caption') ? [triedInWords(matters)] : [],
    blocks: [
      ...(shown.has('table') ? [mattersTable(matters, scope)] : []),
      ...(shown.has('map') ? [mattersMap(matters, scope)] : []),
    ],
  }
}

function mattersTable({ answer, experts }: Matters, { includes }: Scope): TableBlock {
  const rows = experts
    .filter(includes)
    .filter(({ changes }, i) => i < (changes ? ROWS.most : ROWS.least))
    .map((one) => ({
      cells: [expertInTable(one), signed(one.logprobChange)],
      words: [changeInWords(answer, one.answer), ...(one.changes ? [one.answer] : [])].map((text) => printable(text)),
    }))
  return { type: 'table', title: 'Without', head: ['expert', 'log p', 'the answer then says'], rows, empty: 'none' }
}

function mattersMap({ answer, experts, tried, of }: Matters, scope: Scope): MapsBlock {
  const found = new Map(experts.map((one) => [maskSpecOf(one), one]))
  const most = Math.max(1e-9, ...experts.map(({ logprobChange }) => -logprobChange))
  const other = tried === of ? 'woken by no token' : 'not tried'
  const amount = (place: ExpertPlace): Amount => {
    const one = found.get(maskSpecOf(place))
    return one ? Math.max(0, -one.logprobChange) / most : 'unused'
  }
  const describe = (place: ExpertPlace) => {
    const one = found.get(maskSpecOf(place))
    const without = one && `log p ${signed(one.logprobChange)}, ${changeInWords(answer, one.answer)}`
    return `${expertInWords(place)}: ${printable(without ?? other)}`
  }
  const map = { ...scope, title: 'Fall of the answer’s log p without each expert', amount, describe, measures: [] }
  return {
    type: 'maps',
    maps: [map],
    scale: { isSigned: false, meaning: 'log p', from: '0', to: signed(-most), marks: { unused: other } },
  }
}
