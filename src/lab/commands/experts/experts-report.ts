import { note, writeOut } from '../../../cli/io/output.js'
import { textColumns } from '../../../cli/io/text-width.js'
import { background } from '../../../cli/parsing/defaults.js'
import { UsageError } from '../../../ground/errors.js'
import { writeAtomically } from '../../../ground/files/write-atomically.js'
import { colourDepth } from '../../../ground/output/colours.js'
import type { Atlas } from '../../../insight/atlas/atlas.js'
import type { Figure } from '../../../insight/pictures/blocks/figure.js'
import type { FigureOptions } from '../../../insight/pictures/blocks/figure-options.js'
import { renderHtml } from '../../../insight/pictures/html/html.js'
import { drawAgreement } from '../../../insight/pictures/kinds/agreement-figure.js'
import type { ColouredTextOptions } from '../../../insight/pictures/kinds/coloured-text.js'
import { drawUsage } from '../../../insight/pictures/kinds/usage-figure.js'
import { LEAST_PICTURE, MOST_PICTURE, renderSvg } from '../../../insight/pictures/svg/svg.js'
import { figureLines } from '../../../insight/pictures/text/text.js'
import type { RoutingAgreement } from '../../../insight/usage/agreement.js'
import type { TextRoutes } from '../../../insight/usage/text-routes.js'
import { agreementCsv, tokensCsv, usageCsv } from './csv.js'
import { type AskedColour, colourIn, textsInColour } from './experts-colour.js'
import { agreementJson, usageJson } from './usage-json.js'

export const FORMATS = ['text', 'json', 'csv', 'svg', 'png', 'html'] as const
export type Format = (typeof FORMATS)[number]

/** File extensions other than the names of the formats. */
const ENDINGS: Record<string, Format> = { txt: 'text', htm: 'html' }
const WIDE: readonly Format[] = ['text', 'svg', 'png']
const FIGURE_OPTIONS = ['layers', 'only', 'title', 'parts'] as const

export interface ReportOptions extends Pick<FigureOptions, 'tokens' | 'layers' | 'only' | 'title' | 'parts'> {
  json?: boolean
  csv?: boolean
  format?: Format
  output?: string
  width?: number
  /** Prints the text in colours in place of the figure. */
  colour?: AskedColour
  color?: boolean
  quiet?: boolean
}

export interface Report {
  figure(options: FigureOptions): Figure
  json(): Iterable<string>
  csv(): Iterable<string>
  /** The text in colours, in place of the figure. */
  text?(terminal: Pick<ColouredTextOptions, 'depth' | 'background'>): Iterable<string>
}

export function usageReport(texts: readonly TextRoutes[], options: ReportOptions, atlas?: Atlas): Report {
  const colour = options.colour && colourIn(options.colour, texts[0].model.config.mixtures)
  return {
    figure: (chosen) => drawUsage(texts, { ...chosen, atlas, colour }),
    json: () => usageJson(texts, atlas, options.tokens),
    csv: () => (options.tokens ? tokensCsv(texts) : usageCsv(texts)),
    ...(colour && { text: (terminal) => textsInColour(texts, colour, { ...terminal, atlas }) }),
  }
}

export function agreementReport(agreements: readonly RoutingAgreement[]): Report {
  return {
    figure: (options) => drawAgreement(agreements, options),
    json: () => [agreementJson(agreements)],
    csv: () => agreementCsv(agreements),
  }
}

/** The format of the report. Throws a UsageError if the options contradict it. */
export function formatOf(options: ReportOptions): Format {
  const { json, csv, format, output, width, colour } = options
  const chosen = json ? 'json' : csv ? 'csv' : (format ?? (output === undefined ? 'text' : formatOfFile(output)))
  if (chosen === 'png' && output === undefined && process.stdout.isTTY) {
    throw new UsageError('a terminal cannot show a PNG: write it to a file with -o')
  }
  const forFigures = FIGURE_OPTIONS.find((name) => options[name] !== undefined)
  if (forFigures && (chosen === 'json' || chosen === 'csv')) {
    throw new UsageError(`--${forFigures} is for figures; ${chosen} has all layers and experts`)
  }
  if (colour && chosen !== 'text' && chosen !== 'html')
    throw new UsageError(`--colour is for text and html, not ${chosen}`)
  if (width === undefined) return chosen
  if (!WIDE.includes(chosen)) throw new UsageError(`--width is for text, svg and png; ${chosen} has no width`)
  if (chosen !== 'text' && width < LEAST_PICTURE) {
    throw new UsageError(`--width of a picture must be at least ${LEAST_PICTURE} pixels, not ${width}`)
  }
  if (chosen !== 'text' && width > MOST_PICTURE) {
    throw new UsageError(`--width of a picture must be at most ${MOST_PICTURE} pixels, not ${width}`)
  }
  return chosen
}

function formatOfFile(output: string): Format {
  const [, ending = ''] = /\.([^./\\]+)$/.exec(output) ?? []
  const lower = ending.toLowerCase()
  const format = FORMATS.find((name) => name === lower) ?? ENDINGS[lower]
  if (format) return format
  throw new UsageError(
    `${output}: the extension must be .txt, .json, .csv, .svg, .png or .html; or give --format (${FORMATS.join(', ')})`,
  )
}

/** Writes a report to a file or to stdout, in pieces, since it may be too long for one string. */
export async function putReport(report: Report, format: Format, options: ReportOptions): Promise<void> {
  const { output } = options
  const pieces = await piecesOf(report, format, options)
  if (output === undefined) {
    for (const piece of pieces) await writeOut(piece)
    return
  }
  await writeAtomically(output, pieces)
  if (!options.quiet) note(`written: ${output}`)
}

async function piecesOf(
  report: Report,
  format: Format,
  options: ReportOptions,
): Promise<Iterable<string | Uint8Array>> {
  const { tokens, layers, only, title, parts, width } = options
  const figure = () => report.figure({ tokens, layers, only, title, parts })
  switch (format) {
    case 'json':
      return report.json()
    case 'csv':
      return report.csv()
    case 'svg':
      return [renderSvg(figure(), { width })]
    case 'png': {
      const { renderPng } = await import('../../../insight/pictures/svg/png.js')
      return [await renderPng(figure(), { width })]
    }
    case 'html':
      return [renderHtml(figure())]
    case 'text':
      return textOf(report, figure, options)
  }
}

function* textOf(report: Report, figure: () => Figure, options: ReportOptions): Generator<string> {
  const { output, color, width = output === undefined ? textColumns() : undefined } = options
  const depth = output !== undefined || color === false ? 'none' : colourDepth(process.stdout)
  if (report.text) yield* report.text({ depth, background: background() })
  else for (const line of figureLines(figure(), { depth, background: background(), width })) yield `${line}\n`
}
