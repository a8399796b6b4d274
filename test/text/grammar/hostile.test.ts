import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { messageText } from '#molm/ground/message.js'
import { GuideClient } from '#molm/text/grammar/guide-client.js'
import { GuideReader } from '#molm/text/grammar/guide-ends.js'
import { guidedText, tokenizerOf } from '../../support/guided-text.js'
import { thrownBy } from '../../support/rejects.js'
import { areSurvived, first, HOSTILE, TOKENIZER, TOKENS, WORD } from './hostile-grammars.js'

const test = suite('hostile and broken guides')

test('a hostile grammar gives a text or an error in words, soon, and other guides continue', () => areSurvived(HOSTILE))

test('rules that end alike do not double the readings of a text at every level', async () => {
  const tokenizer = tokenizerOf(['<eos>', '(', 'a', ')', '.'], ['<eos>'])
  const guides = new GuideClient(tokenizer, 5)
  const text = 'root ::= e "."\ne ::= t | t2\nt ::= "(" e ")" | "a" | t2\nt2 ::= "(" e ")" | "a"'
  const spec = { phases: [{ kind: 'grammar', grammar: { kind: 'ebnf', text } }] } as const
  const written = await guidedText(guides, spec, { tokenizer, choose: () => 1, most: 300 })
  assert.equal([written.end, written.text], ['length', '('.repeat(300)])
  await guides.close()
})

test('two guides at once keep their own places', async () => {
  const guides = new GuideClient(TOKENIZER, TOKENS.length)
  const texts = await Promise.all(
    ['[a-c]{5}', '[x-z]{3}', '[a-c]{5}'].map((pattern) => {
      const spec = { phases: [{ kind: 'grammar', grammar: { kind: 'regex', pattern } }] } as const
      return guidedText(guides, spec, { tokenizer: TOKENIZER, choose: first, eos: [0] })
    }),
  )
  assert.equal(
    texts.map(({ text }) => text),
    ['aaaaa', 'xxx', 'aaaaa'],
  )
  await guides.close()
})

test('a guide that is closed in the middle leaves nothing behind', async () => {
  const guides = new GuideClient(TOKENIZER, TOKENS.length)
  for (let i = 0; i < 50; i++) {
    const guide = await guides.open(WORD, { eos: [0] })
    const reader = new GuideReader(guide.memory, TOKENS.length)
    assert.is(reader.directive(5000)?.kind, 'masked')
    if (i % 2 === 0) reader.tell(1)
    guide.close()
  }
  const { lanes } = await followingOf(guides)
  assert.equal(
    Object.entries(lanes).map(([kind, lane]) => [kind, lane?.tasks.size]),
    [['quick', 0]],
  )
  await guides.close()
})

test('an aborted opening rejects with the reason', async () => {
  const guides = new GuideClient(TOKENIZER, TOKENS.length)
  const controller = new AbortController()
  const opening = guides.open(WORD, { eos: [0], signal: controller.signal })
  controller.abort(new Error('no longer wanted'))
  assert.is(String(await thrownBy(opening)), 'Error: no longer wanted')
  await guides.close()
})

test('a text whose thread ends continues as it would have', async () => {
  const guides = new GuideClient(TOKENIZER, TOKENS.length)
  const spec = {
    phases: [{ kind: 'grammar', grammar: { kind: 'regex', pattern: 'a[b-d]{3}x{70}(yz|zy)[a-c]' } }],
  } as const
  const options = { tokenizer: TOKENIZER, choose: first, eos: [0] }
  const alone = await guidedText(guides, spec, options)
  assert.is(alone.text, `abbb${'x'.repeat(70)}yza`)
  for (const end of [0, 1, 2, 3, 4]) {
    let choices = 0
    const choose = (mask: Int32Array | undefined) => {
      if (choices++ === end) void followingOf(guides).then(({ lanes }) => lanes.quick?.thread.end())
      return first(mask)
    }
    assert.equal(await guidedText(guides, spec, { ...options, choose }), alone, `ended at ${end}`)
  }
  await guides.close()
})

test('a model that is disposed of fails the guides that are open', async () => {
  const guides = new GuideClient(TOKENIZER, TOKENS.length)
  const guide = await guides.open(WORD, { eos: [0] })
  await guides.close()
  const reader = new GuideReader(guide.memory, TOKENS.length)
  const failed = reader.directive(5000)
  assert.is(failed?.kind === 'failed' && messageText(failed.message), 'the model has been disposed')
  assert.match(String(await thrownBy(guides.open(WORD, { eos: [0] }))), /disposed/)
})

interface Following {
  lanes: Record<'quick', { tasks: Map<number, unknown>; thread: { end(): Promise<void> } } | undefined>
}

async function followingOf(guides: GuideClient): Promise<Following> {
  const { following } = await (guides as unknown as { threads: Promise<{ following: Following }> }).threads
  return following
}

test.run()
