import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { BYTE_ALPHABET } from '#molm/model/checkpoint/byte-pair-forms.js'
import { loadTokenizer } from '#molm/text/tokenizer.js'
import { rejectsWithUserError } from '../support/rejects.js'
import { inFolderOf, NANO, readJson, vocabularyForm } from './folders.js'

const BYTES = Object.fromEntries(BYTE_ALPHABET.map((character, byte) => [character, byte]))
const VOCAB = { ...BYTES, ab: 256 }
const MERGES = '#version: 0.2\na b\n'

async function refuses(files: Record<string, unknown>, message: RegExp): Promise<void> {
  await inFolderOf(files, (dir) => rejectsWithUserError(() => loadTokenizer(dir), message))
}

test('a broken file is named', async () => {
  const files = await vocabularyForm(NANO)
  for (const name of ['vocab.json', 'tokenizer_config.json', 'added_tokens.json', 'tokenizer.json']) {
    await refuses({ ...files, [name]: '{"a": 0, ' }, new RegExp(`${name}: not valid JSON`))
    await refuses({ ...files, [name]: '[]' }, new RegExp(`${name}: a JSON object was expected`))
  }
})

test('half of a pair of files is not a tokenizer', async () => {
  await refuses({ 'vocab.json': VOCAB }, /merges\.txt: missing/)
  await refuses({ 'merges.txt': MERGES }, /vocab\.json: missing/)
})

test('merges are checked line by line against the vocabulary', async () => {
  await refuses({ 'vocab.json': VOCAB, 'merges.txt': `${MERGES}a\n` }, /merges\.txt: line 3 is not a pair/)
  await refuses({ 'vocab.json': VOCAB, 'merges.txt': `${MERGES}a b c\n` }, /merges\.txt: line 3 is not a pair/)
  await refuses({ 'vocab.json': VOCAB, 'merges.txt': `${MERGES}b a\n` }, /merges\.txt: line 3 merges tokens that/)
})

test('the vocabulary must give ids', async () => {
  await refuses({ 'vocab.json': { a: 'x' }, 'merges.txt': '' }, /vocab\.json: its vocabulary does not give/)
  await refuses({ 'vocab.json': { a: -1 }, 'merges.txt': '' }, /vocab\.json: its vocabulary does not give/)
  await refuses({ 'vocab.json': { a: 0.5 }, 'merges.txt': '' }, /vocab\.json: its vocabulary does not give/)
})

test('added tokens must have an id and a text', async () => {
  const files = { 'vocab.json': VOCAB, 'merges.txt': MERGES }
  await refuses({ ...files, 'added_tokens.json': { '  ': '257' } }, /added_tokens\.json: an added token needs/)
  const decoder = { added_tokens_decoder: { 257: { contents: '  ' } } }
  await refuses({ ...files, 'tokenizer_config.json': decoder }, /tokenizer_config\.json: an added token needs/)
})

test('tokenizer.json without its parts, or of another kind, is refused by name', async () => {
  const json = await readJson(NANO, 'tokenizer.json')
  const { model, ...rest } = json
  await refuses({ 'tokenizer.json': rest }, /tokenizer\.json: has no tokenizer model/)
  await refuses({ 'tokenizer.json': { ...json, model: { ...model, type: 'Unigram' } } }, /no other kind is supported/)
  const sentencePieces = { ...json, pre_tokenizer: { type: 'Metaspace' }, decoder: { type: 'Metaspace' } }
  await refuses({ 'tokenizer.json': sentencePieces }, /no other kind is supported/)
  await refuses({ 'tokenizer.json': { ...json, model: { ...model, vocab: [] } } }, /its vocabulary does not give/)
  await refuses(
    { 'tokenizer.json': { ...json, model: { ...model, merges: 5 } } },
    /tokenizer\.json: has no list of merges/,
  )
  await refuses({ 'tokenizer.json': { ...json, added_tokens: [{ id: 1 }] } }, /an added token needs/)
})

