import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { ChatMessage } from '#molm/api/text.js'
import { conversationJson, readConversationJson } from '#molm/chat/conversations/export-json.js'
import { conversationMarkdown } from '#molm/chat/conversations/export-markdown.js'
import { rejectsWithUserError } from '../../support/rejects.js'

const MESSAGES: ChatMessage[] = [
  { role: 'user', content: 'Weather in `Oslo`?\n\n## Not a turn' },
  {
    role: 'assistant',
    content: '',
    thinking: 'I ask.\n</details>',
    toolCalls: [{ id: 'c1', name: 'get_weather', arguments: { place: 'Oslo' } }],
  },
  { role: 'tool', content: '```\nrain\n```\n', toolCallId: 'c1', name: 'get_weather' },
  { role: 'assistant', content: 'It **rains**.' },
]
const STATE = { messages: MESSAGES, system: 'Be brief.', model: 'acme/nano' }
const INFO = { title: 'Weather in `Oslo`? [x](y)', created: new Date('2026-11-27T16:00:00Z') }

test('JSON is read back as it was', () => {
  const { model, ...state } = STATE
  assert.equal(readConversationJson(Buffer.from(conversationJson(STATE)), 'a.json'), state)
  const plain = { messages: MESSAGES, system: '' }
  assert.equal(readConversationJson(Buffer.from(conversationJson({ ...plain, model })), 'a.json'), plain)
})

const user = (content: string): ChatMessage => ({ role: 'user', content })

test('JSON that is no list of messages is refused with the name of the file', async () => {
  for (const text of ['{}', '[]', '[{"role":"usr","content":""}]', 'x']) {
    await rejectsWithUserError(() => readConversationJson(Buffer.from(text), 'a.json'), /^a\.json: /)
  }
})

test('results with very many runs of backticks become code, too', () => {
  const result = { role: 'tool' as const, content: '` '.repeat(200_000), name: 'f' }
  const info = { title: 'Ticks', created: new Date(0) }
  assert.match(conversationMarkdown({ messages: [result], system: '', model: 'nano' }, info), /^```\n` ` /m)
})

test('Markdown has a heading for each turn, folded thoughts, and calls as code', () => {
  assert.is(
    conversationMarkdown(STATE, INFO),
    [
      '# Weather in \\`Oslo\\`? \\[x\\](y)',
      'acme/nano, 2026-11-27',
      '## System',
      'Be brief.',
      '## User',
      'Weather in `Oslo`?\n\n## Not a turn',
      '## Assistant',
      '<details>\n<summary>Thoughts</summary>\n\nI ask.\n&lt;/details>\n\n</details>',
      '### Call of get\\_weather',
      '```json\n{\n  "place": "Oslo"\n}\n```',
      '### Result of get\\_weather',
      '````\n```\nrain\n```\n````',
      '## Assistant',
      'It **rains**.\n',
    ].join('\n\n'),
  )
})

test('Markdown closes the code of an answer that was cut, so that the next turn is no code', () => {
  const assistant = (content: string, closed: string) => {
    const state = { messages: [{ role: 'assistant', content }, user('Go on.')], system: '', model: 'nano' }
    const [, answer] = conversationMarkdown(state, INFO).split('## Assistant\n\n')
    assert.is(answer, `${closed}\n\n## User\n\nGo on.\n`)
  }
  for (const whole of ['```js\na\n```', '```a`b', '- a\n  ```\n  b', '> ```\n> a', '1. a\n\n   ~~~\n   b']) {
    assistant(whole, whole)
  }
  assistant('Here:\n```js\nlet a', 'Here:\n```js\nlet a\n```')
  assistant('~~~~\n```\n~~~', '~~~~\n```\n~~~\n~~~~')
  assistant('- a\n\nb\n  ```\nc', '- a\n\nb\n  ```\nc\n```')
})

test.run()
