import type OpenAI from 'openai'
import { zodTextFormat } from 'openai/helpers/zod'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { get, post, type Served, serverFor, sharedNano, withNano } from './served.js'
import {
  AGAIN,
  ANSWER,
  CONCLUSION,
  GREETING,
  NUMBERS,
  QUESTION,
  sharedParrot,
  THOUGHTS,
  WEATHER_SCHEMA,
  WEATHER_TOOL,
} from './weather-parrot.js'

/* POST /v1/responses with the official client. */
const test = suite('responses')

type Input = OpenAI.Responses.ResponseInput
type Event = OpenAI.Responses.ResponseStreamEvent

const RESPONSES = '/v1/responses'
const TOOL = { type: 'function' as const, ...WEATHER_TOOL.function, strict: true }
const GREEDY = { temperature: 0, max_output_tokens: 80 }
const nano = serverFor(test, sharedNano)
const parrot = serverFor(test, sharedParrot)

test('a text is answered as in chat completions', async () => {
  const input = 'What is a lantern?'
  const response = await nano.client.responses.create({ model: 'nano', input, ...GREEDY })
  const chat = await nano.client.chat.completions.create({
    ...{ model: 'nano', temperature: 0, max_tokens: 80 },
    messages: [{ role: 'user', content: input }],
  })
  assert.is(response.output_text, chat.choices[0].message.content)
  assert.is(response.object, 'response')
  assert.is(response.status, 'completed')
  assert.is(response.model, 'nano')
  assert.is(response.error, null)
  assert.is(response.incomplete_details, null)
  assert.match(response.id, /^resp_[0-9a-f]{32}$/)
  const [item] = response.output
  assert.is(item.type, 'message')
  assert.match(item.id ?? '', /^msg_/)
  const { usage } = response
  assert.is(usage?.input_tokens, chat.usage?.prompt_tokens)
  assert.is(usage?.output_tokens, chat.usage?.completion_tokens)
  assert.is(usage?.total_tokens, (usage?.input_tokens ?? 0) + (usage?.output_tokens ?? 0))
})

// biome-ignore lint/suspicious/noExplicitAny: responses of several APIs
type Body = any

test('the usage of each of OpenAI’s APIs counts the drafts of prompt lookup, which change no text', async () => {
  for (const [path, asked, read] of [
    [
      '/v1/completions',
      { prompt: `${NUMBERS} One two three`, max_tokens: 40 },
      ({ choices, usage }: Body) => [choices[0].text, usage.completion_tokens, usage.completion_tokens_details ?? {}],
    ],
    [
      '/v1/chat/completions',
      { messages: [{ role: 'user', content: AGAIN }] },
      ({ choices, usage }: Body) => [choices[0].message, usage.completion_tokens, usage.completion_tokens_details],
    ],
    [
      RESPONSES,
      { input: AGAIN },
      ({ output, usage }: Body) => [output[0].content, usage.output_tokens, usage.output_tokens_details],
    ],
  ] as const) {
    const ask = async (most?: number) =>
      read((await post(parrot.url, path, { ...asked, temperature: 0, prompt_lookup_num_tokens: most })).body)
    const [text, tokens, none] = await ask(0)
    assert.is(none.accepted_prediction_tokens, undefined, path)
    let drafted = await ask()
    // On a busy machine a step can seem too dear for drafts.
    for (let i = 0; i < 9 && !drafted[2].accepted_prediction_tokens; i++) drafted = await ask()
    assert.equal(drafted.slice(0, 2), [text, tokens], path)
    const { accepted_prediction_tokens: right, rejected_prediction_tokens: wrong } = drafted[2]
    assert.ok(right > 0 && wrong >= 0, path)
  }
})

