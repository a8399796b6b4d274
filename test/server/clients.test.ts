import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { ChatOpenAI } from '@langchain/openai'
import { APICallError, generateText, streamText } from 'ai'
import OpenAI from 'openai'
import { zodResponseFormat } from 'openai/helpers/zod'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { thrownBy } from '../support/rejects.js'
import { serverFor, sharedNano, until } from './served.js'

/* Third-party clients: a chat, a stream, an abort and a refusal with each. */
const test = suite('clients')

const QUESTION = 'What is a lantern?'
const ANSWER = /^A lantern is .*\S$/
const served = serverFor(test, sharedNano)

/** Waits until nothing runs: the client's abort has reached the model. */
const atRest = () => until(async () => (await served.model.stats()).sequencesRunning === 0)

test('openai', async () => {
  const { client } = served
  const ask = { model: 'nano', messages: [{ role: 'user' as const, content: QUESTION }], temperature: 0 }
  const { choices, _request_id } = await client.chat.completions.create({ ...ask, store: true, metadata: { a: 'b' } })
  assert.match(choices[0].message.content ?? '', ANSWER)
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
  await atRest()

  const refusal = await thrownBy(client.chat.completions.create({ ...ask, functions: [{ name: 'f' }] }))
  assert.instance(refusal, OpenAI.BadRequestError)
  assert.match((refusal as Error).message, /"functions" is not supported; use "tools"/)
})

test('openai parses JSON by a zod schema, whole and streamed', async () => {
  const place = z.object({
    city: z.string().max(12),
    kind: z.enum(['town', 'village']),
    people: z.number().int().min(1).max(9_999_999),
    mayor: z.string().max(8).nullable(),
  })
  const { completions } = served.client.chat
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

test('the AI SDK', async () => {
  const nano = createOpenAICompatible({ name: 'molm', baseURL: served.client.baseURL })('nano')
  const ask = { model: nano, prompt: QUESTION, temperature: 0, maxRetries: 0 }
  const { text, finishReason, usage } = await generateText(ask)
  assert.match(text, ANSWER)
  assert.is(finishReason, 'stop')
  assert.ok((usage.inputTokens ?? 0) > 4 && (usage.outputTokens ?? 0) > 4)

  let streamed = ''
  for await (const piece of streamText(ask).textStream) streamed += piece
  assert.is(streamed, text)

  const controller = new AbortController()
  const endless = { maxOutputTokens: 30_000, providerOptions: { molm: { ignore_eos: true } } }
  const long = { ...ask, ...endless, abortSignal: controller.signal }
  const aborted: string[] = []
  for await (const { type } of streamText({ ...long, onError: () => undefined }).fullStream) {
    aborted.push(type)
    if (type === 'text-delta') controller.abort()
  }
  assert.ok(aborted.includes('abort'), aborted.join(' '))
  await atRest()

  const refusal = await thrownBy(generateText({ ...ask, frequencyPenalty: 1 }))
  assert.instance(refusal, APICallError)
  assert.match((refusal as Error).message, /"frequency_penalty" is not supported; leave it out, or send 0/)
})

test('LangChain', async () => {
  const { baseURL } = served.client
  const options = { model: 'nano', apiKey: 'none', temperature: 0, maxRetries: 0, configuration: { baseURL } }
  const nano = new ChatOpenAI(options)
  const { content, usage_metadata } = await nano.invoke(QUESTION)
  assert.match(String(content), ANSWER)
  assert.ok((usage_metadata?.output_tokens ?? 0) > 4)
  const named = await nano.invoke([{ role: 'user', content: QUESTION, name: 'Ann' }])
  assert.is(named.content, content)

  let streamed = ''
  for await (const chunk of await nano.stream(QUESTION)) streamed += chunk.content
  assert.is(streamed, content)

  const controller = new AbortController()
  const endless = new ChatOpenAI({ ...options, maxTokens: 30_000, modelKwargs: { ignore_eos: true } })
  const stream = await endless.stream(QUESTION, { signal: controller.signal })
  const rest = async () => {
    for await (const _ of stream) controller.abort()
  }
  assert.match(String(await thrownBy(rest())), /abort/i)
  await atRest()

  const refusal = await thrownBy(new ChatOpenAI({ ...options, frequencyPenalty: 1 }).invoke(QUESTION))
  assert.match(String(refusal), /"frequency_penalty" is not supported; leave it out, or send 0/)
})

test.run()
