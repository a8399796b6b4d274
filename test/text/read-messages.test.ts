import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { chatBody } from '#molm/server/api/chat-body.js'
import { readMessages, WrongMessages } from '#molm/text/read-messages.js'

const test = suite('messages of a request, a file or a line')

test('a wrong field is named, and the server names the same field', () => {
  const must = 'must be a text, or a list of {"type": "text", "text": ...}; nothing else is supported'
  const cases: [messages: unknown, message: string][] = [
    [undefined, '"messages" is missing'],
    ['Hi', '"messages" must be a list of messages'],
    [[], '"messages" must have a message in it'],
    [['Hi'], '"messages[0]" must be an object with a role and a content'],
    [[null], '"messages[0]" must be an object with a role and a content'],
    [[{ content: 'Hi' }], '"messages[0].role" is missing'],
    [[{ role: null, content: 'Hi' }], '"messages[0].role" is missing'],
    [[{ role: 'usr', content: 'Hi' }], '"messages[0].role" must be system, developer, user or assistant'],
    [[{ role: 1, content: 'Hi' }], '"messages[0].role" must be system, developer, user or assistant'],
    [[{ role: 'user' }], '"messages[0].content" is missing'],
    [[{ role: 'user', content: 1 }], `"messages[0].content" ${must}`],
    [[{ role: 'user', content: [null] }], `"messages[0].content" ${must}`],
    [[{ role: 'user', content: [{ type: 'image_url' }] }], `"messages[0].content" ${must}`],
    [[{ role: 'user', content: [{ type: 'text', text: 'Hi', more: 1 }] }], `"messages[0].content" ${must}`],
    [[{ role: 'user', content: 'Hi', name: 5 }], '"messages[0].name" must be a text'],
    [
      [{ role: 'assistant', content: 'Hi', tool_calls: [{}] }],
      '"messages[0].tool_calls" is not supported; leave it out, or give []',
    ],
    [
      [{ role: 'assistant', content: 'Hi', function_call: {} }],
      '"messages[0].function_call" is not supported; leave it out',
    ],
    [[{ role: 'assistant', content: 'Hi', refusal: 'No' }], '"messages[0].refusal" is not supported; leave it out'],
    [[{ role: 'user', content: 'Hi', weight: 1, more: 1 }], '"messages[0].weight" is not supported'],
    [
      [
        { role: 'user', content: 'Hi' },
        { role: 'tool', content: 'Hi' },
      ],
      '"messages[1].role" must be system, developer, user or assistant',
    ],
  ]
  for (const [messages, message] of cases) {
    const error = errorOf(messages)
    assert.is(error.message, message)
    const [issue] = chatBody.safeParse({ messages }).error?.issues ?? []
    const keys = issue.code === 'unrecognized_keys' ? issue.keys : []
    assert.equal(issue.path, ['messages', ...error.path.slice(0, error.path.length - keys.length)], message)
    if (error.isUnknown) assert.equal(keys, ['weight'])
    else assert.is(issue.message, error.why)
  }
})

test('a field with a strange name cannot control the terminal', () => {
  assert.is(
    errorOf([{ role: 'user', content: 'Hi', '\u001b[2J': 1 }]).message,
    '"messages[0].\\x1b[2J" is not supported',
  )
})

test('parts are joined, a developer is the system, and meaningless fields are ignored', () => {
  const messages = [
    { role: 'developer', content: 'Be brief.', name: 'Ada' },
    {
      role: 'user',
      content: [
        { type: 'text', text: 'a', annotations: null },
        { type: 'text', text: 'b' },
      ],
      name: null,
      anything: null,
    },
    { role: 'assistant', content: 'c', tool_calls: [], refusal: null, function_call: null },
    { role: 'user', content: 'd', tool_calls: null },
  ]
  const expected = [
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: 'ab' },
    { role: 'assistant', content: 'c' },
    { role: 'user', content: 'd' },
  ]
  assert.equal(readMessages(messages), expected)
  assert.equal(chatBody.parse({ messages }).messages, expected)
})

function errorOf(messages: unknown): WrongMessages {
  try {
    readMessages(messages)
  } catch (error) {
    assert.instance(error, WrongMessages)
    return error as WrongMessages
  }
  throw new Error(`${JSON.stringify(messages)} is accepted`)
}

test.run()
