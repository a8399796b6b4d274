import { basename, extname } from 'node:path'
import { readTextOrStdin } from '../../../cli/io/input-text.js'
import { interruptSignal } from '../../../cli/io/interrupt.js'
import { writeJson, writeOut } from '../../../cli/io/output.js'
import { withStatusLine } from '../../../cli/io/status-line.js'
import type { ModelOptions } from '../../../cli/parsing/options.js'
import { withModel } from '../../../cli/setup/with-model.js'
import { csvRow } from '../../../ground/csv.js'
import { UsageError } from '../../../ground/errors.js'
import { writeAtomically } from '../../../ground/files/write-atomically.js'
import { formatBytes, plural } from '../../../ground/numbers.js'
import { alignColumns } from '../../../ground/output/table.js'
import { snakeCaseKeys } from '../../../ground/spelling.js'
import type { NamedText } from '../../../index.js'
import { MIXTURE_KINDS, type MixtureKind } from '../../../model/config/config.js'
import { type Curve, renderCurves } from '../../figures/curves.js'
import type { FewerExperts, NumbersPoint } from '../../index.js'

interface FewerExpertsOptions extends ModelOptions {
  text?: string[]
  budget?: number
  output?: string[]
  json?: boolean
}

/** Measures fewer experts per token, prints the table and writes the files of -o. */
export async function fewerExperts(options: FewerExpertsOptions): Promise<void> {
  const { text = [], budget, output = [], json } = options
  for (const file of output) checkOutput(file, budget)
  const texts = await Promise.all(text.map(readTextOrStdin))
  const { measureFewerExperts } = await import('../../index.js')
  const [name, measured] = await withModel(options, async ({ model }) => {
    const measured = await withStatusLine(options, (line) =>
      measureFewerExperts(model, texts, { budget, onProgress: line.show, signal: interruptSignal() }),
    )
    return [model.name, measured] as const
  })
  const names = texts.map(({ name }: NamedText) => name)
  for (const file of output) await writeAtomically(file, [contentsOf(file, name, names, measured)])
  if (json) await writeJson(fewerExpertsJson(name, names, measured))
  else await writeOut(fewerExpertsTable(measured))
}

function checkOutput(file: string, budget: number | undefined): void {
  const extension = extname(file)
  if (!['.json', '.csv', '.svg'].includes(extension)) {
    throw new UsageError(`-o ${file}: name a .csv or .svg file for the curve, or a .json file for the numbers by layer`)
  }
  if (extension === '.json' && budget === undefined) {
    throw new UsageError(`-o ${file}: numbers by layer need a --budget`)
  }
}

function contentsOf(file: string, model: string, texts: readonly string[], measured: FewerExperts): string {
  if (extname(file) === '.json') return `${JSON.stringify(measured.found)}\n`
  if (extname(file) === '.csv') return fewerExpertsCsv(measured)
  return fewerExpertsSvg(model, texts, measured)
}

/** The object that `--json` prints. */
function fewerExpertsJson(model: string, texts: readonly string[], { points, found }: FewerExperts): object {
  const shown = points.map((point) => ({ experts_per_token: point.numbers, ...measures(point) }))
  return { model, texts, points: shown, ...(found && { found }) }
}

function measures({ numbers: _, loss, rise, ...point }: NumbersPoint): Record<string, unknown> {
  return {
    ...snakeCaseKeys(point),
    nll_per_token: loss.nats,
    nll_error: loss.error ?? null,
    rise: rise.nats,
    rise_error: rise.error ?? null,
  }
}

function fewerExpertsTable({ points, found }: FewerExperts): string {
  const kinds = kindsOf(points)
  const withSpeed = points.some(({ tokensPerSecond }) => tokensPerSecond !== undefined)
  const head = [...kinds, 'a token reads', 'experts', 'perplexity', 'change', ...(withSpeed ? ['tokens/s'] : [])]
  const rows = points.map(({ numbers, activeBytes, expertShare, perplexity, loss, rise, tokensPerSecond }, i) => [
    ...kinds.map((kind) => shortly(numbers[kind])),
    formatBytes(activeBytes),
    `${(100 * expertShare).toFixed(1)} %`,
    withError(perplexity.toPrecision(5), loss.error && perplexity * loss.error, 3),
    i === 0
      ? ''
      : withError(`${signed(100 * Math.expm1(rise.nats))} %`, rise.error && 100 * Math.exp(rise.nats) * rise.error, 2),
    ...(withSpeed ? [tokensPerSecond?.toFixed(1) ?? ''] : []),
  ])
  const table = alignColumns([head, ...rows], [...head.keys()])
  const notes = ['experts: bytes of experts that a token reads, of those in the first row; ±: two standard errors']
  if (found) notes.push('measured on the last quarter of each text; the numbers by layer come from the rest')
  const lists = lastList(points).map(([kind, numbers]) => `${kind} by layer: ${numbers.join(',')}`)
  return `${table}${[...notes, ...lists].map((line) => `  ${line}\n`).join('')}`
}

