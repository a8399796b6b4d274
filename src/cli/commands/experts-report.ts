import { writeFile } from 'node:fs/promises'
import { UsageError } from '../../errors.js'
import type { RoutingAgreement } from '../../experts/agreement.js'
import { agreementObject } from '../../experts/agreement-json.js'
import type { Atlas } from '../../experts/atlas.js'
import { agreementCsv, tokensCsv, usageCsv } from '../../experts/csv.js'
import { layersOf } from '../../experts/layers-json.js'
import type { TextRoutes } from '../../experts/text-routes.js'
import { committeeObjects, specialistObjects, usageObject } from '../../experts/usage-json.js'
import { cannotWrite } from '../../files/folders.js'
import { type MixtureKind, perMixture } from '../../model/config.js'
import { usedPerToken } from '../../model/experts-per-token.js'
import { drawAgreement } from '../../pictures/agreement-figure.js'
import type { Figure } from '../../pictures/figure.js'
import type { Part } from '../../pictures/figure-options.js'
import { renderHtml } from '../../pictures/html.js'
import { LEAST_PICTURE, MOST_PICTURE, renderSvg } from '../../pictures/svg.js'
import { figureLines } from '../../pictures/text.js'
import { drawUsage } from '../../pictures/usage-figure.js'
import { colourDepth, terminalBackground } from '../../terminal/colours.js'
import { note, writeOut } from '../io/output.js'
import { textColumns } from '../io/text-width.js'
import { type AskedColour, colourIn, textInColour } from './experts-colour.js'

export const FORMATS = ['text', 'json', 'csv', 'svg', 'png', 'html'] as const
export type Format = (typeof FORMATS)[number]

/** File extensions other than the names of the formats. */
const ENDINGS: Record<string, Format> = { txt: 'text', htm: 'html' }
const WIDE: readonly Format[] = ['text', 'svg', 'png']
const FIGURE_OPTIONS = ['layers', 'only', 'title', 'parts'] as const

/** Options of a report. */
export interface ReportOptions {
  json?: boolean
  csv?: boolean
  format?: Format
  /** A file to write to. */
  output?: string
  width?: number
  /** Also show each token. */
  tokens?: boolean
  /** Layers, kind of experts, title and parts of a figure. */
  layers?: number[]
  only?: MixtureKind
  title?: string
  parts?: Part[]
  /** Prints the text in colours in place of the figure. */
  colour?: AskedColour
  color?: boolean
  quiet?: boolean
}

/** How texts use the experts of a model, or how alike two models route them, or another report with its own forms. */
export type Report = { texts: TextRoutes[]; atlas?: Atlas } | { agreements: RoutingAgreement[] } | FormedReport

/** A report that draws its own figure and writes its own tables. */
export interface FormedReport {
  figure(options: Omit<ReportOptions, 'colour'>): Figure
  json(): Iterable<string>
  csv(): Iterable<string>
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
  const pieces = format === 'png' ? [await pngOf(report, options)] : drawn(report, format, options)
  if (output === undefined) {
    for (const piece of pieces) await writeOut(piece)
    return
  }
  await writeFile(output, pieces).catch((error: unknown) => {
    throw cannotWrite(output, error)
  })
  if (!options.quiet) note(`written: ${output}`)
}

function drawn(report: Report, format: Exclude<Format, 'png'>, options: ReportOptions): Iterable<string> {
  switch (format) {
    case 'json':
      if ('figure' in report) return report.json()
      return 'texts' in report ? usageJson(report, options.tokens) : agreementJson(report.agreements)
    case 'csv':
      if ('figure' in report) return report.csv()
      if ('agreements' in report) return agreementCsv(report.agreements)
      return options.tokens ? tokensCsv(report.texts) : usageCsv(report.texts)
    case 'svg':
      return [renderSvg(figureOf(report, options), { width: options.width })]
    case 'html':
      return [renderHtml(figureOf(report, options))]
    case 'text':
      return textOf(report, options)
  }
}

function* textOf(report: Report, options: ReportOptions): Generator<string> {
  const { output, color, colour, width = output === undefined ? textColumns() : undefined } = options
  const depth = output !== undefined || color === false ? 'none' : colourDepth(process.stdout)
  const background = terminalBackground()
  if (colour && 'texts' in report) {
    yield* textInColour(report, colour, { depth, background })
    return
  }
  for (const line of figureLines(figureOf(report, options), { depth, background, width })) yield `${line}\n`
}

async function pngOf(report: Report, options: ReportOptions): Promise<Uint8Array> {
  const { renderPng } = await import('../../pictures/png.js')
  return renderPng(figureOf(report, options), { width: options.width })
}

function figureOf(report: Report, options: ReportOptions): Figure {
  if ('figure' in report) return report.figure(withoutColour(options))
  const { tokens, layers, only, title, parts } = options
  const chosen = { tokens, layers, only, title, parts }
  if ('agreements' in report) return drawAgreement(report.agreements, chosen)
  const { texts, atlas } = report
  const colour = options.colour && colourIn(options.colour, texts[0].model.config.mixtures)
  return drawUsage(texts, { ...chosen, atlas, colour })
}

/** Options of a figure that has no text to colour. */
function withoutColour({ colour: _, ...options }: ReportOptions): Omit<ReportOptions, 'colour'> {
  return options
}

/** One object, in pieces: one for each token. */
function* usageJson(
  { texts, atlas }: { texts: readonly TextRoutes[]; atlas?: Atlas },
  perToken = false,
): Generator<string> {
  const [{ model }] = texts
  const topK = perMixture(model.config.mixtures, usedPerToken)
  const mixtures = model.config.mixtures.filter(({ newExperts }) => newExperts)
  const newcomers = mixtures.length > 0 && { newcomers: perMixture(mixtures, ({ newExperts }) => newExperts) }
  const withAlways = model.config.mixtures.filter(({ routing }) => routing?.always)
  const always = withAlways.length > 0 && {
    always_chosen: perMixture(withAlways, ({ routing }) => routing?.always?.map(({ ids }) => ids)),
  }
  const about = { model: model.name, quant: model.quant, experts_per_token: topK, ...always, ...newcomers }
  yield `${JSON.stringify(about).slice(0, -1)},"texts":[`
  for (const [i, text] of texts.entries()) {
    const usage = JSON.stringify(usageObject(text)).slice(0, -1)
    yield `${i > 0 ? ',' : ''}${usage}`
    if (perToken) yield* perTokenJson(text)
    yield '}'
  }
  yield ']'
  if (texts.length > 1) yield `,"specialists":${JSON.stringify(specialistObjects(texts, atlas))}`
  yield `,"committees":${JSON.stringify(committeeObjects(texts, atlas))}}\n`
}

function* perTokenJson(text: TextRoutes): Generator<string> {
  yield ',"per_token":['
  for (const [i, token] of text.tokens.entries()) {
    const entry = { token, text: text.model.textOf(token), experts: layersOf(text.at(i)) }
    yield `${i > 0 ? ',' : ''}${JSON.stringify(entry)}`
  }
  yield ']'
}

function* agreementJson(agreements: readonly RoutingAgreement[]): Generator<string> {
  const [{ text, against }] = agreements
  const [model, other] = [text.model, against.model]
  const about = { model: model.name, quant: model.quant, against: { model: other.name, quant: other.quant } }
  yield `${JSON.stringify({ ...about, texts: agreements.map(agreementObject) })}\n`
}
