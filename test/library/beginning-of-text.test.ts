import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { writePrompt } from '#molm/engine/session/prompt.js'
import type { Model } from '#molm/index.js'
import { evaluateText } from '#molm/lab/evaluation/evaluate-text.js'
import { withModel } from '../support/models.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { NANO, readJson } from '../text/folders.js'

const BEGINNING = 4095

/** nano with a tokenizer that begins each text with a token, and a template that writes the token, too. */
function withBeginning(use: (model: Model) => Promise<void>): Promise<void> {
  return inTemporaryFolder(async (dir) => {
    for (const name of ['config.json', 'generation_config.json', 'model.safetensors'])
      await cp(join(NANO, name), join(dir, name))
    const special = { id: '<|endoftext|>', ids: [BEGINNING], tokens: ['<|endoftext|>'] }
    const single = [{ SpecialToken: { id: special.id, type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }]
    const post_processor = { type: 'TemplateProcessing', single, special_tokens: { [special.id]: special } }
    await writeFile(
      join(dir, 'tokenizer.json'),
      JSON.stringify({ ...(await readJson(NANO, 'tokenizer.json')), post_processor }),
    )
    const config = JSON.parse(await readFile(join(NANO, 'tokenizer_config.json'), 'utf8'))
    const chat_template = '{{ bos_token }}{{ messages[0].content }}'
    await writeFile(join(dir, 'tokenizer_config.json'), JSON.stringify({ ...config, chat_template }))
    await withModel(dir, { threads: 1 }, async (model) => {
      await use(model)
    })
  })
}

test('a text has the token that begins it once: in front, from its template, and not when another text continues', () =>
  withBeginning(async (model) => {
    const { tokenizer } = model
    const bare = tokenizer.encode('Once upon', { addSpecialTokens: false })
    assert.equal(tokenizer.encode('Once upon'), [BEGINNING, ...bare])

    const { ids } = await writePrompt(model, { messages: [{ role: 'user', content: 'Once upon' }] }, {})
    assert.equal(ids, [BEGINNING, ...bare])
    const continued = await writePrompt(model, { messages: [], text: 'Once upon' }, {})
    assert.equal(continued.ids, [BEGINNING, ...bare])

    const session = model.createSession()
    const prompts = async (text: string) => {
      const steps = session.generate(text, { maxTokens: 1, temperature: 0 })
      for (let next = await steps.next(); ; next = await steps.next()) if (next.done) return next.value.promptTokens
    }
    assert.is(await prompts('Once upon'), bare.length + 1)
    assert.is(await prompts('Once upon'), bare.length)
  }))

test('a text to measure has no token in front', () =>
  withBeginning(async (model) => {
    const text = 'Once upon a time there was a lantern.'
    const { tokens } = await evaluateText(model, { name: 'text', text })
    assert.is(tokens, model.tokenizer.encode(text, { addSpecialTokens: false }).length)
  }))

test.run()
