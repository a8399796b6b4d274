import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { chatBody } from '#molm/server/api/openai/body.js'
import { checkMessages, readMessages, WrongMessages } from '#molm/text/read-messages.js'

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
    [[{ role: 'usr', content: 'Hi' }], '"messages[0].role" must be system, developer, user, assistant or tool'],
    [[{ role: 1, content: 'Hi' }], '"messages[0].role" must be system, developer, user, assistant or tool'],
    [[{ role: 'user' }], '"messages[0].content" is missing'],
    [[{ role: 'user', content: 1 }], `"messages[0].content" ${must}`],
    [[{ role: 'user', content: [null] }], `"messages[0].content" ${must}`],
    [[{ role: 'user', content: [{ type: 'image_url' }] }], `"messages[0].content" ${must}`],
    [[{ role: 'user', content: [{ type: 'text', text: 'Hi', more: 1 }] }], `"messages[0].content" ${must}`],
    [[{ role: 'user', content: 'Hi', name: 5 }], '"messages[0].name" must be a text'],
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
      '"messages[1].tool_call_id" is missing',
    ],
    [[{ role: 'tool', content: 'Hi', tool_call_id: 1 }], '"messages[0].tool_call_id" must be a text that is not empty'],
    [[{ role: 'tool', tool_call_id: 'a' }], '"messages[0].content" is missing'],
    [[{ role: 'assistant', content: null, tool_calls: [] }], '"messages[0].content" is missing'],
    [[{ role: 'assistant', tool_calls: 'a' }], '"messages[0].tool_calls" must be a list of calls'],
    [[{ role: 'assistant', tool_calls: [1] }], '"messages[0].tool_calls[0]" must be an object'],
    [[answerWith({ function: undefined })], '"messages[0].tool_calls[0].function" is missing'],
    [[answerWith({ type: 'custom' })], '"messages[0].tool_calls[0].type" must be "function"'],
    [[answerWith({ id: '' })], '"messages[0].tool_calls[0].id" must be a text that is not empty'],
    [[answerWith({ function: { arguments: '{}' } })], '"messages[0].tool_calls[0].function.name" is missing'],
    [[answerWith({ function: { name: 'f' } })], '"messages[0].tool_calls[0].function.arguments" is missing'],
    ...['{"a":', '[]', '"a"', '['.repeat(1000)].map((json): [unknown, string] => [
      [answerWith({ function: { name: 'f', arguments: json } })],
      '"messages[0].tool_calls[0].function.arguments" must be a text that is a JSON object',
    ]),
    [
      [answerWith({ function: { name: 'f', arguments: {} } })],
      '"messages[0].tool_calls[0].function.arguments" must be a text that is a JSON object',
    ],
    [[answerWith({ weight: 1 })], '"messages[0].tool_calls[0].weight" is not supported'],
    [[{ role: 'assistant', content: 'Hi', reasoning_content: 1 }], '"messages[0].reasoning_content" must be a text'],
  ]
  for (const [messages, message] of cases) {
    const error = errorOf(messages)
    assert.is(error.message, message)
    const [issue] = chatBody.safeParse({ messages }).error?.issues ?? []
    const keys = issue.code === 'unrecognized_keys' ? issue.keys : []
    assert.equal(issue.path, ['messages', ...error.path.slice(0, error.path.length - keys.length)], message)
    if (error.why === 'is not supported') assert.equal(keys, ['weight'])
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

test('calls, results and thoughts are read, and arguments are parsed', () => {
  const messages = [
    { role: 'user', content: 'Add.' },
    { ...answerWith({ index: 0 }), reasoning_content: 'Two numbers.' },
    { role: 'tool', tool_call_id: 'call_1', name: 'add', content: [{ type: 'text', text: '3' }] },
    { ...answerWith({ type: null, function: { name: 'now', arguments: '' } }), content: 'And', reasoning: 'Time.' },
    { role: 'tool', tool_call_id: 'call_1', content: '' },
    { role: 'assistant', content: 'Done.', reasoning_content: '', reasoning: 'Not this.' },
  ]
  const expected = [
    { role: 'user', content: 'Add.' },
    {
      role: 'assistant',
      content: '',
      thinking: 'Two numbers.',
      toolCalls: [{ id: 'call_1', name: 'add', arguments: { a: 1, b: 2 } }],
    },
    { role: 'tool', content: '3', toolCallId: 'call_1', name: 'add' },
    {
      role: 'assistant',
      content: 'And',
      thinking: 'Time.',
      toolCalls: [{ id: 'call_1', name: 'now', arguments: {} }],
    },
    { role: 'tool', content: '', toolCallId: 'call_1' },
    { role: 'assistant', content: 'Done.' },
  ]
  assert.equal(readMessages(messages), expected)
  assert.equal(chatBody.parse({ messages }).messages, expected)
  assert.equal(checkMessages(expected), expected, 'the library reads what it gives')
})

test('messages of the library have its own names', () => {
  const call = { id: 'a', name: 'f', arguments: {} }
  for (const [message, text] of [
    [{ role: 'assistant', content: '', tool_calls: [call] }, '"messages[0].tool_calls" is not supported'],
    [{ role: 'user', content: '', toolCalls: [call] }, '"messages[0].toolCalls" is not supported'],
    [{ role: 'user', content: '', thinking: 'a' }, '"messages[0].thinking" is not supported'],
    [{ role: 'tool', content: '', tool_call_id: 'a' }, '"messages[0].tool_call_id" is not supported'],
    [
      { role: 'assistant', content: '', toolCalls: [{ ...call, arguments: '{}' }] },
      '"messages[0].toolCalls[0].arguments" must be an object',
    ],
  ] as const) {
    assert.throws(
      () => checkMessages([message]),
      (error: WrongMessages) => error.message === text,
    )
  }
})

function answerWith(call: object) {
  const added = { name: 'add', arguments: '{"a": 1, "b": 2}' }
  return {
    role: 'assistant',
    content: null,
    tool_calls: [{ id: 'call_1', type: 'function', function: added, ...call }],
  }
}

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
