import Anthropic from '@anthropic-ai/sdk'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { thrownBy } from '../support/rejects.js'
import { post, type Served, serverFor, sharedNano, until, withNano } from './served.js'
import { ANSWER, CONCLUSION, QUESTION, sharedParrot, THOUGHTS, WEATHER_SCHEMA } from './weather-parrot.js'

/* POST /v1/messages with the official client. */
const test = suite('messages')

const PATH = '/v1/messages'
const LANTERN = [{ role: 'user' as const, content: 'What is a lantern?' }]
const GREEDY = { model: 'nano', temperature: 0, max_tokens: 80 }
const TOOLS = [
  {
    name: 'get_weather',
    description: 'The weather in a city',
    input_schema: WEATHER_SCHEMA as Anthropic.Tool.InputSchema,
  },
]
const PARROT = { model: 'parrot', max_tokens: 300, temperature: 0, tools: TOOLS }
const THINKING = { type: 'enabled', budget_tokens: 1024 } as const
const nano = serverFor(test, sharedNano)
const parrot = serverFor(test, sharedParrot)

const clientOf = ({ url }: Served, apiKey = 'none') => new Anthropic({ baseURL: url, apiKey, maxRetries: 0 })
const textsOf = ({ content }: Anthropic.Message) =>
  content.map((block) => (block.type === 'text' ? block.text : block.type))

test('a message is answered as in chat completions', async () => {
  const message = await clientOf(nano).messages.create({ ...GREEDY, messages: LANTERN })
  const { choices, usage } = await nano.client.chat.completions.create({ ...GREEDY, messages: LANTERN })
  assert.equal(textsOf(message), [choices[0].message.content])
  assert.equal([message.type, message.role, message.model], ['message', 'assistant', 'nano'])
  assert.equal([message.stop_reason, message.stop_sequence], ['end_turn', null])
  assert.match(message.id, /^msg_[0-9a-f]{32}$/)
  const { input_tokens, cache_read_input_tokens, output_tokens } = message.usage
  assert.is(input_tokens + (cache_read_input_tokens ?? 0), usage?.prompt_tokens)
  assert.is(output_tokens, usage?.completion_tokens)
})

test('blocks of text are lines, and the system has blocks, too', async () => {
  const blocks = (...texts: string[]) =>
    texts.map((text) => ({ type: 'text' as const, text, cache_control: { type: 'ephemeral' as const } }))
  const parted = {
    system: blocks('Be brief.', 'Be kind.'),
    messages: [{ role: 'user' as const, content: blocks('Hello.', 'What is a lantern?') }],
  }
  const plain = {
    system: 'Be brief.\nBe kind.',
    messages: [{ role: 'user' as const, content: 'Hello.\nWhat is a lantern?' }],
  }
  const neighbours = {
    system: plain.system,
    messages: ['Hello.', 'What is a lantern?'].map((content) => ({ role: 'user' as const, content })),
  }
  const counted = [parted, plain, neighbours].map(async (asked) =>
    clientOf(nano).messages.countTokens({ model: 'nano', ...asked }),
  )
  const [{ input_tokens: tokens }, ...others] = await Promise.all(counted)
  assert.equal(
    others.map(({ input_tokens }) => input_tokens),
    [tokens, tokens],
  )
  const { usage } = await clientOf(nano).messages.create({ ...GREEDY, ...plain })
  assert.is(usage.input_tokens + (usage.cache_read_input_tokens ?? 0), tokens)
})

test('tokens that an earlier request has left in the cache are counted apart', async () => {
  const ask = () => clientOf(nano).messages.create({ ...GREEDY, system: 'Be brief. '.repeat(40), messages: LANTERN })
  const [first, second] = [(await ask()).usage, (await ask()).usage]
  assert.ok((second.cache_read_input_tokens ?? 0) > 40)
  assert.is(second.input_tokens + (second.cache_read_input_tokens ?? 0), first.input_tokens)
})

