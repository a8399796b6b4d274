import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { ResponseTemplate } from '#molm/api/response.js'
import { callGuide } from '#molm/text/response/call-guide.js'
import { thinkingOf } from '#molm/text/response/thinking-form.js'

const SCHEMA = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] }
const TOOLS = [{ name: 'weather', parameters: SCHEMA }, { name: 'now' }]
const AUTO = { choice: 'auto' as const, parallel: true }

const QWEN: ResponseTemplate = {
  startAnchor: '<|im_start|>assistant\n',
  fields: {
    thinking: { open: '<think>', close: '</think>' },
    tool_calls: {
      open: '<tool_call>',
      close: '</tool_call>',
      repeats: true,
      content: 'json',
      transform: { type: 'function', function: '{content}' },
    },
    content: { close: '<|im_end|>' },
  },
}

test('calls as JSON are limited after their opener, or from it', () => {
  const guide = callGuide(QWEN, TOOLS, { choice: { name: 'weather' }, parallel: false })
  const parts = [
    { kind: 'text', text: '{"name": "weather", "arguments": ' },
    { kind: 'schema', schema: SCHEMA },
    { kind: 'text', text: '}' },
  ]
  const rest = [
    { kind: 'text', text: '\n' },
    { kind: 'sequence', parts },
    { kind: 'text', text: '\n</tool_call>' },
  ]
  const then = { kind: 'sequence', parts: rest }
  assert.equal(guide?.triggers, [{ text: '<tool_call>', then }])
  assert.equal(guide?.calls, { kind: 'sequence', parts: [{ kind: 'text', text: '<tool_call>' }, then] })
  assert.is(callGuide(QWEN, TOOLS, AUTO)?.calls.kind, 'repeat')
})

test('without a form of calls, tools or a choice there is no guide', () => {
  assert.is(callGuide(undefined, TOOLS, AUTO), undefined)
  assert.is(callGuide({ fields: { content: {} } }, TOOLS, AUTO), undefined)
  assert.is(callGuide(QWEN, [], AUTO), undefined)
  assert.is(callGuide(QWEN, TOOLS, { ...AUTO, choice: 'none' }), undefined)
  assert.is(callGuide(QWEN, TOOLS, { ...AUTO, choice: { name: 'other' } }), undefined)
})

test('thoughts have texts around them', () => {
  assert.equal(thinkingOf(QWEN), {
    open: '<think>',
    close: '</think>',
    next: '\n\n',
    content: '',
    none: '<think>\n\n</think>\n\n',
  })
  assert.is(thinkingOf({ fields: { content: {} } }), undefined)
  assert.is(thinkingOf(undefined), undefined)
})

test.run()
