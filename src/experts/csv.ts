import { routesByKind } from '../engine/route-codec.js'
import type { ReportInput } from './text-routes.js'

/**
 * Usage as a table, a row an expert: text, layer, kind, expert, count, share of tokens, gate_mass, and the layer's
 * entropy (bits) and fairness; or, per token, the rows of a trace with the text's name in front.
 */
export function usageCsv({ texts, perToken, textOf }: ReportInput): string {
  return perToken ? tokensCsv({ texts, textOf }) : countsCsv(texts)
}

function countsCsv(texts: ReportInput['texts']): string {
  const lines = ['text,layer,kind,expert,count,share,gate_mass,entropy,fairness']
  for (const { name, usage } of texts) {
    for (const { kind, layers } of usage.mixtures) {
      for (const [layer, used] of layers.entries()) {
        for (let expert = 0; expert < used.experts; expert++) {
          const count = used.counts[expert]
          const share = usage.tokens === 0 ? 0 : count / usage.tokens
          const row = [name, layer, kind, expert, count, share, used.gateMass[expert], used.entropy, used.fairness]
          lines.push(csvRow(row))
        }
      }
    }
  }
  return `${lines.join('\n')}\n`
}

function tokensCsv({ texts, textOf }: Pick<ReportInput, 'texts' | 'textOf'>): string {
  const lines = ['text_name,index,token,text,layer,kind,rank,expert,gate']
  for (const text of texts) {
    for (const [index, token] of text.tokens.entries()) {
      for (const [layer, routes] of text.at(index).entries()) {
        for (const { kind, ids, gates } of routesByKind(routes)) {
          ids.forEach((expert, rank) => {
            lines.push(csvRow([text.name, index, token, textOf(token), layer, kind, rank, expert, gates[rank]]))
          })
        }
      }
    }
  }
  return `${lines.join('\n')}\n`
}

/** A row of RFC 4180, without its line end. */
export function csvRow(values: readonly (string | number)[]): string {
  return values.map((value) => (typeof value === 'number' ? String(value) : quoted(value))).join(',')
}

function quoted(text: string): string {
  return /[",\r\n]/.test(text) || text !== text.trim() ? `"${text.replaceAll('"', '""')}"` : text
}
