import * as assert from 'uvu/assert'
import type { TokenizerJson } from './tokenizer-values.js'

/** Checks that a byte-level tokenizer that was made from metadata is the one whose values they are. */
export function comesBack(made: TokenizerJson, json: TokenizerJson): void {
  const { vocab, merges, ...model } = json.model
  const added = json.added_tokens.map(({ id, content }) => [content, id])
  const { vocab: madeVocab, merges: madeMerges, ...madeModel } = made.model
  assert.equal(madeModel, model)
  const differing = merges.findIndex((merge, rank) => asText(merge) !== asText(madeMerges[rank]))
  assert.is(differing, -1, `merge ${differing}`)
  assert.is(madeMerges.length, merges.length)
  const all = { ...vocab, ...Object.fromEntries(added) }
  assert.equal(Object.keys(madeVocab).length, Object.keys(all).length)
  assert.is(
    Object.keys(all).find((token) => madeVocab[token] !== all[token]),
    undefined,
  )
  assert.equal(made.added_tokens, json.added_tokens)
  assert.equal(made.pre_tokenizer, json.pre_tokenizer)
  assert.equal(made.normalizer, json.normalizer)
  assert.equal(made.decoder, json.decoder)
}

const asText = (merge: string | [string, string]) => (typeof merge === 'string' ? merge : merge.join(' '))
