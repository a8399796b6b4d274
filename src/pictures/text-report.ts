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
import { printable } from '../printable.js'
import { cellWidth, fit } from '../terminal/cell-width.js'
import { type ColourDepth, paint, type Rgb } from '../terminal/colours.js'
import { wrap } from '../terminal/wrap.js'
import { diverging, sequential } from './palette.js'
import { textMap } from './text-map.js'
import { tokenLanes } from './text-tokens.js'
import { visibleToken } from './visible-token.js'

/** How a report is printed. */
export interface TextStyle {
  depth: ColourDepth
  /** Columns that no line exceeds. Default: no limit. */
  width?: number
}

/** The report for a terminal or a plain file: usage by layer, comparison, tokens. */
export function textReport(input: ReportInput, style: TextStyle): string {
  const { texts } = input
  const [depth, width] = [style.depth, style.width ?? Number.POSITIVE_INFINITY]
  const parts = texts.map((text) => usageMap(text, depth, width))
  if (texts.length > 1) parts.push(...differences(texts, depth, width), specialistList(input, width))
  if (input.perToken) parts.push(...texts.map((text) => [...tokenLanes(text, input.textOf, depth, width), '']))
  return parts.map((lines) => lines.join('\n')).join('\n')
}

function usageMap(text: TextRoutes, depth: ColourDepth, width: number): string[] {
  const { usage } = text
  const name = printable(text.name)
  const most = largest(text)
  const draw = (amount: number, columns: number) => cell(amount, sequential(amount), depth, columns)
  const head = `${name}: ${usage.tokens} tokens; the fuller a cell, the more of them choose the expert (█ = ${percent(most)})`
  const map = textMap(
    usage.mixtures,
    (kind, layer, expert, columns) => draw(shareOf(text, { kind, layer, expert }) / most, columns),
    { width, measures: true },
  )
  return [...wrap(head, width), ...map, '']
}

function differences(texts: readonly TextRoutes[], depth: ColourDepth, width: number): string[][] {
  const most = largestPreference(texts)
  // Of two texts, the second's map is the first's with its colours exchanged.
  return texts.slice(0, texts.length === 2 ? 1 : texts.length).map((text, i) => {
    const map = textMap(
      texts[i].usage.mixtures,
      (kind, layer, expert, columns) => {
        const by = preference(texts, i, { kind, layer, expert }) / most
        return depth === 'none' ? signed(by).padEnd(columns) : cell(1, diverging(by), depth, columns)
      },
      { width, measures: false },
    )
    const other = texts.length === 2 ? printable(texts[1].name) : 'the others'
    return [...differenceHead(printable(text.name), other, percent(most), depth, width), ...map, '']
  })
}

/** What a map of differences compares, and what its signs or colours mean: in one line where that fits. */
function differenceHead(name: string, other: string, most: string, depth: ColourDepth, width: number): string[] {
  const [more, less] = [`chosen more by ${name}`, `by ${other}`]
  const title = `${name} against ${other}`
  const full = `(full: ${most})`
  if (depth === 'none') return wrap(`${title}: ▲ + ${more}, ▼ - ${less}, · alike ${full}`, width)
  const block = (sign: number) => paint('██', diverging(sign), depth)
  if (cellWidth(`${title}: ██ ${more}, ██ ${less} ${full}`) <= width) {
    return [`${title}: ${block(1)} ${more}, ${block(-1)} ${less} ${full}`]
  }
  const key = (sign: number, text: string) => `${block(sign)} ${fit(text, width - 3)}`
  return [...wrap(`${title} ${full}`, width), key(1, more), key(-1, `chosen more ${less}`)]
}

/** The experts that tell the texts apart, a line each; where that is too narrow, the tokens have a line of their own. */
function specialistList({ texts, textOf }: ReportInput, width: number): string[] {
  const found = findSpecialists(texts, SPECIALISTS)
  const tokens = found.map(({ tokens }) => tokens.map(({ token, count }) => `${visibleToken(textOf(token))} ×${count}`))
  const rows = found.map((specialist) => [
    nameOf(specialist),
    printable(texts[specialist.text].name),
    percent(specialist.share),
    percent(specialist.elsewhere),
  ])
  const table = aligned([['expert', 'text', 'there', 'elsewhere'], ...rows])
  const used = cellWidth(table[0]) + 2
  const title = 'most specialised experts'
  if (used + LEAST_TOKENS <= width) {
    const list = ['tokens that wake it most', ...tokens.map((names) => clipped(names, width - used))]
    return [title, ...table.map((line, i) => `${line}  ${fit(list[i], width - used)}`.trimEnd()), '']
  }
  const records = found.flatMap((specialist, i) => {
    const { text, share, elsewhere } = specialist
    const facts = `${nameOf(specialist)}, ${printable(texts[text].name)}: ${percent(share)}, elsewhere ${percent(elsewhere)}`
    return [...indented(wrap(facts, width - 4)), `    ${clipped(tokens[i], width - 4)}`]
  })
  return [...wrap(`${title} and the tokens that wake them`, width), ...records, '']
}

/** Lines of which those after the first stand further in. */
function indented(lines: readonly string[]): string[] {
  return lines.map((line, i) => `${i === 0 ? '  ' : '    '}${line}`)
}

/** Columns for a specialist's tokens below which they get a line of their own. */
const LEAST_TOKENS = 24

export function nameOf({ kind, layer, expert }: Pick<Specialist, 'kind' | 'layer' | 'expert'>): string {
  return `layer ${layer} ${kind} ${expert}`
}

function cell(amount: number, colour: Rgb, depth: ColourDepth, columns: number): string {
  if (depth !== 'none') return paint('█'.repeat(columns), colour, depth)
  return (SHADES[Math.min(SHADES.length - 1, Math.ceil(amount * (SHADES.length - 1)))] ?? ' ').repeat(columns)
}

/** From no ink to much of it, for terminals without colour. */
const SHADES = [' ', '·', '░', '▒', '▓', '█']

function signed(by: number): string {
  const size = Math.abs(by)
  if (size < 0.15) return '·'
  return by > 0 ? (size > 0.5 ? '▲' : '+') : size > 0.5 ? '▼' : '-'
}

export function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`
}

/** As many of the words as fit, with an ellipsis for the others. */
function clipped(words: readonly string[], width: number): string {
  let line = words[0] ?? ''
  for (let i = 1; i < words.length; i++) {
    const longer = `${line}  ${words[i]}`
    const room = i + 1 < words.length ? width - 2 : width
    if (cellWidth(longer) > room) return fit(`${line} …`, width)
    line = longer
  }
  return fit(line, width)
}

/** Rows with their columns below one another, indented by two. */
function aligned(rows: string[][]): string[] {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => cellWidth(row[column]))))
  const pad = (text: string, column: number) => text + ' '.repeat(widths[column] - cellWidth(text))
  return rows.map((row) => `  ${row.map(pad).join('  ')}`)
}
