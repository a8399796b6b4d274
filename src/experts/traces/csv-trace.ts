import { UserError } from '../../errors.js'
import { decimal } from '../../numbers.js'
import { type CsvRecord, csvRecords } from './csv-records.js'
import type { TraceFormat } from './trace-format.js'
import { rowOf, TRACE_COLUMNS, type TraceRow, TraceRows } from './trace-rows.js'

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
        throw new UserError(`${place()}: not the columns of a trace, which are ${OF_ONE}; docs/TRACES.md has the forms`)
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
