import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { fixturePath } from '../support/fixtures.js'
import { withModel } from '../support/models.js'
import { eventsIn, get, post, serverFor, withNano } from './served.js'
import { ANSWER, CONCLUSION, GREETING, QUESTION, sharedParrot, THOUGHTS, WEATHER_TOOL } from './weather-parrot.js'

/* Thoughts and calls of tools in /v1/chat/completions: their forms, complete and streamed. */
const test = suite('tools and thoughts of chat completions')

const CHAT = '/v1/chat/completions'
const ASK = { messages: [{ role: 'user', content: QUESTION }], tools: [WEATHER_TOOL], temperature: 0 }
const HI = { messages: [{ role: 'user', content: 'Hi' }], temperature: 0 }
const ARGUMENTS = ['{"city":"Bern"}', '{"city":"Rome"}']
const served = serverFor(test, sharedParrot)

async function answered(body: object) {
  const answer = await post(served.url, CHAT, body)
  assert.is(answer.status, 200, JSON.stringify(answer.body))
  return answer.body
}

async function refused(body: object, param: string | null, message: RegExp, server = served) {
  for (const stream of [false, true]) {
    const answer = await post(server.url, CHAT, { ...body, stream })
    assert.is(answer.status, 400, JSON.stringify(answer.body))
    assert.match(answer.body.error.message, message)
    assert.is(answer.body.error.param, param)
  }
}

/** Events of a stream. */
async function events(body: object) {
  const text: string = await answered({ ...body, stream: true })
  assert.ok(text.endsWith('\n\ndata: [DONE]\n\n'))
  return eventsIn(text)
}

test('an answer has its thoughts, calls and content apart', async () => {
  const { choices, usage } = await answered(ASK)
  const [{ message, finish_reason }] = choices
  const { tool_calls: calls, ...others } = message
  assert.equal(others, { role: 'assistant', content: null, refusal: null, reasoning_content: THOUGHTS })
  assert.is(finish_reason, 'tool_calls')
  assert.equal(
    calls.map((call: { type: string; function: object }) => [call.type, call.function]),
    ARGUMENTS.map((args) => ['function', { name: 'get_weather', arguments: args }]),
  )
  assert.is(new Set(calls.map(({ id }: { id: string }) => id)).size, 2)
  const { reasoning_tokens } = usage.completion_tokens_details
  assert.ok(reasoning_tokens > 4 && reasoning_tokens < usage.completion_tokens)

  const results = calls.map(({ id }: { id: string }, i: number) => {
    return { role: 'tool', tool_call_id: id, content: i === 0 ? '21 degrees' : '30 degrees' }
  })
  const next = await answered({ ...ASK, messages: [...ASK.messages, message, ...results] })
  const [{ message: last, finish_reason: reason }] = next.choices
  assert.equal(last, { role: 'assistant', content: ANSWER, refusal: null, reasoning_content: CONCLUSION })
  assert.is(reason, 'stop')
})

test('a stream has a role, then thoughts, then each call with its name before its arguments', async () => {
  const all = await events({ ...ASK, stream_options: { include_usage: true } })
  const last = all.pop()
  const { usage } = await answered(ASK)
  assert.equal(last.usage.completion_tokens_details, usage.completion_tokens_details)
  const choices = all.flatMap((event) => event.choices)
  assert.equal(choices[0].delta, { role: 'assistant', content: '', refusal: null })
  assert.is(choices.map(({ delta }) => delta.reasoning_content ?? '').join(''), THOUGHTS)
  assert.is(choices.map(({ delta }) => delta.content ?? '').join(''), '')
  const calls = choices.flatMap(({ delta }) => delta.tool_calls ?? [])
  const ids = calls.flatMap(({ id }) => id ?? [])
  assert.equal(
    calls,
    ARGUMENTS.flatMap((args, index) => [
      { index, id: ids[index], type: 'function', function: { name: 'get_weather', arguments: '' } },
      { index, function: { arguments: args } },
    ]),
  )
  assert.is(choices.at(-1).finish_reason, 'tool_calls')
  const firstCall = choices.findIndex(({ delta }) => delta.tool_calls)
  assert.ok(choices.slice(firstCall).every(({ delta }) => delta.reasoning_content === undefined))
})

test('several choices are read apart', async () => {
  const { choices } = await answered({ ...ASK, n: 3 })
  const streamed = (await events({ ...ASK, n: 3 })).flatMap((event) => event.choices)
  for (const { index, message } of choices) {
    assert.is(message.reasoning_content, THOUGHTS)
    const own = streamed.filter((choice) => choice.index === index)
    assert.is(own.map(({ delta }) => delta.reasoning_content ?? '').join(''), THOUGHTS)
    assert.is(own.flatMap(({ delta }) => delta.tool_calls ?? []).length, 4)
  }
})

