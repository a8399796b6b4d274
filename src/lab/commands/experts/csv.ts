import { csvRow } from '../../../ground/csv.js'
import { sixDigits } from '../../../ground/numbers.js'
import type { Atlas, AtlasToken } from '../../../insight/atlas/atlas.js'
import { rowsOf, TRACE_COLUMNS } from '../../../insight/traces/trace-rows.js'
import type { RoutingAgreement } from '../../../insight/usage/agreement.js'
import type { TextRoutes } from '../../../insight/usage/text-routes.js'

/*
 * Tables as CSV, in pieces: all tokens of a long text would be too much for one string. `text_name` is the name of the
 * text, `text` the text of a token; shares, gates and measures have six digits.
 */

/** Yields a row for each expert; entropy (bits) and fairness are of its layer. */
export function* usageCsv(texts: readonly TextRoutes[]): Generator<string> {
  yield 'text_name,layer,kind,expert,count,share,gate_mass,entropy,fairness\n'
  for (const { name, usage } of texts) {
    for (const { kind, layers } of usage.mixtures) {
      for (const [layer, { counts, gateMass, entropy, fairness }] of layers.entries()) {
        const rows = Array.from(counts, (count, expert) => {
          const share = usage.tokens === 0 ? 0 : count / usage.tokens
          return [name, layer, kind, expert, count, ...[share, gateMass[expert], entropy, fairness].map(known)]
        })
        yield linesOf(rows)
      }
    }
  }
}

/** Yields a row for each token, layer and expert that it wakes: the rows of a trace after the name of the text. */
export function* tokensCsv(texts: readonly TextRoutes[]): Generator<string> {
  yield `text_name,${TRACE_COLUMNS.join()}\n`
  for (const text of texts) {
    for (const [index, token] of text.tokens.entries()) {
      const rows = rowsOf(index, token, text.model.textOf(token), text.at(index))
      yield linesOf(rows.map(({ gate = Number.NaN, ...row }) => [text.name, ...Object.values(row), known(gate)]))
    }
  }
}

/** Yields a row for each layer and kind of experts, with the agreement of two models on a text. */
export function* agreementCsv(agreements: readonly RoutingAgreement[]): Generator<string> {
  yield 'text_name,model,against,layer,kind,tokens,top1,overlap,missing\n'
  for (const { text, against, mixtures } of agreements) {
    const rows = mixtures.flatMap(({ kind, layers }) =>
      layers.flatMap(({ experts, top1, overlap, missing }, layer) => {
        const shares = [top1, overlap, missing].map(known)
        return experts === 0
          ? []
          : [[text.name, text.model.name, against.model.name, layer, kind, text.tokens.length, ...shares]]
      }),
    )
    yield linesOf(rows)
  }
}

/** Yields a row for each expert: its name, share, tokens and kinds of text, each with its lift. */
export function* atlasCsv({ entries }: Atlas): Generator<string> {
  yield 'layer,kind,expert,name,share,tokens,token_lifts,texts,text_lifts,labels,label_lifts,label_shares\n'
  for (const [kind, layers] of Object.entries(entries)) {
    for (const [layer, experts] of layers.entries()) {
      for (const [expert, { name = '', share, tokens, texts, labels = [] }] of experts.entries()) {
        const of = (list: readonly AtlasToken[]) => [
          JSON.stringify(list.map(({ text }) => text)),
          list.map(({ lift }) => lift).join(' '),
        ]
        const shares = labels.map((label) => label.share).join(' ')
        yield `${csvRow([layer, kind, expert, name, share, ...of(tokens), ...of(texts), ...of(labels), shares])}\n`
      }
    }
  }
}

function linesOf(rows: readonly (string | number)[][]): string {
  return rows.map((row) => `${csvRow(row)}\n`).join('')
}

/** Nothing for a number that is not known. */
function known(value: number): number | '' {
  return Number.isNaN(value) ? '' : sixDigits(value)
}
