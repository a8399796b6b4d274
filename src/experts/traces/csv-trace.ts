import { UserError } from '../../errors.js'
import { decimal } from '../../numbers.js'
import { printable } from '../../printable.js'
import { type CsvRecord, csvRecords } from './csv-records.js'
import { LayerRuns } from './layer-runs.js'
import { RowCollector, type TraceRow } from './row-collector.js'
import type { TraceFormat } from './trace-format.js'

/** Phases of a prompt, in words of several engines. */
const PROMPT_PHASES = ['prompt', 'prefill']

/**
 * Reads a table with a row for each token, layer and expert. Columns are found by their names, others are left out:
 * `layer` and `expert`; the number of the token as `index`, or as `token` if there is no `index`; and, if the trace has
 * them, `kind`, `gate` or `weight`, `phase`, `text` and `text_name`. A table without the number of the token is llama.cpp's,
 * which may have no names of columns either.
 */
export async function readCsvTrace(path: string, texts: AsyncIterable<string>): Promise<TraceFormat> {
  const records = csvRecords(path, texts)
  const first = await records.next()
  if (first.done) throw new UserError(`${path}: the file is empty`)
  const names = first.value.fields.map((name) => name.trim().toLowerCase())
  const isNamed = names.includes('layer') && names.includes('expert')
  const isBare = names.length === 2 && names.every((name) => /^\d+$/.test(name))
  if (!isNamed && !isBare) {
    throw new UserError(`${path}: line ${first.value.line}: there are no columns named layer and expert`)
  }
  const columns = new Columns(path, isNamed ? names : ['layer', 'expert'])
  if (columns.index === undefined) return readRuns(columns, records, isBare ? first.value : undefined)
  return readRows(columns, records)
}

async function readRuns(columns: Columns, records: AsyncIterable<CsvRecord>, first?: CsvRecord): Promise<TraceFormat> {
  const runs = new LayerRuns(columns.path)
  const add = (record: CsvRecord) => {
    runs.add(columns.number(record, 'layer'), columns.number(record, 'expert'), record.line)
  }
  if (first) add(first)
  for await (const record of records) add(record)
  const text = runs.finish()
  const note = `${runs.k} experts per token and layer, judged by the lengths of the runs`
  return { format: "llama.cpp's routing trace", texts: [{ name: '', text }], notes: [note], words: new Map() }
}

async function readRows(columns: Columns, records: AsyncIterable<CsvRecord>): Promise<TraceFormat> {
  const texts = new Map<string, RowCollector>()
  let line = 1
  for await (const record of records) {
    line = record.line
    const name = columns.text(record, 'text_name') ?? ''
    const rows = texts.get(name) ?? new RowCollector(() => `${columns.path}: up to line ${line}`)
    texts.set(name, rows)
    rows.add(columns.row(record))
  }
  if (texts.size === 0) throw new UserError(`${columns.path}: there are no rows in it`)
  return {
    format: 'a routing trace',
    texts: [...texts].map(([name, rows]) => ({ name, text: rows.finish() })),
    notes: [],
    words: new Map([...texts.values()].flatMap(({ words }) => [...words])),
  }
}

/** The columns of a table by their names. */
class Columns {
  /** Name of the column with the numbers of tokens. */
  readonly index?: string

  constructor(
    readonly path: string,
    private readonly names: readonly string[],
  ) {
    this.index = ['index', 'token'].find((name) => names.includes(name))
  }

  row(record: CsvRecord): TraceRow {
    const index = this.number(record, this.index ?? '')
    const phase = this.text(record, 'phase')
    const gate = ['gate', 'weight'].find((name) => this.text(record, name))
    const hasId = this.index === 'index' && this.names.includes('token')
    return {
      index,
      ...(hasId && { token: this.number(record, 'token') }),
      text: this.text(record, 'text'),
      isPrompt: phase === undefined ? index < 0 : PROMPT_PHASES.includes(phase.toLowerCase()),
      layer: this.number(record, 'layer'),
      kind: this.text(record, 'kind') ?? 'mlp',
      expert: this.number(record, 'expert'),
      ...(gate && { gate: this.number(record, gate, false) }),
    }
  }

  text({ fields, line }: CsvRecord, name: string): string | undefined {
    const { path, names } = this
    if (fields.length !== names.length) {
      throw new UserError(`${path}: line ${line}: ${fields.length} columns, not ${names.length} as in the first line`)
    }
    const at = names.indexOf(name)
    return at < 0 ? undefined : fields[at]
  }

  number(record: CsvRecord, name: string, isWhole = true): number {
    const text = this.text(record, name) ?? ''
    const value = decimal(text.trim())
    if (isWhole ? Number.isSafeInteger(value) : Number.isFinite(value)) return value
    const shown = `"${printable(text, 20)}"`
    throw new UserError(
      `${this.path}: line ${record.line}: ${name} must be a ${isWhole ? 'whole ' : ''}number, not ${shown}`,
    )
  }
}
