import OpenAI from 'openai'
import { zodResponseFormat } from 'openai/helpers/zod'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { thrownBy } from '../support/rejects.js'
import { serverFor, sharedNano, until } from './served.js'
import { ANSWER, QUESTION, sharedParrot, WEATHER_TOOL } from './weather-parrot.js'

/* OpenAI's own client with chats: its helpers for streams, forms and tools. */
const test = suite('the client openai')

const nano = serverFor(test, sharedNano)
const parrot = serverFor(test, sharedParrot)

test('chats, streams, aborts, and shows a refusal', async () => {
  const { client } = nano
  const ask = { model: 'nano', messages: [{ role: 'user' as const, content: 'What is a lantern?' }], temperature: 0 }
  const { choices, _request_id } = await client.chat.completions.create({ ...ask, store: true, metadata: { a: 'b' } })
  assert.match(choices[0].message.content ?? '', /^A lantern is .*\S$/)
  assert.match(_request_id ?? '', /^req_/)

  let streamed = ''
  for await (const chunk of await client.chat.completions.create({ ...ask, stream: true })) {
    streamed += chunk.choices[0]?.delta.content ?? ''
  }
  assert.is(streamed, choices[0].message.content)

  const controller = new AbortController()
  const endless = { model: 'nano', prompt: 'Once', max_tokens: 30_000, stream: true, ignore_eos: true } as const
  const stream = await client.completions.create(endless, { signal: controller.signal })
  for await (const _ of stream) controller.abort()
  // The abort has reached the model.
  await until(async () => (await nano.model.stats()).sequencesRunning === 0)

  const refusal = await thrownBy(client.chat.completions.create({ ...ask, functions: [{ name: 'f' }] }))
  assert.instance(refusal, OpenAI.BadRequestError)
  assert.match((refusal as Error).message, /"functions" is not supported; use "tools"/)
})

test('parses JSON by a zod schema, whole and streamed', async () => {
  const place = z.object({
    city: z.string().max(12),
    kind: z.enum(['town', 'village']),
    people: z.number().int().min(1).max(9_999_999),
    mayor: z.string().max(8).nullable(),
  })
  const { completions } = nano.client.chat
  const ask = {
    model: 'nano',
    messages: [{ role: 'user' as const, content: 'Name a place.' }],
    max_tokens: 100,
    temperature: 1,
    seed: 1,
    response_format: zodResponseFormat(place, 'place'),
  }
  const [{ message, finish_reason }] = (await completions.parse(ask)).choices
  assert.is(finish_reason, 'stop')
  place.parse(message.parsed)
  const streamed = await completions.stream(ask).finalChatCompletion()
  assert.equal(streamed.choices[0].message.parsed, message.parsed)
})

test('runs tools, complete and streamed', async () => {
  const { completions } = parrot.client.chat
  const ask = { model: 'parrot', messages: [{ role: 'user' as const, content: QUESTION }], temperature: 0 }
  for (const stream of [false, true]) {
    const cities: string[] = []
    const run = ({ city }: { city: string }) => {
      cities.push(city)
      return city === 'Bern' ? '21 degrees' : '30 degrees'
    }
    const parse = (text: string) => z.object({ city: z.string() }).parse(JSON.parse(text))
    const described = { ...WEATHER_TOOL.function, parse, function: run }
    const tools = [{ type: 'function' as const, function: described }]
    const runner = stream
      ? completions.runTools({ ...ask, tools, stream: true })
      : completions.runTools({ ...ask, tools })
    assert.is(await runner.finalContent(), ANSWER)
    assert.equal(cities, ['Bern', 'Rome'])
    const roles = runner.messages.map(({ role }) => role)
    assert.equal(roles, ['user', 'assistant', 'tool', 'tool', 'assistant'])
  }
})

test('streams the parts of a message', async () => {
  const messages = [{ role: 'user' as const, content: QUESTION }]
  const stream = parrot.client.chat.completions.stream({ model: 'parrot', messages, tools: [WEATHER_TOOL] })
  const done: string[] = []
  stream.on('tool_calls.function.arguments.done', ({ name, arguments: args }) => done.push(`${name} ${args}`))
  const [{ message, finish_reason }] = (await stream.finalChatCompletion()).choices
  assert.is(finish_reason, 'tool_calls')
  assert.equal(done, ['get_weather {"city":"Bern"}', 'get_weather {"city":"Rome"}'])
  assert.is(message.tool_calls?.length, 2)
})

test.run()
