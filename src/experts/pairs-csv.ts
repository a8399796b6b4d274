import { csvRow } from '../csv.js'
import { sixDigits } from './csv.js'
import { type PairTable, pairOf, pairsOf } from './expert-pairs.js'

/** Yields a row for each pair with enough tokens: those that chose both, the number expected by chance, and the lift. */
export function* pairsCsv(tables: readonly PairTable[]): Generator<string> {
  yield 'from_layer,from_kind,from_expert,to_layer,to_kind,to_expert,tokens,expected,lift\n'
  for (const table of tables) {
    const { from, to } = table
    const rows = pairsOf(table).map((pair) =>
      csvRow([
        ...[from.layer, from.kind, pair.from, to.layer, to.kind, pair.to],
        ...[pair.observed, sixDigits(pair.expected), sixDigits(pair.lift)],
      ]),
    )
    yield rows.map((row) => `${row}\n`).join('')
  }
}

/** Yields one JSON object in pieces, one for each table: counts and lifts row by row, null for too few tokens. */
export function* pairsJson(model: string, tokens: number, tables: readonly PairTable[]): Generator<string> {
  yield `${JSON.stringify({ model, tokens }).slice(0, -1)},"tables":[`
  for (const [i, table] of tables.entries()) {
    const { from, to, observed } = table
    const rows = Array.from({ length: from.experts }, (_, row) => row)
    const columns = Array.from({ length: to.experts }, (_, column) => column)
    const object = {
      from: { layer: from.layer, kind: from.kind },
      to: { layer: to.layer, kind: to.kind },
      tokens: rows.map((row) => columns.map((column) => observed[row * to.experts + column])),
      lift: rows.map((row) =>
        columns.map((column) => {
          const pair = pairOf(table, row, column)
          return pair ? sixDigits(pair.lift) : null
        }),
      ),
    }
    yield `${i > 0 ? ',' : ''}${JSON.stringify(object)}`
  }
  yield ']}\n'
}
