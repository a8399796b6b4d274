import { UserError } from '../errors.js'
import { type Atlas, nameIn } from '../experts/atlas.js'
import { SPECIALISTS } from '../experts/comparison.js'
import {
  type ExpertLayer,
  type ExpertPair,
  isWithin,
  LEAST_EXPECTED,
  type PairTable,
  pairOf,
  strongestPairs,
} from '../experts/expert-pairs.js'
import type { TextRoutes } from '../experts/text-routes.js'
import { plural } from '../numbers.js'
import { printable } from '../printable.js'
import { alwaysLine, expertsPerToken, modelTitle } from './caption.js'
import type { Figure, MatricesBlock, TableBlock } from './figure.js'
import { type FigureOptions, partsOf, scopeOf } from './figure-options.js'

/** Doublings of the lift at both ends of the scale. */
const DOUBLINGS = 3
/**
 * Draws tables of pairs of experts as matrices, and lists the pairs that are most and least often together compared with
 * chance. Throws a UserError if no table is among the layers and kinds to show.
 */
export function drawPairs(
  texts: readonly TextRoutes[],
  all: readonly PairTable[],
  options: FigureOptions = {},
): Figure {
  const [{ model, usage }] = texts
  const { title, atlas } = options
  const { includes } = scopeOf(usage.mixtures, options)
  const tables = all.filter(({ from, to }) => includes(from) && includes(to))
  if (tables.length === 0)
    throw new UserError('no expert of these layers follows another one of them: name more `layers`')
  const parts = partsOf(options, ['caption', 'map', 'table'], ['caption', 'map', 'table'])
  const areWithin = tables.every(isWithin)
  const read = texts.map(({ name, tokens }) => `${printable(name)} (${plural(tokens.length, 'token')})`)
  const pairs = areWithin ? 'Experts that meet' : 'Experts that follow one another'
  return {
    title:
      title ?? `Experts of ${modelTitle(model)} that ${areWithin ? 'the same token chooses' : 'follow one another'}`,
    caption: parts.has('caption')
      ? [...surprise(tables, atlas), expertsPerToken(model), ...alwaysLine(model), read.join(', ')]
      : [],
    blocks: [
      ...(parts.has('map') ? [matricesOf(tables, areWithin, atlas)] : []),
      ...(parts.has('table')
        ? [
            pairTable(`${pairs} more often than by chance`, strongestPairs(tables, SPECIALISTS), atlas),
            pairTable(`${pairs} more rarely than by chance`, strongestPairs(tables, SPECIALISTS, true), atlas),
          ]
        : []),
    ],
  }
}

/** A sentence on the pair that is together most rarely or, if none is, most often. */
function surprise(tables: readonly PairTable[], atlas?: Atlas): string[] {
  const [pair] = [...strongestPairs(tables, 1, true), ...strongestPairs(tables, 1)]
  if (!pair) return []
  const { from, to } = pair.table
  const [one, other] = [expertOf(from, pair.from, atlas), expertOf(to, pair.to, atlas)]
  return [
    isWithin(pair.table)
      ? `${placeOf(from)} experts ${one} and ${other}: ${inCounts(pair)}`
      : `${placeOf(from)} expert ${one} and then ${placeOf(to)} expert ${other}: ${inCounts(pair)}`,
  ]
}

function matricesOf(tables: readonly PairTable[], areWithin: boolean, atlas?: Atlas): MatricesBlock {
  return {
    type: 'matrices',
    title: areWithin
      ? 'Pairs of experts of a layer'
      : 'Experts (rows) and those that their tokens choose next (columns)',
    matrices: inGroups(tables).map((table) => {
      const { from, to } = table
      return {
        title: isWithin(table) ? placeOf(from) : `${placeOf(from)} → ${placeOf(to)}`,
        rows: from.experts,
        columns: to.experts,
        amount: (row, column) => {
          const pair = pairOf(table, row, column)
          return pair ? amountOf(pair) : 'unused'
        },
        describe: (row, column) => {
          const pair = pairOf(table, row, column)
          return pair ? `${expertOf(from, row, atlas)}, ${expertOf(to, column, atlas)}: ${inWords(pair)}` : ''
        },
      }
    }),
    scale: {
      isSigned: true,
      meaning: 'tokens that choose both experts, divided by their number by chance',
      from: `÷${2 ** DOUBLINGS}`,
      to: `×${2 ** DOUBLINGS}`,
      marks: { unused: `fewer than ${LEAST_EXPECTED} by chance` },
    },
  }
}

/** Orders tables by their kinds of experts, so that those of the same size are next to one another. */
function inGroups(tables: readonly PairTable[]): PairTable[] {
  const group = ({ from, to }: PairTable) => `${from.kind} ${to.kind}`
  const groups = [...new Set(tables.map(group))]
  return groups.flatMap((kinds) => tables.filter((table) => group(table) === kinds))
}

/** Lift on a logarithmic scale, from -1 to 1. */
function amountOf({ lift }: ExpertPair): number {
  return Math.max(-1, Math.min(1, Math.log2(lift) / DOUBLINGS))
}

function pairTable(title: string, pairs: ReturnType<typeof strongestPairs>, atlas?: Atlas): TableBlock {
  const rows = pairs.map(({ table, ...pair }) => {
    const { from, to } = table
    const other = expertOf(to, pair.to, atlas)
    const [observed, expected] = [pair.observed, pair.expected].map(counted)
    const place = isWithin(table) ? other : `${placeOf(to)} ${other}`
    return { cells: [placeOf(from), expertOf(from, pair.from, atlas), place, lifted(pair), observed, expected] }
  })
  const empty = 'none: chance explains all pairs that are common enough'
  return { type: 'table', title, head: ['layer', 'expert', 'with', 'lift', 'tokens', 'by chance'], rows, empty }
}

function placeOf({ kind, layer }: ExpertLayer): string {
  return `layer ${layer} ${kind}`
}

function expertOf({ kind, layer }: ExpertLayer, expert: number, atlas?: Atlas): string {
  const name = nameIn(atlas, { kind, layer, expert })
  return name === undefined ? String(expert) : `${expert} (${name})`
}

function lifted({ lift }: ExpertPair): string {
  if (lift === 0) return '×0'
  return `×${lift.toFixed(lift >= 0.1 ? 1 : 2)}`
}

function inWords(pair: ExpertPair): string {
  return `${lifted(pair)}, ${inCounts(pair)}`
}

function inCounts({ observed, expected }: ExpertPair): string {
  return `${observed === 0 ? 'no token' : plural(observed, 'token')} chose both, ${counted(expected)} by chance`
}

function counted(count: number): string {
  return Math.round(count).toLocaleString('en-US')
}
