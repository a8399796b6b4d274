import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { NANO, readJson } from '../../text/folders.js'
import { firstTokens, published } from '../../text/rust-tokenizers.js'
import { comesBack } from './comes-back.js'
import { byteLevelValues, sentencePieceValues, tokenizerFrom } from './tokenizer-values.js'

const test = suite('published tokenizers by way of GGUF')

test("nano's tokenizer.json comes back from its tokens and merges", async () => {
  const json = await readJson(NANO, 'tokenizer.json')
  // This setting of a decoder changes no text.
  const decoder = { ...json.decoder, add_prefix_space: true }
  comesBack(await tokenizerFrom(byteLevelValues(json, 'gpt-2')), { ...json, decoder })
})

test("Llama 2's tokenizer.json, which Mixtral has, comes back from its scores", async () => {
  const json = firstTokens(await published('llama2'))
  const firstPiece = 259
  // Runs of blanks come after all other pieces.
  const scoreOf = (token: string, id: number) => (id < firstPiece ? 0 : /^▁{2,}$/.test(token) ? -1e9 : firstPiece - id)
  assert.equal(await tokenizerFrom(sentencePieceValues(json, scoreOf)), withAllSettings(json))
})

/** Older files mean the settings that newer ones name. */
const withAllSettings = (json: { model: object }) => ({ ...json, model: { ...json.model, ignore_merges: false } })

test.run()
