import { routesByKind } from '../engine/route-codec.js'
import type { ReportInput } from './text-routes.js'

/**
 * Usage as a table, a row per expert: text, layer, kind, expert, count, share of tokens, gate_mass, and the layer's entropy
 * (bits) and fairness; or, per token, the rows of a trace with the text's name in front. Comes in pieces, since all tokens
 * of a long text would be too much for one string.
 */
export function usageCsv({ texts, perToken, textOf }: ReportInput): Generator<string> {
  return perToken ? tokensCsv({ texts, textOf }) : countsCsv(texts)
}

function* countsCsv(texts: ReportInput['texts']): Generator<string> {
  yield 'text,layer,kind,expert,count,share,gate_mass,entropy,fairness\n'
  for (const { name, usage } of texts) {
    for (const { kind, layers } of usage.mixtures) {
      for (const [layer, used] of layers.entries()) {
        const rows = Array.from({ length: used.experts }, (_, expert) => {
          const count = used.counts[expert]
          const share = usage.tokens === 0 ? 0 : count / usage.tokens
          return [name, layer, kind, expert, count, share, used.gateMass[expert], used.entropy, used.fairness]
        })
        yield linesOf(rows)
      }
    }
  }
}

function* tokensCsv({ texts, textOf }: Pick<ReportInput, 'texts' | 'textOf'>): Generator<string> {
  yield 'text_name,index,token,text,layer,kind,rank,expert,gate\n'
  for (const text of texts) {
    for (const [index, token] of text.tokens.entries()) {
      const rows: (string | number)[][] = []
      for (const [layer, routes] of text.at(index).entries()) {
        for (const { kind, ids, gates } of routesByKind(routes)) {
          ids.forEach((expert, rank) => {
            rows.push([text.name, index, token, textOf(token), layer, kind, rank, expert, gates[rank]])
          })
        }
      }
      yield linesOf(rows)
    }
  }
}

function linesOf(rows: readonly (string | number)[][]): string {
  return rows.map((row) => `${csvRow(row)}\n`).join('')
}

/** A row of RFC 4180, without its line end. */
export function csvRow(values: readonly (string | number)[]): string {
  return values.map((value) => (typeof value === 'number' ? String(value) : quoted(value))).join(',')
}

function quoted(text: string): string {
  return /[",\r\n]/.test(text) || text !== text.trim() ? `"${text.replaceAll('"', '""')}"` : text
}
