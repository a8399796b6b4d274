import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import { loadTokenizer } from '#molm/text/tokenizer.js'
import { rejectsWithUserError } from '../support/rejects.js'
import { inFolderOf, NANO, readJson, vocabularyForm } from './folders.js'

const VOCAB = { a: 0, b: 1, ab: 2 }
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
  await refuses({ ...files, 'added_tokens.json': { '  ': '3' } }, /added_tokens\.json: an added token needs/)
  const decoder = { added_tokens_decoder: { 3: { contents: '  ' } } }
  await refuses({ ...files, 'tokenizer_config.json': decoder }, /tokenizer_config\.json: an added token needs/)
})

test('tokenizer.json without its parts, or of another kind, is refused by name', async () => {
  const json = await readJson(NANO, 'tokenizer.json')
  const { model, ...rest } = json
  await refuses({ 'tokenizer.json': rest }, /tokenizer\.json: has no tokenizer model/)
  await refuses({ 'tokenizer.json': { ...json, model: { ...model, type: 'Unigram' } } }, /only kind that is supported/)
  const sentencePieces = { ...json, pre_tokenizer: { type: 'Metaspace' }, decoder: { type: 'Metaspace' } }
  await refuses({ 'tokenizer.json': sentencePieces }, /only kind that is supported/)
  await refuses({ 'tokenizer.json': { ...json, model: { ...model, vocab: [] } } }, /its vocabulary does not give/)
  await refuses({ 'tokenizer.json': { ...json, model: { ...model, merges: 5 } } }, /cannot be used as a tokenizer/)
  await refuses({ 'tokenizer.json': { ...json, added_tokens: [{ id: 1 }] } }, /an added token needs/)
})

test('a folder in the place of a file is named', async () => {
  await inFolderOf({}, async (dir) => {
    await mkdir(join(dir, 'tokenizer.json'))
    await rejectsWithUserError(() => loadTokenizer(dir), /tokenizer\.json: this is not a file/)
  })
})

test.run()
