import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { loadTokenizer } from '#molm/text/tokenizer.js'
import { rejectsWithUserError } from '../../support/rejects.js'
import { inFolderOf, NANO, readJson } from '../../text/folders.js'
import { byteLevelValues, type TokenizerJson, textsFrom, type Values } from './tokenizer-values.js'

const nano: TokenizerJson = await readJson(NANO, 'tokenizer.json')
const VALUES = byteLevelValues(nano, 'qwen2')
const TOKENS = VALUES['tokenizer.ggml.tokens'] as string[]
const TYPES = VALUES['tokenizer.ggml.token_type'] as number[]
const MERGES = VALUES['tokenizer.ggml.merges'] as string[]

const test = suite('broken tokenizers of GGUF files')

/** Keys without their `tokenizer.ggml.`. */
const refuses = (changes: Values, expected: RegExp) => {
  const named = Object.entries(changes).map(([key, value]) => [
    key.includes('.') ? key : `tokenizer.ggml.${key}`,
    value,
  ])
  return rejectsWithUserError(() => textsFrom({ ...VALUES, ...Object.fromEntries(named) }), expected)
}

test('lists of different lengths, values of another type and missing ones are refused by key', async () => {
  await refuses({ token_type: TYPES.slice(1) }, /tokenizer\.ggml\.token_type has 4095 values for 4096 tokens$/)
  await refuses(sentencePiece({ scores: [1, 2] }), /tokenizer\.ggml\.scores has 2 values for 259 tokens$/)
  await refuses({ tokens: [] }, /tokenizer\.ggml\.tokens has 0 tokens/)
  await refuses({ tokens: 'abc' }, /model\.gguf: tokenizer\.ggml\.tokens must be a list of texts/)
  await refuses({ merges: [1, 2] }, /tokenizer\.ggml\.merges must be a list of texts/)
  await refuses({ 'tokenizer.chat_template': 7 }, /tokenizer\.chat_template must be a text/)
  await refuses({ add_bos_token: 'yes' }, /tokenizer\.ggml\.add_bos_token must be true or false/)
  const { 'tokenizer.ggml.merges': _, ...without } = VALUES
  await rejectsWithUserError(() => textsFrom(without), /tokenizer\.ggml\.merges is missing/)
})

test('ids without a token and repeated tokens are refused, and the mark for no token is not', async () => {
  await refuses({ eos_token_id: 4096 }, /tokenizer\.ggml\.eos_token_id is 4096, and there are 4096 tokens$/)
  await refuses({ eot_token_id: 2 ** 31 }, /tokenizer\.ggml\.eot_token_id is 2147483648/)
  const { files } = await textsFrom({ ...VALUES, 'tokenizer.ggml.padding_token_id': 2 ** 32 - 1 })
  assert.is(JSON.parse(files['tokenizer_config.json']).pad_token, undefined)
  const twice = [...TOKENS.slice(0, -1), TOKENS[300]]
  await refuses({ tokens: twice }, /tokenizer\.ggml\.tokens has the token ".+" twice, as 300 and 4095$/)
})

test('merges that make no token are refused', async () => {
  const withFirst = (merge: string) => ({ merges: [merge, ...MERGES] })
  for (const merge of ['q zq', 'qz q', 'a', '', ' a', 'a ', 'a b c', '<|endof text|>', '\u001b[2J x']) {
    const message = await refuses(withFirst(merge), /tokenizer\.ggml\.merges has ".*" as merge 1, which is not a pair/)
    assert.not.ok(message.includes('\u001b'))
  }
})

test('lists that are too long are refused', async () => {
  const many = (count: number) => Array.from({ length: count }, (_, i) => `t${i}`)
  const long = [...TOKENS.slice(0, -1), 'x'.repeat(2 ** 24)]
  const names = { 'tokenizer.chat_template': 'x', 'tokenizer.chat_templates': many(17) }
  await refuses({ tokens: many(400_001) }, /tokenizer\.ggml\.tokens has 400001 tokens, 1 to 400000 are/)
  await refuses({ tokens: long }, /tokenizer\.ggml\.tokens has \d+ characters, at most 16777216 are read/)
  await refuses(
    { 'tokenizer.chat_template': 'x'.repeat(2 ** 20 + 1) },
    /tokenizer\.chat_template has 1048577 characters/,
  )
  await refuses(names, /tokenizer\.chat_templates has 17 names, at most 16 are read/)
})

test('scores of tokens that would make millions of merges are refused', async () => {
  const runs = Array.from({ length: 2000 }, (_, i) => 'a'.repeat(i + 1))
  const refusal = /tokenizer\.ggml\.scores cannot be turned into merges: the tokens are too long, or too many$/
  await refuses(sentencePiece({}, runs), refusal)
  await refuses(sentencePiece({}, ['a', 'x'.repeat(2 ** 15)]), refusal)
})

test('tokens with the names of JavaScript properties are ordinary', async () => {
  const names = ['__proto__', 'constructor', 'hasOwnProperty', '987']
  const tokens = [...TOKENS.slice(0, 4091), ...names, TOKENS[4095]]
  const merges = MERGES.filter((merge) => tokens.includes(merge.replace(' ', '')))
  const types = TYPES.map((type, id) => (id >= 4091 && id < 4095 ? 4 : type))
  const values = { ...VALUES, 'tokenizer.ggml.tokens': tokens, 'tokenizer.ggml.merges': merges }
  const { files } = await textsFrom({ ...values, 'tokenizer.ggml.token_type': types })
  await inFolderOf(files, async (dir) => {
    const tokenizer = await loadTokenizer(dir)
    names.forEach((name, i) => {
      assert.equal(tokenizer?.encode(name), [4091 + i])
      assert.is(tokenizer?.token(4091 + i), name)
    })
  })
})

/** A SentencePiece vocabulary of the bytes and these tokens, with falling scores. */
function sentencePiece(others: Values, more: string[] = []): Values {
  const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`)
  const tokens = ['<unk>', '<s>', '</s>', ...bytes, ...more]
  return {
    model: 'llama',
    tokens,
    token_type: tokens.map((_, id) => (id === 0 ? 2 : id < 3 ? 3 : id < 259 ? 6 : 1)),
    scores: tokens.map((_, id) => -id),
    ...others,
  }
}

test.run()
