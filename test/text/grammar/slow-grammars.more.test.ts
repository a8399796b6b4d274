import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { GuideClient } from '#molm/text/grammar/guide-client.js'
import { guidedText } from '../../support/guided-text.js'
import { areSurvived, first, SLOW, TOKENIZER, TOKENS } from './hostile-grammars.js'

const test = suite('slow hostile guides')

test('a hostile grammar gives a text or an error in words, soon, and other guides continue', () => areSurvived(SLOW))

test('texts beside slow forms are the same as alone', async () => {
  const guides = new GuideClient(TOKENIZER, TOKENS.length)
  const write = (pattern: string, most: number) => {
    const spec = { phases: [{ kind: 'grammar', grammar: { kind: 'regex', pattern } }] } as const
    return guidedText(guides, spec, { tokenizer: TOKENIZER, choose: first, eos: [0], most })
  }
  const patterns = ['[a-c]{600}', 'x([b-d]{3} ){200}', '(yes|no){3}']
  const texts = () => Promise.all(patterns.map((pattern) => write(pattern, 2000)))
  const alone = await texts()
  assert.equal(
    alone.map(({ end }) => end),
    ['done', 'done', 'done'],
  )
  let isOver = false
  const hostile = [1, 2, 3, 4].map(async (i) => {
    for (let n = 0; !isOver; n++) await write(`(a?){${500 - 10 * n - i}}a{500}`, 2)
  })
  for (let round = 0; round < 3; round++) assert.equal(await texts(), alone)
  isOver = true
  await Promise.all(hostile)
  await guides.close()
})

test.run()
