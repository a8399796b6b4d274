import { csvRow } from '../../../ground/csv.js'
import { formatBytes } from '../../../ground/numbers.js'
import { snakeCaseKeys } from '../../../ground/spelling.js'
import type { BenchmarkRow } from '../../benchmark/benchmark.js'

export const BENCHMARK_FORMATS = ['md', 'csv', 'json', 'jsonl'] as const
export type BenchmarkFormat = (typeof BENCHMARK_FORMATS)[number]

/** Formats rows as they come, with the text before the first and after the last. */
export interface RowWriter {
  begin: string
  row(row: BenchmarkRow): string
  end: string
}

/** The formats of --format, and the table for a terminal. */
export type RowFormat = BenchmarkFormat | 'table'

type Column = [name: string, value: (row: BenchmarkRow) => string | number]

const CSV_COLUMNS =
  `model quant threads tier node test depth batch tokens_per_second_median tokens_per_second_mean tokens_per_second_sd
  per_sequence share_of_start experts_per_token active_bytes_per_token effective_gb_per_second stream_gb_per_second
  rss_bytes huge_page_bytes first_token_ms cache_type`.split(/\s+/)

const TABLE_COLUMNS: Column[] = [
  ['model', (row) => row.model],
  ['quant', (row) => row.quant],
  ['threads', (row) => row.threads],
  ['tier', (row) => row.tier],
  ['experts', usedInWords],
  ['test', testOf],
  ['tokens/s', speedOf],
  ['each', eachOf],
  ['of depth 0', shareOfStart],
  ['GB/s', usedOf],
  ['stream GB/s', (row) => row.streamGbPerSecond.toFixed(1)],
  ['share', (row) => (readsAll(row) ? (row.effectiveGbPerSecond / row.streamGbPerSecond).toFixed(2) : '')],
  ['first token', (row) => `${row.firstTokenMs.toFixed(0)} ms`],
  ['memory', (row) => mebibytes(row.rssBytes)],
  ['huge pages', (row) => (row.hugePageBytes === null ? '' : mebibytes(row.hugePageBytes))],
]

/** A column of the table for a terminal, which fits 80 cells. Values that all rows share are above the table. */
type AlignedColumn = [name: string, minWidth: number, value: (row: BenchmarkRow) => string]

/** Name of the column of shares of the speed at depth 0, short enough for 80 cells. */
const OF_START = 'of @ 0'

