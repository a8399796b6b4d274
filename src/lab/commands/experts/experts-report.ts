import { fstatSync } from 'node:fs'
import { isatty, WriteStream } from 'node:tty'
import { note, writeOut } from '../../../cli/io/output.js'
import { background } from '../../../cli/parsing/defaults.js'
import { UsageError } from '../../../ground/errors.js'
import { writeAtomically } from '../../../ground/files/write-atomically.js'
import { colourDepth } from '../../../ground/output/colours.js'
import type { Figure } from '../../../insight/pictures/blocks/figure.js'
import { renderHtml } from '../../../insight/pictures/html/html.js'
import { LEAST_PICTURE, MOST_PICTURE, renderSvg } from '../../../insight/pictures/svg/svg.js'
import { figureLines } from '../../../insight/pictures/text/text.js'
import { type ExpertsOptions, FORMATS, type Format, type Report } from './mode.js'

/** File extensions other than the names of the formats. */
const ENDINGS: Record<string, Format> = { txt: 'text', htm: 'html' }
const WIDE: readonly Format[] = ['text', 'svg', 'png']
const FIGURE_OPTIONS = ['layers', 'only', 'title', 'parts'] as const

/** The format of the report. Throws a UsageError if the options contradict it. */
export function formatOf(options: ExpertsOptions): Format {
  const { output, width, colour } = options
  const chosen = chosenFormat(options)
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

function chosenFormat({ json, csv, format, output }: ExpertsOptions): Format {
  if (json) return 'json'
  if (csv) return 'csv'
  return format ?? (output === undefined ? 'text' : formatOfFile(output))
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
export async function putReport(report: Report, format: Format, options: ExpertsOptions): Promise<void> {
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
  options: ExpertsOptions,
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

function* textOf(report: Report, figure: () => Figure, options: ExpertsOptions): Generator<string> {
  const { output, color, width = output === undefined ? textColumns() : undefined } = options
  const depth = output !== undefined || color === false ? 'none' : colourDepth(process.stdout)
  if (report.text) yield* report.text({ depth, background: background() })
  else for (const line of figureLines(figure(), { depth, background: background(), width })) yield `${line}\n`
}

/**
 * Columns for lines of text on stdout. A terminal has its own. A pipe mostly ends at a pager in the terminal of stderr or
 * stdin, unless `COLUMNS` gives another width. Undefined, for no limit, if stdout is a file or no terminal is there.
 */
function textColumns(): number | undefined {
  if (process.stdout.isTTY) return process.stdout.columns || undefined
  if (isFile(1)) return undefined
  const given = Number(process.env.COLUMNS)
  if (Number.isInteger(given) && given > 0) return given
  return (process.stderr.isTTY ? process.stderr.columns : columnsOfInput()) || undefined
}

/** Columns of the terminal that stdin reads. */
function columnsOfInput(): number | undefined {
  return isatty(0) ? new WriteStream(0).columns : undefined
}

function isFile(descriptor: number): boolean {
  try {
    return fstatSync(descriptor).isFile()
  } catch {
    // A closed descriptor.
    return false
  }
}
