import { cp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { BYTE_ALPHABET } from '#molm/model/checkpoint/byte-pair-forms.js'
import { Conversation } from '#molm/terminal/conversation/turns/conversation.js'
import { collected } from '../support/collected.js'
import { fixturePath } from '../support/fixtures.js'
import { withModel } from '../support/models.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'

/** Opens the thoughts of an answer in the prompt, and leaves them out of later prompts. */
const TEMPLATE =
  "{%- for message in messages %}{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}{%- endfor %}" +
  "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n<think>\\n' }}{%- endif %}"
const ADDED = { '<|im_start|>': 220, '<think>': 221, '</think>': 222, '<|im_end|>': 228 }

/** A copy of LFM2's checkpoint, whose convolutions cannot be cut off at any token, with a tokenizer of ASCII. */
async function writeThinker(dir: string): Promise<string> {
  const path = join(dir, 'lfm2')
  await cp(fixturePath('82-lfm2moe-bf16-sharded'), path, { recursive: true })
  // Bytes above ASCII have ids that the model lacks.
  const vocab = Object.fromEntries(BYTE_ALPHABET.map((letter, id) => [letter, id < 128 ? id : id + 200]))
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true }
  const added_tokens = Object.entries(ADDED).map(([content, id]) => {
    return { id, content, special: /\|/.test(content), normalized: false }
  })
  const tokenizer = {
    version: '1.0',
    added_tokens,
    pre_tokenizer: byteLevel,
    decoder: byteLevel,
    model: { type: 'BPE', vocab, merges: [] },
  }
  await writeFile(join(path, 'tokenizer.json'), JSON.stringify(tokenizer))
  const config = { tokenizer_class: 'GPT2Tokenizer', eos_token: '<|im_end|>', chat_template: TEMPLATE }
  await writeFile(join(path, 'tokenizer_config.json'), JSON.stringify(config))
  return path
}

test('a recurrent model reads no question again when its template drops the thoughts after it', async () => {
  await inTemporaryFolder(async (dir) => {
    await withModel(await writeThinker(dir), { threads: 1 }, async (model) => {
      const conversation = new Conversation(model)
      const options = { temperature: 0, maxTokens: 20, ignoreEos: true, stop: [], promptLookupNumTokens: 0 }
      const question = 'A question of some length, which takes a while to read.'
      await collected(conversation.ask(question, options))
      const { thinking = '' } = conversation.messages[1]
      assert.ok(thinking.length > 0)
      const { tokensProcessed } = await model.stats()
      await collected(conversation.ask('And now?', options))
      const ran = (await model.stats()).tokensProcessed - tokensProcessed
      const [, answer] = conversation.messages
      const fresh = `\n<|im_start|>assistant\n${answer.content}<|im_end|>\n<|im_start|>user\nAnd now?<|im_end|>\n<|im_start|>assistant\n<think>\n`
      const most = model.tokenizer.encode(fresh, { addSpecialTokens: false }).length + options.maxTokens
      assert.ok(ran <= most, `${ran} tokens, not at most ${most}`)
    })
  })
})

test.run()
