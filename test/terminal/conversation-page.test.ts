import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { turnsOf } from '#molm/terminal/conversation/commands/conversation-page.js'

/** Tokens of a text: those before `|` were read, those after it written, and so on by turns. */
function tokensOf(text: string) {
  return text
    .split('|')
    .flatMap((part, i) => (part.match(/\s?\S+|\s/g) ?? []).map((text) => ({ text, isQuestion: i % 2 === 0 })))
}

function shown(text: string, messages: Parameters<typeof turnsOf>[1]) {
  const tokens = tokensOf(text)
  return turnsOf(tokens, messages).map(({ role, isThought, from, to }) => {
    const words = tokens.slice(from, to).map((token) => token.text)
    return `${isThought ? 'thoughts of ' : ''}${role}: ${words.join('').trim()}`
  })
}

test('messages are found among the tokens of their template, in order', () => {
  const messages = [
    { role: 'system', content: 'Be kind' },
    { role: 'user', content: 'What is it?' },
    { role: 'assistant', content: 'A boat', thinking: 'Is it a boat?' },
    { role: 'user', content: 'A boat' },
  ]
  assert.equal(shown('<s> Be kind <u> What is it? <a>| <t> Is it a boat? </t> A boat|<u> A boat <a>', messages), [
    'system: Be kind',
    'user: What is it?',
    'thoughts of assistant: Is it a boat?',
    'assistant: A boat',
    'user: A boat',
  ])
})

test('calls are what the model wrote, and messages that the map has forgotten are left out', () => {
  const call = { id: '0', name: 'weather', arguments: { city: 'Bern' } }
  const messages = [
    { role: 'user', content: 'forgotten' },
    { role: 'user', content: 'And in Bern?' },
    { role: 'assistant', content: '', toolCalls: [call] },
    { role: 'tool', content: '7 degrees' },
    { role: 'assistant', content: 'It is cold' },
  ]
  assert.equal(shown('<u> And in Bern? <a>| <call> {"city":"Bern"}|<tool> 7 degrees <a>| It is cold', messages), [
    'user: And in Bern?',
    'assistant: <call> {"city":"Bern"}',
    'tool: 7 degrees',
    'assistant: It is cold',
  ])
})

test.run()
