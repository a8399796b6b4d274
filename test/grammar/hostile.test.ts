import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { GuideClient } from '#molm/grammar/guide-client.js'
import { GuideReader } from '#molm/grammar/guide-memory.js'
import { guidedText, tokenizerOf } from '../support/guided-text.js'
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
  assert.is(threadsOf(guides).length, 1)
  assert.is(threadsOf(guides)[0].load, 0)
  await guides.close()
})

test('an aborted opening rejects with the reason', async () => {
  const guides = new GuideClient(TOKENIZER, TOKENS.length)
  const controller = new AbortController()
  const opening = guides.open(WORD, { eos: [0], signal: controller.signal })
  controller.abort(new Error('no longer wanted'))
  await opening.then(
    () => assert.unreachable(),
    (error) => assert.is(error.message, 'no longer wanted'),
  )
  await guides.close()
})

test('guides of a thread that ends fail in words, and new ones get a new thread', async () => {
  const guides = new GuideClient(TOKENIZER, TOKENS.length)
  const guide = await guides.open(WORD, { eos: [0] })
  const reader = new GuideReader(guide.memory, TOKENS.length)
  assert.is(reader.directive(5000)?.kind, 'masked')
  await threadsOf(guides)[0].thread.terminate()
  reader.tell(1)
  assert.equal(reader.directive(5000), { kind: 'failed', message: 'the thread of grammars has ended' })
  guide.close()
  const { text } = await guidedText(guides, WORD, { tokenizer: TOKENIZER, choose: first, eos: [0] })
  assert.is(text, 'aaaaa')
  await guides.close()
})

test('a model that is disposed of fails the guides that are open', async () => {
  const guides = new GuideClient(TOKENIZER, TOKENS.length)
  const guide = await guides.open(WORD, { eos: [0] })
  await guides.close()
  const reader = new GuideReader(guide.memory, TOKENS.length)
  assert.equal(reader.directive(5000), { kind: 'failed', message: 'the model has been disposed' })
  await guides.open(WORD, { eos: [0] }).then(
    () => assert.unreachable(),
    (error) => assert.match(error.message, /disposed/),
  )
})

function threadsOf(guides: GuideClient) {
  return (guides as unknown as { threads: { load: number; thread: { terminate(): Promise<unknown> } }[] }).threads
}

test.run()
