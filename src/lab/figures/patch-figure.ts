import { printable } from '../../ground/printable.js'
import { expertsInWords } from '../../insight/matters/matters-forms.js'
import type { ExpertMap, Figure, MapsBlock, TableBlock } from '../../insight/pictures/blocks/figure.js'
import { type FigureOptions, partsOf, type Scope, scopeOf } from '../../insight/pictures/blocks/figure-options.js'
import { expertInTable, expertInWords, modelTitle } from '../../insight/pictures/kinds/caption.js'
import { maskSpecOf } from '../../insight/usage/awake.js'
import { quoted } from '../../insight/word-changes.js'
import type { Effect, Patching } from '../patching/patch-prompts.js'

const MOST_ROWS = 12
const PARTS = { residual: 'residual stream', attention: 'attention experts', mlp: 'MLP experts' }

/** Draws causal tracing: a map of the experts, the best token of each layer, the best experts, and several together. */
export function drawPatching(patching: Patching, options: FigureOptions = {}): Figure {
  const { model, answer, logprobs, experts, coalitions } = patching
  const shown = partsOf(options, ['caption', 'map', 'table'], ['caption', 'map', 'table'])
  const scope = scopeOf(model.config.mixtures, options)
  const best = experts.filter(scope.includes).slice(0, MOST_ROWS)
  const sentences = coalitions
    .slice(-1)
    .map((one) => `${expertsInWords(one.experts)} bring${one.experts.length > 1 ? '' : 's'} back ${share(one)}`)
  const caption = [
    `log p of ${words(answer)} is ${nats(logprobs.clean)} after the first prompt, and ${nats(logprobs.corrupt)} after the second`,
    'brought back: the share of this difference, by values of the first prompt in the run of the second',
  ]
  const table = (title: string, found: readonly Effect[], nameOf: (index: number) => string): TableBlock => {
    const rows = found.map((one, i) => ({ cells: [nameOf(i), share(one), nats(one.logprob)] }))
    return { type: 'table', title, head: ['experts', 'brought back', 'log p'], rows, empty: 'none' }
  }
  const tables = () => [
    layerTable(patching, scope),
    table('Experts, at all tokens', best, (i) => expertInTable(best[i])),
    // Each coalition has one expert more than the one before.
    table('Experts together', coalitions, (i) => (i > 0 ? 'and ' : '') + expertInTable(coalitions[i].experts[i])),
  ]
  return {
    title: options.title ?? `Causal tracing of ${words(answer)} in ${modelTitle(model)}`,
    ...(shown.has('caption') ? { sentences, caption } : { caption: [] }),
    blocks: [...(shown.has('map') ? [expertMap(patching, scope)] : []), ...(shown.has('table') ? tables() : [])],
  }
}

const words = (text: string) => quoted(printable(text.trim()))
const share = ({ restored }: Pick<Effect, 'restored'>) => `${(100 * restored).toFixed(0).replace('-', '−')} %`
const nats = (logprob: number) => logprob.toFixed(2).replace('-', '−')

function expertMap({ experts }: Patching, scope: Scope): MapsBlock {
  const found = new Map(experts.map((one) => [maskSpecOf(one), one]))
  const most = Math.max(1e-9, ...experts.map(({ restored }) => Math.abs(restored)))
  const [from, to] = [-most, most].map((restored) => share({ restored }))
  const map: ExpertMap = {
    ...scope,
    title: 'Share that each expert alone brings back, at all tokens',
    amount: (place) => {
      const one = found.get(maskSpecOf(place))
      return one ? one.restored / most : 'unused'
    },
    describe: (place) => {
      const one = found.get(maskSpecOf(place))
      return `${expertInWords(place)}: ${one ? share(one) : 'asleep'}`
    },
    measures: [],
  }
  const marks = { unused: 'asleep in both' }
  return { type: 'maps', maps: [map], scale: { isSigned: true, meaning: 'share brought back', from, to, marks } }
}

/** For each layer and part the token at which it brings back most. */
function layerTable({ model, clean, places }: Patching, { layers, mixtures }: Scope): TableBlock {
  const parts = ['residual' as const, ...mixtures.map(({ kind }) => kind)]
  const rows = layers.map((layer) => {
    const best = parts.map((part) => {
      const own = places.filter((one) => one.layer === layer && one.part === part)
      const [first] = own.toSorted((a, b) => b.restored - a.restored)
      return first ? `${share(first)} at ${quoted(printable(model.textOf(clean[first.token])))}` : ''
    })
    return { cells: [`layer ${layer}`, ...best] }
  })
  const head = ['', ...parts.map((part) => PARTS[part])]
  return { type: 'table', title: 'Most by a single token', head, rows, empty: '' }
}
