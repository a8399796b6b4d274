import { UserError } from '../../errors.js'

/** A record of a CSV file, and the number of the line it begins on, from 1. */
export interface CsvRecord {
  line: number
  fields: string[]
}

/** Most characters of a record: a quote that is never closed would take in the whole file. */
const LONGEST_RECORD = 2 ** 20

/**
 * Yields the records of a CSV file (RFC 4180) as its text comes. Leaves out empty lines. Throws a UserError, which begins with `path`, at a quote that is not closed.
 */
export async function* csvRecords(path: string, texts: AsyncIterable<string>): AsyncGenerator<CsvRecord> {
  let rest = ''
  let line = 1
  const take = (record: string): CsvRecord | undefined => {
    const first = line
    for (let at = record.indexOf('\n'); at >= 0; at = record.indexOf('\n', at + 1)) line++
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
  if (isQuoteOpen(rest)) throw new UserError(`${path}: line ${line}: a quote is not closed`)
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

function isQuoteOpen(text: string): boolean {
  let quotes = 0
  for (let at = text.indexOf('"'); at >= 0; at = text.indexOf('"', at + 1)) quotes++
  return quotes % 2 === 1
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
