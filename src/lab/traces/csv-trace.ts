import { UserError } from '../../ground/errors.js'
import { decimal } from '../../ground/numbers.js'
import { rowOf, TRACE_COLUMNS, type TraceRow, TraceRows } from '../../insight/traces/trace-rows.js'
import type { TraceFormat } from '../../insight/traces/traced-text.js'

/** Columns of the tables that molm writes: one text, or several by their names. */
const OF_ONE = TRACE_COLUMNS.join()
const OF_SEVERAL = `text_name,${OF_ONE}`

/** Reads a table of `molm run --trace` or `molm experts --tokens --csv`. */
export async function readCsvTrace(path: string, texts: AsyncIterable<string>): Promise<TraceFormat> {
  const found = new Map<string, TraceRows>()
  let hasNames: boolean | undefined
  let line = 1
  const place = () => `${path}: line ${line}`
  for await (const record of csvRecords(path, texts)) {
    line = record.line
    if (hasNames === undefined) {
      const columns = record.fields.join()
      if (columns !== OF_ONE && columns !== OF_SEVERAL) {
        throw new UserError(`${place()}: not the columns of a trace, which are ${OF_ONE}; see docs/EXPERTS.md`)
      }
      hasNames = columns === OF_SEVERAL
      continue
    }
    const row = rowIn(record, hasNames, place)
    const name = hasNames ? record.fields[0] : ''
    const rows = found.get(name) ?? new TraceRows(() => `${path}: up to line ${line}`)
    found.set(name, rows)
    rows.add(row)
  }
  if (found.size === 0) throw new UserError(`${path}: there are no rows in it`)
  return {
    texts: [...found].map(([name, rows]) => ({ name, text: rows.finish() })),
    words: new Map([...found.values()].flatMap(({ words }) => [...words])),
  }
}

function rowIn({ fields }: CsvRecord, hasName: boolean, place: () => string): TraceRow {
  const columns = TRACE_COLUMNS.length + (hasName ? 1 : 0)
  if (fields.length !== columns) {
    throw new UserError(`${place()}: ${fields.length} columns, not ${columns} as in the first line`)
  }
  const [index, token, text, layer, kind, rank, expert, gate] = fields.slice(-TRACE_COLUMNS.length)
  const of = { index: numberIn(index), token: numberIn(token), text, layer: numberIn(layer), kind }
  const chosen = { rank: numberIn(rank), expert: numberIn(expert), gate: gate === '' ? undefined : numberIn(gate) }
  return rowOf({ ...of, ...chosen }, place)
}

/** The number that a text is, or the text if it is none. */
function numberIn(text: string): number | string {
  const value = decimal(text)
  return Number.isNaN(value) ? text : value
}

/** A record of a CSV file, and the number of the line it begins on, from 1. */
interface CsvRecord {
  line: number
  fields: string[]
}

/** Most characters of a record: a quote that is never closed would take in the whole file. */
const LONGEST_RECORD = 2 ** 20

/**
 * Yields the records of a CSV file (RFC 4180) as its text comes. Leaves out empty lines. Throws a UserError, which begins
 * with `path`, at a quote that is not closed.
 */
async function* csvRecords(path: string, texts: AsyncIterable<string>): AsyncGenerator<CsvRecord> {
  let rest = ''
  let line = 1
  const take = (record: string): CsvRecord | undefined => {
    const first = line
    line += record.split('\n').length - 1
    const bare = record.replace(/\r?\n?$/, '')
    return bare.trim() === '' ? undefined : { line: first, fields: fieldsOf(bare) }
  }
  for await (const text of texts) {
    rest += text
    let from = 0
    for (let end = recordEnd(rest, from); end > 0; end = recordEnd(rest, from)) {
      const record = take(rest.slice(from, end))
      from = end
      if (record) yield record
    }
    rest = rest.slice(from)
    if (rest.length > LONGEST_RECORD) {
      throw new UserError(`${path}: line ${line}: more than ${LONGEST_RECORD} characters; a quote may not be closed`)
    }
  }
  const quotes = rest.split('"').length - 1
  if (quotes % 2 === 1) throw new UserError(`${path}: line ${line}: a quote is not closed`)
  const record = take(rest)
  if (record) yield record
}

/** Index after the line break that ends the record at `from`, or 0 if its end has not come. */
function recordEnd(text: string, from: number): number {
  for (let at = from; ; ) {
    const end = text.indexOf('\n', at)
    if (end < 0) return 0
    // Most records have no quotes.
    const quote = text.indexOf('"', at)
    if (quote < 0 || quote > end) return end + 1
    const closed = text.indexOf('"', quote + 1)
    if (closed < 0) return 0
    at = closed + 1
  }
}

function fieldsOf(record: string): string[] {
  if (!record.includes('"')) return record.split(',')
  const fields: string[] = []
  const field = /(?:"((?:[^"]|"")*)"|([^,]*))(,|$)/y
  for (let more = true; more; ) {
    const [, quoted, plain = '', separator] = field.exec(record) ?? []
    fields.push(quoted?.replaceAll('""', '"') ?? plain)
    more = separator === ','
  }
  return fields
}
