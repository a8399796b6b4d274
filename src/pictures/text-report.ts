import {
  findSpecialists,
  largest,
  largestPreference,
  preference,
  SPECIALISTS,
  type Specialist,
  shareOf,
} from '../experts/comparison.js'
import type { ReportInput, TextRoutes } from '../experts/text-routes.js'
import type { ExpertRoutes } from '../generation/types.js'
import type { MixtureKind } from '../model/config.js'
import { printable } from '../printable.js'
import { diverging, type Rgb, sequential } from './palette.js'
import { type ColourDepth, paint } from './terminal-colours.js'
import { visibleToken } from './visible-token.js'

/** The report for a terminal or a plain file: usage by layer, comparison, tokens. */
export function textReport(input: ReportInput, depth: ColourDepth): string {
  const { texts } = input
  const parts = texts.map((text) => usageMap(text, depth))
  if (texts.length > 1) parts.push(...differences(texts, depth), specialistList(input))
  if (input.perToken) parts.push(...texts.map((text) => tokenLanes(text, input, depth)))
  return parts.join('\n')
}

function usageMap(text: TextRoutes, depth: ColourDepth): string {
  const { usage, name } = text
  const most = largest(text)
  const rows = layerRows(text, (kind, layer, expert) => {
    const amount = shareOf(text, { kind, layer, expert }) / most
    return cell(amount, sequential(amount), depth)
  })
  const measures = Array.from({ length: usage.layers }, (_, layer) => {
    const of = (measure: 'entropy' | 'fairness') =>
      usage.mixtures.map(({ layers }) => (layers[layer].experts > 0 ? layers[layer][measure].toFixed(2) : '   -'))
    return `  ${of('entropy').join(' ')}  ${of('fairness').join(' ')}`
  })
  const entropy = 'entropy'.padEnd(5 * usage.mixtures.length - 1)
  const head = `${printable(name)}: ${usage.tokens} tokens; the fuller a cell, the more of them choose the expert (█ = ${percent(most)})`
  return [head, `${header(text)}  ${entropy}  fairness`, ...rows.map((row, i) => row + measures[i]), ''].join('\n')
}

function differences(texts: readonly TextRoutes[], depth: ColourDepth): string[] {
  const most = largestPreference(texts)
  // Of two texts, the second's map is the first's with its colours exchanged.
  return texts.slice(0, texts.length === 2 ? 1 : texts.length).map((text, i) => {
    const rows = layerRows(text, (kind, layer, expert) => {
      const by = preference(texts, i, { kind, layer, expert }) / most
      return depth === 'none' ? signed(by) : cell(1, diverging(by), depth)
    })
    const name = printable(text.name)
    const other = texts.length === 2 ? printable(texts[1].name) : 'the others'
    const key =
      depth === 'none'
        ? `▲ + chosen more by ${name}, ▼ - by ${other}, · alike`
        : `${paint('██', diverging(1), depth)} chosen more by ${name}, ${paint('██', diverging(-1), depth)} by ${other}`
    return [`${name} against ${other}: ${key} (full: ${percent(most)})`, header(text), ...rows, ''].join('\n')
  })
}

function specialistList({ texts, textOf }: ReportInput): string {
  const rows = findSpecialists(texts, SPECIALISTS).map((found) => [
    nameOf(found),
    printable(texts[found.text].name),
    percent(found.share),
    percent(found.elsewhere),
    found.tokens.map(({ token, count }) => `${visibleToken(textOf(token))} ×${count}`).join('  '),
  ])
  return `most specialised experts\n${columns([['expert', 'text', 'there', 'elsewhere', 'tokens that wake it most'], ...rows])}`
}

export function nameOf({ kind, layer, expert }: Pick<Specialist, 'kind' | 'layer' | 'expert'>): string {
  return `layer ${layer} ${kind} ${expert}`
}

/** A line a token: the first expert of each layer, as bright as its gate. */
function tokenLanes(text: TextRoutes, { textOf }: ReportInput, depth: ColourDepth): string {
  const { mixtures } = text.usage
  const width = String(Math.max(...mixtures.flatMap(({ layers }) => layers.map(({ experts }) => experts))) - 1).length
  const lines = text.tokens.map((token, i) => {
    const routes = text.at(i)
    const lanes = mixtures.map(({ kind }) => routes.map((layer) => first(layer[kind], width, depth)).join(' '))
    return `${fit(visibleToken(textOf(token)), 14)}  ${lanes.join('   ')}`
  })
  const kinds = mixtures.map(({ kind }) => kind).join(' and then ')
  const head = `${printable(text.name)}: the expert with the largest gate in each layer, ${kinds}`
  return [head, ...lines, ''].join('\n')
}

function first(routes: ExpertRoutes | undefined, width: number, depth: ColourDepth): string {
  if (!routes) return '-'.padStart(width)
  const { ids, gates } = routes
  return paint(String(ids[0]).padStart(width), sequential(0.3 + 0.7 * gates[0]), depth)
}

function layerRows(text: TextRoutes, draw: (kind: MixtureKind, layer: number, expert: number) => string): string[] {
  const { usage } = text
  const widths = panelWidths(text)
  return Array.from({ length: usage.layers }, (_, layer) => {
    const panels = usage.mixtures.map(({ kind, layers }, i) => {
      const { experts } = layers[layer]
      const cells = Array.from({ length: experts }, (_, expert) => draw(kind, layer, expert)).join('')
      return cells + ' '.repeat(widths[i] - 2 * experts)
    })
    return `${String(layer).padStart(5)}  ${panels.join('  ')}`
  })
}

function header(text: TextRoutes): string {
  const widths = panelWidths(text)
  return ['layer', ...text.usage.mixtures.map(({ kind }, i) => kind.padEnd(widths[i]))].join('  ')
}

function panelWidths({ usage }: TextRoutes): number[] {
  return usage.mixtures.map(({ layers }) => Math.max(9, ...layers.map(({ experts }) => 2 * experts)))
}

function cell(amount: number, colour: Rgb, depth: ColourDepth): string {
  if (depth !== 'none') return paint('██', colour, depth)
  return (SHADES[Math.min(SHADES.length - 1, Math.ceil(amount * (SHADES.length - 1)))] ?? ' ').repeat(2)
}

/** From no ink to much of it, for terminals without colour. */
const SHADES = [' ', '·', '░', '▒', '▓', '█']

function signed(by: number): string {
  const size = Math.abs(by)
  if (size < 0.15) return '· '
  return by > 0 ? (size > 0.5 ? '▲ ' : '+ ') : size > 0.5 ? '▼ ' : '- '
}

export function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`
}

function fit(text: string, width: number): string {
  const characters = [...text]
  return characters.length > width
    ? `${characters.slice(0, width - 1).join('')}…`
    : text + ' '.repeat(width - characters.length)
}

function columns(rows: string[][]): string {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  return (
    rows.map((row) => `  ${row.map((text, column) => text.padEnd(widths[column])).join('  ')}`.trimEnd()).join('\n') +
    '\n'
  )
}
