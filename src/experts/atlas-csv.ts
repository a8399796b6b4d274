import { csvRow } from '../csv.js'
import type { Atlas, AtlasToken } from './atlas.js'

/** Yields a row for each expert: its name, share, tokens and kinds of text, each with its lift. */
export function* atlasCsv({ entries }: Atlas): Generator<string> {
  yield 'layer,kind,expert,name,share,tokens,token_lifts,texts,text_lifts\n'
  for (const [kind, layers] of Object.entries(entries)) {
    for (const [layer, experts] of layers.entries()) {
      for (const [expert, { name = '', share, tokens, texts }] of experts.entries()) {
        const of = (list: readonly AtlasToken[]) => [
          JSON.stringify(list.map(({ text }) => text)),
          list.map(({ lift }) => lift).join(' '),
        ]
        yield `${csvRow([layer, kind, expert, name, share, ...of(tokens), ...of(texts)])}\n`
      }
    }
  }
}