test('items, instructions and roles make a conversation', async () => {
  const { client } = nano
  const question = { role: 'user', content: 'What is a lantern?' } as const
  const { output } = await client.responses.create({ model: 'nano', input: [question], ...GREEDY })
  const why = { role: 'user', content: [{ type: 'input_text', text: 'Why?' }] } as const
  // The output goes back as it came.
  const input = [question, ...output, why] as Input
  const { output_text } = await client.responses.create({ model: 'nano', input, ...GREEDY })
  const text = (output[0] as OpenAI.Responses.ResponseOutputMessage).content[0] as OpenAI.Responses.ResponseOutputText
  const messages = [question, { role: 'assistant', content: text.text }, { role: 'user', content: 'Why?' }]
  const { body } = await post(nano.url, '/v1/chat/completions', { messages, temperature: 0, max_tokens: 80 })
  assert.is(output_text, body.choices[0].message.content)

  const systems = [{ role: 'developer', content: 'B.' }, question]
  const written = await post(nano.url, RESPONSES, { input: systems, instructions: 'A.', ...GREEDY })
  const system = [{ role: 'system', content: 'A.\n\nB.' }, question]
  const asked = { messages: system, temperature: 0, max_tokens: 80 }
  const { body: expected } = await post(nano.url, '/v1/chat/completions', asked)
  assert.is(written.body.output[0].content[0].text, expected.choices[0].message.content)
  assert.is(written.body.instructions, 'A.')
})

test('an answer that is cut is incomplete', async () => {
  const { status, incomplete_details, output } = await nano.client.responses.create({
    ...{ model: 'nano', input: 'What is a lantern?', temperature: 0, max_output_tokens: 3 },
  })
  assert.is(status, 'incomplete')
  assert.equal(incomplete_details, { reason: 'max_output_tokens' })
  assert.is((output[0] as OpenAI.Responses.ResponseOutputMessage).status, 'incomplete')
})

test('thoughts and calls are items, and go back with the results', async () => {
  const { client } = parrot
  const input: Input = [{ role: 'user', content: QUESTION }]
  const { output, usage } = await client.responses.create({ model: 'parrot', input, tools: [TOOL], temperature: 0 })
  const types = output.map(({ type }) => type)
  assert.equal(types, ['reasoning', 'function_call', 'function_call'])
  const [reasoning, ...calls] = output as [
    OpenAI.Responses.ResponseReasoningItem,
    ...OpenAI.Responses.ResponseFunctionToolCall[],
  ]
  assert.equal(reasoning.content, [{ type: 'reasoning_text', text: THOUGHTS }])
  assert.ok((usage?.output_tokens_details.reasoning_tokens ?? 0) > 4)
  assert.equal(
    calls.map((call) => [call.name, call.arguments]),
    [
      ['get_weather', '{"city":"Bern"}'],
      ['get_weather', '{"city":"Rome"}'],
    ],
  )
  const results = calls.map(({ call_id }, i) => {
    return { type: 'function_call_output' as const, call_id, output: ['21 degrees', '30 degrees'][i] }
  })
  const next = { model: 'parrot', input: [...input, ...output, ...results] as Input, tools: [TOOL], temperature: 0 }
  const answer = await client.responses.create(next)
  assert.is(answer.output_text, ANSWER)
  assert.equal((answer.output[0] as OpenAI.Responses.ResponseReasoningItem).content?.[0].text, CONCLUSION)
  // The same conversation as chat completions has it.
  const message = {
    ...{ role: 'assistant', content: '', reasoning_content: THOUGHTS },
    tool_calls: calls.map(({ call_id: id, name, arguments: args }) => ({
      id,
      type: 'function',
      function: { name, arguments: args },
    })),
  }
  const tools = results.map(({ call_id, output }) => ({ role: 'tool', tool_call_id: call_id, content: output }))
  const chat = { messages: [...input, message, ...tools], tools: [WEATHER_TOOL], temperature: 0 }
  const { body } = await post(parrot.url, '/v1/chat/completions', chat)
  assert.is(body.usage.prompt_tokens, answer.usage?.input_tokens)
})