test('ids are distinct, of added tokens too, and not far out', async () => {
  const json = await readJson(NANO, 'tokenizer.json')
  const { model, added_tokens } = json
  const vocab = (changes: object) => ({ ...json, model: { ...model, vocab: { ...model.vocab, ...changes } } })
  await refuses({ 'tokenizer.json': vocab({ new: 5 }) }, /tokenizer\.json: two tokens of its vocabulary have the id 5/)
  await refuses({ 'tokenizer.json': vocab({ new: 2 ** 40 }) }, /its vocabulary does not give each token an id/)
  const adding = (content: string, id: number) => ({ ...json, added_tokens: [...added_tokens, { content, id }] })
  await refuses({ 'tokenizer.json': adding('new', 5) }, /the added token with the id 5 is another token/)
  await refuses({ 'tokenizer.json': adding('Ġthe', 5000) }, /the added token with the id 5000 is another token/)
  await refuses({ 'tokenizer.json': adding('new', 2 ** 40) }, /the added token with the id 1099511627776 is another/)
})

test('merges are pairs of tokens, in both forms they are written in', async () => {
  const json = await readJson(NANO, 'tokenizer.json')
  const merges = (...merges: unknown[]) => ({ ...json, model: { ...json.model, merges } })
  for (const merge of [5, null, ['a'], ['a', 'b', 'c'], 'a', 'a b c', ['a', 5], 'q xyz', 'z q']) {
    await refuses({ 'tokenizer.json': merges('t h', merge) }, /tokenizer\.json: merge 2 is not a pair of tokens/)
  }
})

test('all 256 bytes have a token, for texts would lose the others', async () => {
  const json = await readJson(NANO, 'tokenizer.json')
  const { q, ...vocab } = json.model.vocab
  assert.type(q, 'number')
  const without = { ...json, model: { ...json.model, vocab, merges: [] } }
  await refuses({ 'tokenizer.json': without }, /tokenizer\.json: its vocabulary has no token for the byte 0x71/)
  const fallback = { ...json, pre_tokenizer: null, decoder: null, model: { ...json.model, byte_fallback: true } }
  await refuses({ 'tokenizer.json': fallback }, /its vocabulary has no token for the byte 0x0/)
})

test('unknown parts are refused by name, and so are parts that cannot be done exactly', async () => {
  const json = await readJson(NANO, 'tokenizer.json')
  const { pre_tokenizer, model } = json
  const refusesPart = (part: object, message: RegExp) => refuses({ 'tokenizer.json': { ...json, ...part } }, message)
  const before = (...parts: object[]) => ({
    pre_tokenizer: { type: 'Sequence', pretokenizers: [...parts, pre_tokenizer] },
  })
  const split = (Regex: string, more = {}) =>
    before({ type: 'Split', pattern: { Regex }, behavior: 'Isolated', invert: false, ...more })
  await refusesPart({ normalizer: { type: 'BertNormalizer' } }, /tokenizer\.json: its normalizer BertNormalizer is not/)
  await refusesPart(before({ type: 'Whitespace' }), /its pre-tokenizer Whitespace is not supported/)
  await refusesPart(split('a', { behavior: 'Odd' }), /its pre-tokenizer Split with behavior "Odd" is not supported/)
  await refusesPart({ post_processor: { type: 'Odd' } }, /its post-processor Odd is not supported/)
  await refusesPart({ decoder: { type: 'WordPiece' } }, /its decoder is not that of its pre-tokenizer/)
  await refusesPart({ model: { ...model, dropout: 0.1 } }, /its dropout is not supported/)
  await refusesPart({ model: { ...model, end_of_word_suffix: '</w>' } }, /its end_of_word_suffix is not supported/)
  const item = { SpecialToken: { id: 'x', type_id: 0 } }
  const single = [...Array(1000).fill(item), { Sequence: { id: 'A' } }]
  await refusesPart({ post_processor: { type: 'TemplateProcessing', single } }, /its post-processor TemplateProc/)
  for (const pattern of ['a++', '(?>a)', '[[:alpha:]]', '[a&&b]', '\\G', '(?i:ss)', '(', 'a)', '[a', 'a{', '(?<n>a)']) {
    await refusesPart(split(pattern), /tokenizer\.json: the pattern .* cannot be used/)
  }
})

test('a folder instead of a file is named', async () => {
  await inFolderOf({}, async (dir) => {
    await mkdir(join(dir, 'tokenizer.json'))
    await rejectsWithUserError(() => loadTokenizer(dir), /tokenizer\.json: this is not a file/)
  })
})

test.run()