test('a stream has its events in order, and makes the same message', async () => {
  const asked = { ...PARROT, messages: [{ role: 'user' as const, content: QUESTION }] }
  const stream = clientOf(parrot).messages.stream(asked)
  const types: string[] = []
  for await (const event of stream) if (types.at(-1) !== event.type) types.push(event.type)
  const block = ['content_block_start', 'content_block_delta', 'content_block_stop']
  assert.equal(types, ['message_start', ...block, ...block, ...block, 'message_delta', 'message_stop'])
  const [whole, streamed] = [await clientOf(parrot).messages.create(asked), await stream.finalMessage()]
  const inputs = ({ content }: Anthropic.Message) =>
    content.map((one) =>
      one.type === 'tool_use' ? [one.name, one.input] : one.type === 'thinking' ? one.thinking : one.type,
    )
  assert.equal(inputs(streamed), [THOUGHTS, ...['Bern', 'Rome'].map((city) => ['get_weather', { city }])])
  assert.equal(inputs(streamed), inputs(whole))
  assert.equal([streamed.stop_reason, whole.stop_reason], ['tool_use', 'tool_use'])
  assert.is(streamed.usage.output_tokens, whole.usage.output_tokens)
  const bytes = await (
    await fetch(`${parrot.url}${PATH}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ ...asked, stream: true }),
    })
  ).text()
  for (const part of bytes.trim().split('\n\n')) assert.match(part, /^event: (\w+)\ndata: \{"type":"\1"/)
})

test('calls are run and their results come back, with the thoughts before them', async () => {
  const client = clientOf(parrot)
  const asked = { ...PARROT }
  const messages: Anthropic.MessageParam[] = [{ role: 'user', content: QUESTION }]
  const first = await client.messages.create({ ...asked, messages })
  const results = first.content.flatMap((block): Anthropic.ToolResultBlockParam[] =>
    block.type === 'tool_use'
      ? [{ type: 'tool_result', tool_use_id: block.id, content: [{ type: 'text', text: '21 degrees' }] }]
      : [],
  )
  assert.is(results.length, 2)
  messages.push({ role: 'assistant', content: first.content }, { role: 'user', content: results })
  const last = await client.messages.create({ ...asked, messages })
  assert.equal(textsOf(last), ['thinking', ANSWER])
  assert.is(last.content[0].type === 'thinking' && last.content[0].thinking, CONCLUSION)
  assert.is(last.stop_reason, 'end_turn')
  const [result] = results
  const failed = { ...result, content: 'no such city', is_error: true }
  const told = { ...result, content: 'Error: no such city' }
  const [one, other] = await Promise.all(
    [failed, told].map((result) =>
      client.messages.countTokens({
        model: 'parrot',
        tools: TOOLS,
        messages: [...messages.slice(0, 2), { role: 'user', content: [result] }],
      }),
    ),
  )
  assert.equal(one, other)
})

test('the choice of tools is kept', async () => {
  const callsOf = async (tool_choice: Anthropic.ToolChoice) => {
    const { content } = await clientOf(parrot).messages.create({
      ...PARROT,
      tool_choice,
      messages: [{ role: 'user', content: QUESTION }],
    })
    return content.filter(({ type }) => type === 'tool_use').length
  }
  assert.is(await callsOf({ type: 'auto' }), 2)
  assert.is(await callsOf({ type: 'any', disable_parallel_tool_use: true }), 1)
  assert.ok((await callsOf({ type: 'tool', name: 'get_weather' })) > 0)
  assert.is(await callsOf({ type: 'none' }), 0)
})

test('the answer says why it ended, with the stop sequence', async () => {
  const endOf = async (asked: object) => {
    const { stop_reason, stop_sequence } = await clientOf(nano).messages.create({
      ...GREEDY,
      messages: LANTERN,
      ...asked,
    })
    return [stop_reason, stop_sequence]
  }
  assert.equal(await endOf({ stop_sequences: ['nothing', 'inside'] }), ['stop_sequence', 'inside'])
  assert.equal(await endOf({ max_tokens: 2 }), ['max_tokens', null])
  assert.equal(await endOf({ stop_sequences: ['nothing'] }), ['end_turn', null])
})

test('nano thinks on demand', async () => {
  const sum = [{ role: 'user' as const, content: 'What is 35 + 48?' }]
  const typesOf = async (asked: object) => {
    const { content } = await clientOf(nano).messages.create({ ...GREEDY, messages: sum, ...asked })
    return content.map(({ type }) => type)
  }
  assert.equal(await typesOf({ thinking: THINKING }), ['thinking', 'text'])
  assert.equal(await typesOf({ thinking: { type: 'disabled' } }), ['text'])
})

test('an answer follows a schema', async () => {
  const schema = {
    type: 'object',
    properties: { legs: { type: 'integer' } },
    required: ['legs'],
    additionalProperties: false,
  }
  const { content } = await clientOf(nano).messages.create({
    ...GREEDY,
    messages: [{ role: 'user', content: 'How many legs has an ant?' }],
    output_config: { format: { type: 'json_schema', schema } },
  })
  assert.is(typeof JSON.parse(content[0].type === 'text' ? content[0].text : '').legs, 'number')
})

test('a stopped stream ends the generation', async () => {
  const stream = clientOf(nano).messages.stream({
    ...GREEDY,
    max_tokens: 20_000,
    messages: LANTERN,
    ignore_eos: true,
  } as Anthropic.MessageStreamParams)
  for await (const { type } of stream) if (type === 'content_block_delta') break
  stream.abort()
  await until(async () => (await nano.model.stats()).sequencesRunning === 0)
})

test('errors have Anthropic’s form, and the names of its fields', async () => {
  const image = { type: 'image' as const, source: { type: 'url' as const, url: 'http://127.0.0.1/x.png' } }
  const ask = (more: object) => clientOf(nano).messages.create({ ...GREEDY, messages: LANTERN, ...more })
  const refused = await thrownBy(ask({ messages: [{ role: 'user', content: [image] }] }))
  assert.instance(refused, Anthropic.BadRequestError)
  assert.match(
    (refused as Error).message,
    /messages\[0\]\.content\[0\]\.type.* must be text or tool_result; molm reads no images/,
  )
  assert.instance(await thrownBy(ask({ model: 'claude' })), Anthropic.NotFoundError)
  const { status, body } = await post(nano.url, PATH, { ...GREEDY, messages: LANTERN, tool_choice: { type: 'any' } })
  assert.equal([status, body.type, body.error.type], [400, 'error', 'invalid_request_error'])
})

test('the key may come as X-Api-Key', () =>
  withNano({ apiKey: 'secret' }, nano.model, async (own) => {
    const { content } = await clientOf(own, 'secret').messages.create({ ...GREEDY, messages: LANTERN })
    assert.is(content.length, 1)
    assert.instance(
      await thrownBy(clientOf(own, 'wrong').messages.create({ ...GREEDY, messages: LANTERN })),
      Anthropic.AuthenticationError,
    )
  }))

test.run()