test('functions of a namespace are called by their name in it, and tools of OpenAI’s servers are dropped', async () => {
  const namespace = { type: 'namespace', name: 'sky', description: 'The sky.', tools: [{ ...TOOL, strict: false }] }
  const tools = [namespace, { type: 'web_search', external_web_access: false }]
  const asked = { input: [{ role: 'user', content: 'What is the weather in Bern?' }], tools, temperature: 0 }
  const { body } = await post(nano.url, RESPONSES, {
    ...asked,
    tool_choice: 'required',
    parallel_tool_calls: false,
    client_metadata: { turn: '1' },
  })
  const [{ namespace: space, name, arguments: args, call_id }] = body.output
  assert.equal([space, name, args], ['sky', 'get_weather', '{"city":"Bern"}'])
  const result = { type: 'function_call_output', call_id, output: 'rain' }
  const next = { ...asked, input: [...asked.input, ...body.output, result] }
  const flat = { ...TOOL, name: 'sky__get_weather' }
  const same = {
    ...asked,
    tools: [flat],
    input: [...asked.input, { ...body.output[0], namespace: null, name: flat.name }, result],
  }
  const [one, other] = await Promise.all([next, same].map((all) => post(nano.url, RESPONSES, all)))
  assert.is(one.status, 200)
  assert.equal(one.body.output[0].content, other.body.output[0].content)
  assert.is(one.body.usage.input_tokens, other.body.usage.input_tokens)
})

test('reasoning, the choice of tools and the number of calls are the same as in chat completions', async () => {
  const ask = { model: 'parrot', temperature: 0, tools: [TOOL] }
  const types = async (more: object) => {
    const { output } = await parrot.client.responses.create({ ...ask, input: QUESTION, ...more })
    return output.map(({ type }) => type)
  }
  assert.equal(await types({ input: 'Hello!', reasoning: { effort: 'none', summary: 'auto' } }), ['message'])
  assert.equal(await types({ parallel_tool_calls: false }), ['reasoning', 'function_call'])
  const named = { tool_choice: { type: 'function', name: 'get_weather' } }
  assert.ok((await types(named)).includes('function_call'))
  const allowed = { type: 'allowed_tools', mode: 'required', tools: [{ type: 'function', name: 'get_weather' }] }
  assert.ok((await types({ tool_choice: allowed })).includes('function_call'))
})

test('an answer follows a schema', async () => {
  const city = z.object({ city: z.string() })
  const parsed = await nano.client.responses.parse({
    ...{ model: 'nano', input: 'Where?', temperature: 0, max_output_tokens: 200 },
    text: { format: zodTextFormat(city, 'place') },
  })
  assert.type(parsed.output_parsed?.city, 'string')
  const { body } = await post(nano.url, RESPONSES, {
    ...{ input: 'Where?', max_output_tokens: 200, temperature: 0 },
    text: { format: { type: 'json_schema', name: 'place', schema: WEATHER_SCHEMA, strict: true }, verbosity: 'low' },
  })
  assert.type(JSON.parse(body.output[0].content[0].text).city, 'string')
  assert.is(body.text.format.name, 'place')
})

async function eventsOf(served: Served, body: object): Promise<Event[]> {
  const { body: text } = await post(served.url, RESPONSES, { ...GREEDY, stream: true, ...body })
  const events = (text as string).trimEnd().split('\n\n')
  return events.map((event) => {
    const [, type, json] = /^event: (\S+)\ndata: (.*)$/.exec(event) ?? []
    const parsed = JSON.parse(json)
    assert.is(parsed.type, type)
    return parsed
  })
}

test('a stream has the events of the official API, in their order and numbered', async () => {
  const events = await eventsOf(parrot, { input: QUESTION, tools: [TOOL] })
  for (const [i, { sequence_number }] of events.entries()) assert.is(sequence_number, i)
  const types = events.map(({ type }) => type.replace('response.', ''))
  const once = types.filter((type, i) => type !== types[i - 1])
  const callTypes = [
    'output_item.added',
    'function_call_arguments.delta',
    'function_call_arguments.done',
    'output_item.done',
  ]
  assert.equal(once, [
    ...['created', 'in_progress', 'output_item.added', 'content_part.added', 'reasoning_text.delta'],
    ...['reasoning_text.done', 'content_part.done', 'output_item.done'],
    ...[...callTypes, ...callTypes, 'completed'],
  ])
  const text = await eventsOf(parrot, { input: 'Hello!', reasoning: { effort: 'none' } })
  const textTypes = text.map(({ type }) => type.replace('response.', ''))
  assert.equal(
    textTypes.filter((type, i) => type !== textTypes[i - 1]),
    [
      ...['created', 'in_progress', 'output_item.added', 'content_part.added', 'output_text.delta'],
      ...['output_text.done', 'content_part.done', 'output_item.done', 'completed'],
    ],
  )
  const cut = await eventsOf(nano, { input: 'What is a lantern?', max_output_tokens: 3 })
  assert.is(cut.at(-1)?.type, 'response.incomplete')
})

