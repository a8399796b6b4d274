import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { localFolder } from '#molm/model/checkpoint/checkpoint.js'
import { openGguf } from '#molm/model/gguf/file/gguf-file.js'
import { ggufTexts } from '#molm/model/gguf/tokenizer/texts.js'
import { loadChatTemplate } from '#molm/text/chat-template.js'
import { loadGenerationDefaults } from '#molm/text/generation-config.js'
import { loadTokenizer } from '#molm/text/tokenizer.js'
import { fixturePath } from '../../support/fixtures.js'
import { hardTexts } from '../../support/hard-texts.js'
import { inFolderOf, readJson } from '../../text/folders.js'

/** Files of small models, each with the checkpoint that it was made from. */
const FILES = {
  'granitemoe-all-types': 'model.gguf',
  'qwen3moe-q4_k_m': 'model.gguf',
  'olmoe-q4_0-split': 'olmoe-q4_0-00001-of-00002.gguf',
}

async function textsIn(folder: string, name: string): Promise<{ files: Record<string, string>; problem?: string }> {
  const file = await openGguf(localFolder(fixturePath(`gguf/${folder}`)), name)
  let problem: string | undefined
  const files = ggufTexts(file, (message) => {
    problem = message
  })
  await file.close()
  return { files, problem }
}

const test = suite('texts of GGUF files')

for (const [folder, name] of Object.entries(FILES)) {
  test(`${folder}: the same texts, conversations and tokens with a task as the checkpoint and llama.cpp`, async () => {
    const path = fixturePath(`gguf/${folder}`)
    const { texts, chat } = JSON.parse(await readFile(join(path, 'expected.json'), 'utf8'))
    const stored = await readJson(join(path, 'checkpoint'), 'tokenizer_config.json')
    const original = await loadTokenizer(join(path, 'checkpoint'))
    assert.ok(original)
    const { files, problem } = await textsIn(folder, name)
    assert.is(problem, undefined)
    const made = JSON.parse(files['tokenizer_config.json'])
    for (const key of ['bos_token', 'eos_token', 'chat_template']) assert.is(made[key], stored[key])
    await inFolderOf(files, async (dir) => {
      const tokenizer = await loadTokenizer(dir)
      assert.ok(tokenizer?.isQuick)
      for (const [text, ids] of Object.entries(texts)) {
        assert.equal(tokenizer.encode(text, { addSpecialTokens: false }), ids, text)
      }
      const template = await loadChatTemplate(dir)
      assert.is(await template?.render(chat.messages, { addGenerationPrompt: false }), chat.text)
      assert.is(tokenizer.vocabSize, original.vocabSize)
      assert.equal(tokenizer.specialIds, original.specialIds)
      // OLMoE normalises as its published tokenizer does; this checkpoint's does not.
      const hard = hardTexts(1000)
      for (const text of folder.startsWith('olmoe') ? hard.map((text) => text.normalize('NFC')) : hard) {
        const ids = original.encode(text)
        assert.equal(tokenizer.encode(text), ids, JSON.stringify(text))
        assert.is(tokenizer.decode(ids), original.decode(ids))
      }
      const expected = await loadGenerationDefaults(join(path, 'checkpoint'))
      const { eosTokens = [], bosToken } = await loadGenerationDefaults(dir)
      assert.is(bosToken, expected.bosToken)
      assert.is(eosTokens[0], expected.eosTokens?.[0])
    })
  })
}

test('a vocabulary without some bytes is left out, with the reason', async () => {
  const { files, problem } = await textsIn('gptoss-mxfp4', 'model.gguf')
  assert.equal(Object.keys(files), ['generation_config.json'])
  assert.match(
    problem ?? '',
    /model\.gguf: tokenizer\.ggml\.tokens has no token for some bytes, so the model comes without a tokenizer$/,
  )
})

test.run()
