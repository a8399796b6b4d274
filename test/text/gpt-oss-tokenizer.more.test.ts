import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Tokenizer } from '#molm/api/text.js'
import { compileTokenizer } from '#molm/text/tokenizer/compile-tokenizer.js'
import { COMPILED_TOKENIZER } from '#molm/text/tokenizer/definition/tokenizer-definition.js'
import { loadTokenizer } from '#molm/text/tokenizer.js'
import { comesBack } from '../model/gguf/comes-back.js'
import { byteLevelValues, tokenizerFrom } from '../model/gguf/tokenizer-values.js'
import { hardTexts } from '../support/hard-texts.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { agree, published, publishedFolder, Reference } from './rust-tokenizers.js'

/* Published tokenizers with all their tokens: 200 thousand of gpt-oss, 32 thousand of Llama 2. */
const test = suite('large tokenizers')
const trial = Reference ? test : test.skip

const FOLDER = publishedFolder('gptOss')
const [START, END, MESSAGE] = [200006, 200007, 200008]
const gptOss = await published('gptOss')

test('the tokenizer of gpt-oss has the tokens of harmony, and gives the same ids compiled', async () => {
  const tokenizer = (await loadTokenizer(FOLDER)) as Tokenizer
  assert.is(tokenizer.vocabSize, 200019)
  const ids = tokenizer.encode('<|start|>user<|message|>Hello<|end|><|start|>assistant<|channel|>final<|message|>')
  assert.equal(ids, [START, 1428, MESSAGE, 13225, END, START, 173781, 200005, 17196, MESSAGE])
  assert.equal(
    [200002, 199999, 200012].map((id) => tokenizer.token(id)),
    ['<|return|>', '<|endoftext|>', '<|call|>'],
  )
  assert.is(tokenizer.decode(ids, { skipSpecial: true }), 'userHelloassistantfinal')
  await inTemporaryFolder(async (dir) => {
    for (const name of ['tokenizer.json', 'tokenizer_config.json']) {
      await writeFile(join(dir, name), await readFile(join(FOLDER, name)))
    }
    await writeFile(join(dir, COMPILED_TOKENIZER), (await compileTokenizer(dir)) ?? [])
    const compiled = (await loadTokenizer(dir)) as Tokenizer
    assert.equal(compiled.specialIds, tokenizer.specialIds)
    for (const text of hardTexts(300)) {
      const ids = tokenizer.encode(text)
      assert.equal(compiled.encode(text), ids, JSON.stringify(text))
      assert.is(compiled.decode(ids), tokenizer.decode(ids))
    }
  })
})

trial('the tokenizer of gpt-oss has the ids of the Rust library', () => agree(gptOss, hardTexts(600)))

trial('the tokenizer of Llama 2 has the ids of the Rust library', async () =>
  agree(await published('llama2'), hardTexts(500)),
)

test('the tokenizer of gpt-oss comes back from the metadata of a GGUF file, with its 450 thousand merges', async () => {
  const made = await tokenizerFrom(byteLevelValues(gptOss, 'gpt-4o', { 'general.architecture': 'gpt-oss' }))
  comesBack(made, gptOss)
})

test.run()