test('the official client puts a stream together as the complete response', async () => {
  for (const ask of [{ input: QUESTION, tools: [TOOL] }, { input: 'Hello!' }]) {
    const whole = await parrot.client.responses.create({ model: 'parrot', ...GREEDY, ...ask })
    let text = ''
    const stream = parrot.client.responses.stream({ model: 'parrot', ...GREEDY, ...ask })
    stream.on('response.output_text.delta', ({ delta }) => {
      text += delta
    })
    const streamed = await stream.finalResponse()
    assert.is(text, whole.output_text)
    assert.is(streamed.output_text, whole.output_text)
    const bare = ({ output }: { output: object[] }) =>
      output.map((item) => ({
        ...item,
        id: '',
        call_id: '',
        parsed_arguments: null,
        content: (item as { content?: object[] }).content?.map((part) => ({ ...part, parsed: null })),
      }))
    assert.equal(bare(streamed), bare(whole))
    assert.equal(streamed.usage?.output_tokens, whole.usage?.output_tokens)
  }
})

test('log-probabilities cover the text alone', async () => {
  const ask = { input: 'Hello!', include: ['message.output_text.logprobs'], top_logprobs: 2, ...GREEDY }
  const { body } = await post(parrot.url, RESPONSES, ask)
  const [, { content }] = body.output
  assert.is(content[0].text, GREETING)
  const tokens = content[0].logprobs.map(({ token }: { token: string }) => token)
  assert.is(tokens.join('').trim(), GREETING)
  assert.is(content[0].logprobs[0].top_logprobs.length, 2)
})

test('a request that refers to something stored says so', async () => {
  const ask = { input: 'a' }
  for (const field of ['previous_response_id', 'conversation', 'prompt']) {
    const { status, body } = await post(nano.url, RESPONSES, { ...ask, [field]: 'resp_1' })
    assert.is(status, 400)
    assert.is(body.error.param, field)
    assert.match(body.error.message, /nothing is stored; send the whole conversation in "input"/)
  }
  const reference = await post(nano.url, RESPONSES, { input: [{ type: 'item_reference', id: 'msg_1' }] })
  assert.match(reference.body.error.message, /^"input\[0\].type" names a stored item, but nothing is stored/)
  const stored = { model: 'nano', input: 'a', store: true, max_output_tokens: 1, metadata: { a: 'b' } }
  const { store } = (await nano.client.responses.create(stored)) as { store?: boolean }
  assert.is(store, false)
  const { status, body } = await get(nano.url, '/v1/responses/resp_1')
  assert.is(status, 404)
  assert.match(body.error.message, /responses are not stored/)
})

test('an unknown model gets 404, and a key is needed if the server has one', async () => {
  const { status, body } = await post(nano.url, RESPONSES, { model: 'gpt-5', input: 'a' })
  assert.is(status, 404)
  assert.is(body.error.code, 'model_not_found')
  await withNano({ apiKey: 'secret' }, nano.model, async ({ url, client }) => {
    assert.is((await post(url, RESPONSES, { input: 'a' })).status, 401)
    const { output } = await client.responses.create({ model: 'nano', input: 'a', max_output_tokens: 2 })
    assert.is(output.length, 1)
    const { body } = await get(url, '/metrics', { Authorization: 'Bearer secret' })
    assert.match(body, /path="\/v1\/responses",status="200"/)
  })
})

test.run()
