import { formatBytes } from '../numbers.js'
import type { BenchmarkRow } from './benchmark.js'

export const BENCHMARK_FORMATS = ['md', 'csv', 'json', 'jsonl'] as const
export type BenchmarkFormat = (typeof BENCHMARK_FORMATS)[number]

/** Formats rows as they come: what stands before the first, each row, and what stands after the last. */
export interface RowWriter {
  begin(): string
  row(row: BenchmarkRow): string
  end(): string
}

/** The formats to choose from, and a table for a reader at a terminal. */
export type RowFormat = BenchmarkFormat | 'table'

type Column = [name: string, value: (row: BenchmarkRow) => string | number]

const CSV_COLUMNS: Column[] = [
  ['model', (row) => row.model],
  ['quant', (row) => row.quant],
  ['threads', (row) => row.threads],
  ['tier', (row) => row.tier],
  ['node', (row) => row.node],
  ['test', (row) => row.test],
  ['depth', (row) => row.depth],
  ['batch', (row) => row.batch],
  ['tokens_per_second_median', (row) => row.tokens_per_second.median],
  ['tokens_per_second_mean', (row) => row.tokens_per_second.mean],
  ['tokens_per_second_sd', (row) => row.tokens_per_second.sd],
  ['per_sequence', (row) => row.per_sequence],
  ['active_bytes_per_token', (row) => row.active_bytes_per_token],
  ['effective_gb_per_second', (row) => row.effective_gb_per_second],
  ['stream_gb_per_second', (row) => row.stream_gb_per_second],
  ['rss_bytes', (row) => row.rss_bytes],
  ['huge_page_bytes', (row) => row.huge_page_bytes ?? ''],
  ['first_token_ms', (row) => row.first_token_ms],
]

const TABLE_COLUMNS: Column[] = [
  ['model', (row) => row.model],
  ['quant', (row) => row.quant],
  ['threads', (row) => row.threads],
  ['tier', (row) => row.tier],
  ['test', testOf],
  ['tokens/s', speedOf],
  ['each', eachOf],
  ['GB/s', usedOf],
  ['stream GB/s', (row) => row.stream_gb_per_second.toFixed(1)],
  ['share', (row) => (readsAll(row) ? (row.effective_gb_per_second / row.stream_gb_per_second).toFixed(2) : '')],
  ['first token', (row) => `${row.first_token_ms.toFixed(0)} ms`],
  ['memory', (row) => mebibytes(row.rss_bytes)],
  ['huge pages', (row) => (row.huge_page_bytes === null ? '' : mebibytes(row.huge_page_bytes))],
]

/** Columns of a table that fits 80 cells, with their least widths; what all rows share stands above it. */
type AlignedColumn = [name: string, width: number, value: (row: BenchmarkRow) => string]

/** Where sequences are run at once, what each of them gets takes the place of GB/s. */
function alignedColumns(withBatches: boolean): AlignedColumn[] {
  return [
    ['threads', 7, (row) => String(row.threads)],
    ['test', withBatches ? 16 : 12, testOf],
    ['tokens/s', 14, speedOf],
    withBatches ? ['each', 6, eachOf] : ['GB/s', 5, usedOf],
    ['stream', 6, (row) => row.stream_gb_per_second.toFixed(1)],
    ['first token', 11, (row) => `${row.first_token_ms.toFixed(0)} ms`],
    ['memory', 8, (row) => formatBytes(row.rss_bytes)],
  ]
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(0)} MiB`
}

function alignedHead(row: BenchmarkRow, columns: AlignedColumn[]): string {
  const { model, quant, tier, node, huge_page_bytes: huge } = row
  const title = `${model} as ${quant}, ${tier} kernels, Node ${node}; stream: GB/s that the memory gives`
  const pages = huge === null ? '' : `; ${huge > 0 ? formatBytes(huge) : 'nothing'} lies in huge pages`
  return `${title}${pages}\n${alignedLine(columns, ([name]) => name)}`
}

function alignedLine(columns: AlignedColumn[], cell: (column: AlignedColumn) => string): string {
  const padded = columns.map((column) => {
    const [name, width] = column
    return name === 'test' ? cell(column).padEnd(width) : cell(column).padStart(width)
  })
  return `${padded.join('  ')}\n`
}

function testOf({ test, depth, batch }: BenchmarkRow): string {
  return `${test}${batch > 1 ? ` x ${batch}` : ''}${depth > 0 ? ` @ ${depth}` : ''}`
}

/** Of a single sequence it is the whole. */
function eachOf({ batch, per_sequence }: BenchmarkRow): string {
  return batch > 1 ? per_sequence.toFixed(1) : ''
}

/** Whether a test reads as many weights as it uses: prompts and batches share them. */
function readsAll({ test, batch }: BenchmarkRow): boolean {
  return test.startsWith('tg') && batch === 1
}

function usedOf(row: BenchmarkRow): string {
  return readsAll(row) ? row.effective_gb_per_second.toFixed(1) : ''
}

function speedOf({ tokens_per_second: { median, sd } }: BenchmarkRow): string {
  return `${median.toFixed(1)} ± ${sd.toFixed(1)}`
}

/** A writer for one of the formats; the aligned table needs to know whether there will be rows of batches. */
export function rowWriter(format: RowFormat, withBatches = false): RowWriter {
  const columns = alignedColumns(withBatches)
  let count = 0
  switch (format) {
    case 'table':
      return {
        begin: () => '',
        row: (row) =>
          `${count++ === 0 ? alignedHead(row, columns) : ''}${alignedLine(columns, ([, , value]) => value(row))}`,
        end: () => '',
      }
    case 'md':
      return {
        begin: () => `${tableLine(TABLE_COLUMNS.map(([name]) => name))}${tableLine(TABLE_COLUMNS.map(() => '---'))}`,
        row: (row) => tableLine(TABLE_COLUMNS.map(([, value]) => String(value(row)))),
        end: () => '',
      }
    case 'csv':
      return {
        begin: () => `${CSV_COLUMNS.map(([name]) => name).join(',')}\n`,
        row: (row) => `${CSV_COLUMNS.map(([, value]) => csvField(value(row))).join(',')}\n`,
        end: () => '',
      }
    case 'jsonl':
      return { begin: () => '', row: (row) => `${JSON.stringify(row)}\n`, end: () => '' }
    case 'json':
      return {
        begin: () => '[',
        row: (row) => `${count++ === 0 ? '\n' : ',\n'}${JSON.stringify(row)}`,
        end: () => '\n]\n',
      }
  }
}

function tableLine(cells: string[]): string {
  return `| ${cells.join(' | ')} |\n`
}

function csvField(value: string | number): string {
  const text = String(value)
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
