import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { loadTokenizer } from '#molm/text/tokenizer.js'
import { rejectsWithUserError, thrownBy } from '../support/rejects.js'
import { inFolderOf, NANO, readJson } from './folders.js'

const nano = await readJson(NANO, 'tokenizer.json')
const ENDED = /tokenizer\.json: the text cannot be encoded \(ended, since it took more than 1\.\d+ s or 192 MiB\)/

/** nano's tokenizer with other parts, ready to encode. */
async function load(parts: object) {
  const tokenizer = await inFolderOf({ 'tokenizer.json': { ...nano, ...parts } }, loadTokenizer)
  assert.ok(tokenizer)
  return tokenizer as NonNullable<typeof tokenizer>
}

function splitBy(Regex: string) {
  const split = { type: 'Split', pattern: { Regex }, behavior: 'Isolated', invert: false }
  return { pre_tokenizer: { type: 'Sequence', pretokenizers: [split, nano.pre_tokenizer] } }
}

test('a pattern that is not known gives the same tokens, at once and in turns', async () => {
  const unknown = await load(splitBy('\\p{N}|never'))
  const known = await load(splitBy('\\p{N}'))
  const text = 'Two words <|endoftext|> more'
  assert.equal(unknown.encode(text), known.encode(text))
  assert.equal(await unknown.encodeAsync(text), known.encode(text))
  assert.is(unknown.decode(unknown.encode(text)), text)
})

test('a pattern that takes too long, or a replacement that takes too much memory, is ended', async () => {
  const grows = { type: 'Replace', pattern: { String: 'y' }, content: 'yyyy' }
  const growing = await load({ normalizer: { type: 'Sequence', normalizers: Array(40).fill(grows) } })
  await rejectsWithUserError(() => growing.encodeAsync('yyy!'), ENDED)
  const slow = await load(splitBy('(a+)+$'))
  await rejectsWithUserError(() => slow.encode(`${'a'.repeat(40)}!`), ENDED)
})

test('an encoding that is no longer wanted is ended at once', async () => {
  const tokenizer = await load(splitBy('(a+)+$'))
  const aborting = new AbortController()
  setTimeout(() => aborting.abort(new Error('no more')), 100)
  const { signal } = aborting
  const error = await thrownBy(tokenizer.encodeAsync(`${'a'.repeat(40)}!`, { signal }))
  assert.is(error, signal.reason)
})

test.run()