/** With batches, the speed of each sequence replaces GB/s; with depths, the share of depth 0 replaces `stream`. */
function alignedColumns(withBatches: boolean, withDepths: boolean): AlignedColumn[] {
  return [
    ['threads', 7, (row) => String(row.threads)],
    ['test', withBatches ? 16 : 12, testOf],
    ['tokens/s', 14, speedOf],
    withBatches ? ['each', 6, eachOf] : ['GB/s', 5, usedOf],
    withDepths ? [OF_START, 6, shareOfStart] : ['stream', 6, (row) => row.streamGbPerSecond.toFixed(1)],
    ['first token', 11, (row) => `${row.firstTokenMs.toFixed(0)} ms`],
    ['memory', 8, (row) => formatBytes(row.rssBytes)],
  ]
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(0)} MiB`
}

function alignedHead(row: BenchmarkRow, columns: AlignedColumn[]): string {
  const { model, quant, cacheType, tier, node, hugePageBytes: huge } = row
  const isOfStart = columns.some(([name]) => name === OF_START)
  const ofStart = `${OF_START}: share of the speed at depth 0`
  const explained = isOfStart ? ofStart : 'stream: read speed of the memory in GB/s'
  const title = `${model} as ${quant} with a ${cacheType} cache, ${usedInWords(row)} experts per token, ${tier} kernels, Node ${node}; ${explained}`
  const pages = huge === null ? '' : `; ${huge > 0 ? formatBytes(huge) : 'nothing'} in huge pages`
  return `${title}${pages}\n${alignedLine(columns, ([name]) => name)}`
}

function alignedLine(columns: AlignedColumn[], cell: (column: AlignedColumn) => string): string {
  const padded = columns.map((column) => {
    const [name, width] = column
    return name === 'test' ? cell(column).padEnd(width) : cell(column).padStart(width)
  })
  return `${padded.join('  ')}\n`
}

/** Experts per token of each kind: `2,4`, or `2,1-4` if the layers differ. */
function usedInWords({ expertsPerToken }: Pick<BenchmarkRow, 'expertsPerToken'>): string {
  const kinds = Object.values(expertsPerToken).map((used) => {
    if (typeof used === 'number') return String(used)
    const some = used.filter((count) => count > 0)
    return `${Math.min(...some)}-${Math.max(...some)}`
  })
  return kinds.join(',')
}

function testOf({ test, depth, batch }: BenchmarkRow): string {
  return `${test}${batch > 1 ? ` x ${batch}` : ''}${depth > 0 ? ` @ ${depth}` : ''}`
}

/** The speed of each sequence; empty for a single one, which has the whole speed. */
function eachOf({ batch, perSequence }: BenchmarkRow): string {
  return batch > 1 ? perSequence.toFixed(1) : ''
}

/** The share of the speed at depth 0, which must have been measured before. */
function shareOfStart(row: BenchmarkRow): string {
  return row.shareOfStart === null ? '' : row.shareOfStart.toFixed(2)
}

/** Whether a test reads all the weights it uses. Tokens of prompts and batches share them. */
function readsAll({ test, batch }: BenchmarkRow): boolean {
  return test.startsWith('tg') && batch === 1
}

function usedOf(row: BenchmarkRow): string {
  return readsAll(row) ? row.effectiveGbPerSecond.toFixed(1) : ''
}

function speedOf({ tokensPerSecond: { median, sd } }: BenchmarkRow): string {
  return `${median.toFixed(1)} ± ${sd.toFixed(1)}`
}

/** Creates the writer of a format. `withBatches` and `withDepths` set the columns of the table for a terminal. */
export function rowWriter(format: RowFormat, { withBatches = false, withDepths = false } = {}): RowWriter {
  const columns = alignedColumns(withBatches, withDepths)
  let count = 0
  const head = TABLE_COLUMNS.map(([name]) => name)
  const writers: Record<RowFormat, [begin: string, row: RowWriter['row'], end: string]> = {
    table: [
      '',
      (row) => `${count++ === 0 ? alignedHead(row, columns) : ''}${alignedLine(columns, ([, , of]) => of(row))}`,
      '',
    ],
    md: [
      tableLine(head) + tableLine(head.map(() => '---')),
      (row) => tableLine(TABLE_COLUMNS.map(([, value]) => String(value(row)))),
      '',
    ],
    csv: [`${csvRow(CSV_COLUMNS)}\n`, (row) => `${csvRow(csvCells(row))}\n`, ''],
    jsonl: ['', (row) => `${asJson(row)}\n`, ''],
    json: ['[', (row) => `${count++ === 0 ? '\n' : ',\n'}${asJson(row)}`, '\n]\n'],
  }
  const [begin, row, end] = writers[format]
  return { begin, row, end }
}

function csvCells({ tokensPerSecond: { median, mean, sd }, ...row }: BenchmarkRow): (string | number)[] {
  const speeds = { tokensPerSecondMedian: median, tokensPerSecondMean: mean, tokensPerSecondSd: sd }
  const cells = snakeCaseKeys({ ...row, ...speeds, expertsPerToken: usedInWords(row) })
  return CSV_COLUMNS.map((name) => (cells[name] as string | number | null) ?? '')
}

function tableLine(cells: string[]): string {
  return `| ${cells.join(' | ')} |\n`
}

function asJson(row: BenchmarkRow): string {
  return JSON.stringify(snakeCaseKeys(row))
}
