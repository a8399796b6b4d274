import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { messagesFrom } from '#molm/cli/messages.js'

const test = suite('messages of a file or a line')

test('what is wrong is named with its field, in the words of the server', () => {
  const must = 'must be a text, or a list of {"type": "text", "text": ...}; nothing else is supported'
  const cases: [messages: unknown, message: string][] = [
    ['Hi', '"messages" must be a list of messages'],
    [[], '"messages" must have a message in it'],
    [['Hi'], '"messages[0]" must be an object with a role and a content'],
    [[null], '"messages[0]" must be an object with a role and a content'],
    [[{ content: 'Hi' }], '"messages[0].role" is missing'],
    [[{ role: 'usr', content: 'Hi' }], '"messages[0].role" must be system, developer, user or assistant'],
    [[{ role: 1, content: 'Hi' }], '"messages[0].role" must be system, developer, user or assistant'],
    [[{ role: 'user' }], '"messages[0].content" is missing'],
    [[{ role: 'user', content: 1 }], `"messages[0].content" ${must}`],
    [[{ role: 'user', content: [{ type: 'image_url' }] }], `"messages[0].content" ${must}`],
    [[{ role: 'user', content: 'Hi', name: 'Ada' }], '"messages[0].name" is not supported'],
    [[{ role: 'assistant', content: 'Hi', tool_calls: [{}] }], '"messages[0].tool_calls" is not supported'],
    [
      [
        { role: 'user', content: 'Hi' },
        { role: 'tool', content: 'Hi' },
      ],
      '"messages[1].role" must be system, developer, user or assistant',
    ],
  ]
  for (const [messages, message] of cases) {
    assert.throws(
      () => messagesFrom(messages),
      (error: Error) => error.message === message,
      message,
    )
  }
})

test('parts are joined, a developer is the system, and what clients add without a meaning is passed over', () => {
  const messages = [
    { role: 'developer', content: 'Be brief.' },
    {
      role: 'user',
      content: [
        { type: 'text', text: 'a' },
        { type: 'text', text: 'b' },
      ],
    },
    { role: 'assistant', content: 'c', tool_calls: [], refusal: null },
  ]
  assert.equal(messagesFrom(messages), [
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: 'ab' },
    { role: 'assistant', content: 'c' },
  ])
})

test.run()