test('thinking can be off, and a budget ends it', async () => {
  for (const off of [
    { reasoning_effort: 'none' },
    { enable_thinking: false },
    { chat_template_kwargs: { enable_thinking: false } },
  ]) {
    const { choices, usage } = await answered({ ...HI, ...off })
    assert.equal(choices[0].message, { role: 'assistant', content: GREETING, refusal: null })
    assert.is(usage.completion_tokens_details.reasoning_tokens, 0)
  }
  const on = await answered({ ...HI, reasoning_effort: 'high' })
  assert.is(on.choices[0].message.reasoning_content, 'A greeting.')
  const { choices, usage } = await answered({ ...ASK, thinking_budget: 5 })
  const [{ message }] = choices
  assert.is(message.tool_calls.length, 2)
  assert.ok(THOUGHTS.startsWith(message.reasoning_content) && message.reasoning_content.length < THOUGHTS.length)
  assert.ok(usage.completion_tokens_details.reasoning_tokens < 9)
})

test('a choice of tools is followed', async () => {
  const none = await answered({ ...ASK, tool_choice: 'none' })
  assert.is(none.choices[0].message.tool_calls, undefined)
  for (const tool_choice of ['required', { type: 'function', function: { name: 'get_weather' } }]) {
    const { choices } = await answered({ ...HI, tools: [WEATHER_TOOL], tool_choice })
    assert.is(choices[0].finish_reason, 'tool_calls')
    for (const call of choices[0].message.tool_calls) {
      assert.is(call.function.name, 'get_weather')
      assert.equal(Object.keys(JSON.parse(call.function.arguments)), ['city'])
    }
  }
  const one = await answered({ ...ASK, parallel_tool_calls: false })
  assert.is(one.choices[0].message.tool_calls.length, 1)
})

test('log-probabilities and experts cover all tokens, with the part of the message', async () => {
  const { choices, usage } = await answered({ ...HI, logprobs: true, routed_experts: true })
  const [{ logprobs, routed_experts: routed }] = choices
  assert.is(logprobs.content.length, usage.completion_tokens)
  assert.is(routed.length, usage.completion_tokens)
  const kinds = routed.map(({ kind }: { kind: string }) => kind)
  assert.equal([...new Set(kinds)].sort(), ['content', 'thinking'])
  const { reasoning_tokens } = usage.completion_tokens_details
  assert.is(kinds.filter((kind: string) => kind === 'thinking').length, reasoning_tokens)
  const called = await answered({ ...ASK, routed_experts: true })
  assert.ok(called.choices[0].routed_experts.some(({ kind }: { kind: string }) => kind === 'call'))
})

test('an answer that is cut says so, whatever part it was in', async () => {
  const { usage } = await answered(ASK)
  for (let most = 1; most < usage.completion_tokens; most += 3) {
    const { choices } = await answered({ ...ASK, max_tokens: most })
    const [{ message, finish_reason }] = choices
    assert.is(finish_reason, 'length')
    assert.ok(`${THOUGHTS}\n`.startsWith(message.reasoning_content ?? ''), JSON.stringify(message))
    for (const call of message.tool_calls ?? []) JSON.parse(call.function.arguments)
  }
})

test('a stop string ends an answer, also within thoughts', async () => {
  const { choices } = await answered({ ...HI, stop: [' greeting'] })
  assert.equal(choices[0].message, { role: 'assistant', content: '', refusal: null, reasoning_content: 'A' })
  assert.is(choices[0].finish_reason, 'stop')
})

test('tools are refused if the model cannot use them', async () => {
  await withModel(fixturePath('01-base-bin-f32'), { threads: 1 }, (tiny) =>
    withNano({}, tiny, async (plain) => {
      await refused({ ...HI, tools: [WEATHER_TOOL] }, 'tools', /01-base-bin-f32 cannot use tools/, plain)
      const { body } = await post(plain.url, CHAT, { ...HI, reasoning_effort: 'high', max_tokens: 2 })
      assert.equal(body.notes, ['01-base-bin-f32 does not think: "reasoning_effort" has no effect'])
    }),
  )
})

test('the model reports whether it thinks and calls tools', async () => {
  const { body } = await get(served.url, '/v1/models')
  const { thinking, tools } = body.data[0].meta
  assert.equal([thinking, tools], [['off', 'on'], true])
})

test('a schema of a tool that is not supported is refused by its keyword', async () => {
  const cities = { type: 'array', items: { type: 'string' }, uniqueItems: true }
  const parameters = { type: 'object', properties: { cities } }
  const tools = [{ type: 'function', function: { name: 'f', parameters } }]
  await refused({ ...HI, tools }, 'tools', /"uniqueItems" is not supported/)
})

test.run()
