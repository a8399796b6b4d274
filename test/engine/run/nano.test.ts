import { readFileSync } from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { resultOf } from '#molm/index.js'
import { isNear } from '../../support/compare.js'
import { repositoryPath } from '../../support/fixtures.js'
import { withModel } from '../../support/models.js'

interface Case {
  prompt: string
  ids: number[]
  greedy_ids: number[]
  greedy_text: string
  last_logits: number[]
}

const { cases }: { cases: Case[] } = JSON.parse(readFileSync(repositoryPath('models/nano/expected.json'), 'utf8'))
const test = suite('nano')

test('ids, logits and greedy text of every prompt', () =>
  withModel('nano', { quant: 'f32', threads: 2 }, async (model) => {
    for (const { prompt, ids, greedy_ids, greedy_text, last_logits } of cases) {
      assert.equal(model.tokenizer.encode(prompt), ids)
      const session = model.createSession()
      const { logits } = await session.forward(ids)
      isNear(logits, last_logits, 5e-5, `${prompt}: logits`)
      session.reset()
      const options = { maxTokens: 40, temperature: 0, stop: [] }
      const { text, tokens } = await resultOf(session.generate(prompt, options))
      assert.is(text, greedy_text.replace(/<\|endoftext\|>$/, ''))
      const { eosToken } = model.config
      assert.equal(
        tokens,
        greedy_ids.filter((id) => id !== eosToken),
      )
      session.dispose()
    }
  }))

test.run()