const CSV_COLUMNS = [
  ...['active_bytes', 'expert_share', 'perplexity'],
  ...['nll_per_token', 'nll_error', 'rise', 'rise_error', 'tokens_per_second'],
]

/** A row for each point. A list of numbers is joined by blanks. */
function fewerExpertsCsv({ points }: FewerExperts): string {
  const kinds = kindsOf(points)
  const rows = points.map((point) => {
    const measured = measures(point)
    const numbers = kinds.map((kind) => [point.numbers[kind] ?? []].flat().join(' '))
    return [...numbers, ...CSV_COLUMNS.map((name) => (measured[name] as number | null | undefined) ?? '')]
  })
  return [[...kinds, ...CSV_COLUMNS], ...rows].map((row) => `${csvRow(row)}\n`).join('')
}

/** Perplexity over the bytes that a token reads, as a picture. */
function fewerExpertsSvg(model: string, texts: readonly string[], { points }: FewerExperts): string {
  const at = ({ activeBytes, perplexity }: NumbersPoint) => ({ x: activeBytes / 1e6, y: perplexity })
  const curves: Curve[] = []
  for (const [name, own] of grouped(points)) curves.push({ name, points: own.map(at).sort((a, b) => a.x - b.x) })
  return renderCurves({
    title: `Fewer experts per token: ${model}`,
    caption: [texts.map((text) => basename(text)).join(', '), ...fallingLine(points)],
    x: 'MB of weights that a token reads',
    y: 'perplexity',
    curves,
  })
}

/** The numbers of the last kind along a curve: `from right to left 4, 3, 2, 1 mlp experts per token`. */
function fallingLine(points: readonly NumbersPoint[]): string[] {
  const kind = kindsOf(points)[kindsOf(points).length - 1]
  const numbers = points.flatMap(({ numbers }) => (typeof numbers[kind] === 'number' ? [numbers[kind]] : []))
  return [`from right to left ${[...new Set(numbers)].join(', ')} ${kind} experts per token`]
}

/** Points by the curve that they belong to: one for each number of the first kind if there are two. */
function grouped(points: readonly NumbersPoint[]): Map<string, NumbersPoint[]> {
  const kinds = kindsOf(points)
  const groups = new Map<string, NumbersPoint[]>()
  for (const point of points) {
    const isUniform = kinds.every((kind) => typeof point.numbers[kind] === 'number')
    const uniform =
      kinds.length > 1 ? plural(Number(point.numbers[kinds[0]]), `${kinds[0]} expert`) : 'the same in every layer'
    const name = isUniform ? uniform : 'by layer'
    groups.set(name, [...(groups.get(name) ?? []), point])
  }
  return groups
}

function kindsOf([{ numbers }]: readonly NumbersPoint[]): MixtureKind[] {
  return MIXTURE_KINDS.filter((kind) => kind in numbers)
}

function shortly(numbers: number | number[] | undefined): string {
  return typeof numbers === 'number' ? String(numbers) : 'by layer'
}

function lastList(points: readonly NumbersPoint[]): [kind: string, numbers: number[]][] {
  const numbers = Object.entries(points[points.length - 1].numbers)
  return numbers.flatMap(([kind, own]): [string, number[]][] => (Array.isArray(own) ? [[kind, own]] : []))
}

function withError(value: string, error: number | undefined, digits: number): string {
  return error === undefined ? value : `${value} ± ${error.toPrecision(digits)}`
}

function signed(percent: number): string {
  return `${percent < 0 ? '' : '+'}${percent.toFixed(2)}`
}
