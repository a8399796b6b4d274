import { createAnthropic } from '@ai-sdk/anthropic'
import { createOpenAI } from '@ai-sdk/openai'
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { type AIMessageChunk, HumanMessage, type ToolMessage } from '@langchain/core/messages'
import { tool as langchainTool } from '@langchain/core/tools'
import { ChatOllama, Ollama } from '@langchain/ollama'
import { ChatOpenAI } from '@langchain/openai'
import { APICallError, generateText, type LanguageModel, Output, stepCountIs, streamText, tool } from 'ai'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { thrownBy } from '../support/rejects.js'
import { type Served, serverFor, sharedNano, until } from './served.js'
import { ANSWER, CONCLUSION, GREETING, QUESTION, sharedParrot, THOUGHTS } from './weather-parrot.js'

/* Third-party clients with each API that they know: nano answers, and a parrot thinks and calls tools. */
globalThis.AI_SDK_LOG_WARNINGS = false
const test = suite('clients')

const LANTERN = 'What is a lantern?'
const LANTERN_ANSWER = /^A lantern is .*\S$/
const DESCRIPTION = 'The weather in a city'
const CITY = z.object({ city: z.string() })
const PLACE = z.object({
  city: z.string().max(12),
  kind: z.enum(['town', 'village']),
  people: z.number().int().min(1).max(9_999_999),
  rivers: z.array(z.object({ name: z.string().max(8), isLong: z.boolean() })).max(2),
  mayor: z.string().max(8).nullable(),
})
const nano = serverFor(test, sharedNano)
const parrot = serverFor(test, sharedParrot)

/** Waits until nothing runs: the client's abort has reached the model. */
const atRest = () => until(async () => (await nano.model.stats()).sequencesRunning === 0)

/** A tool's function, and the cities that it was called with. */
function weather() {
  const cities: string[] = []
  const run = ({ city }: { city: string }) => {
    cities.push(city)
    return city === 'Bern' ? '21 degrees' : '30 degrees'
  }
  return { cities, run }
}

const compatible = ({ client: { baseURL } }: Served) =>
  createOpenAICompatible({ name: 'molm', baseURL, supportsStructuredOutputs: true })
const AI_SDK: Record<string, (served: Served, name: string) => LanguageModel> = {
  'chat completions': (served, name) => compatible(served)(name),
  messages: ({ client: { baseURL } }, name) => createAnthropic({ baseURL, apiKey: 'none' })(name),
  responses: ({ client: { baseURL } }, name) => createOpenAI({ baseURL, apiKey: 'none' })(name),
}

for (const [api, modelOf] of Object.entries(AI_SDK)) {
  // Without it, the client refers to stored items from the second step on.
  const common = { temperature: 0, maxRetries: 0, providerOptions: { openai: { store: false } } }

  test(`the AI SDK chats by ${api}, whole and streamed`, async () => {
    const ask = { ...common, model: modelOf(nano, 'nano'), prompt: LANTERN }
    const { text, usage, finishReason } = await generateText(ask)
    assert.match(text, LANTERN_ANSWER)
    assert.is(finishReason, 'stop')
    assert.ok((usage.inputTokens ?? 0) > 4 && (usage.outputTokens ?? 0) > 4)
    let streamed = ''
    for await (const part of streamText(ask).textStream) streamed += part
    assert.is(streamed, text)
  })

  test(`the AI SDK runs tools by ${api}, and has thoughts apart`, async () => {
    // Of responses, the client shows summaries of thoughts alone, and there are none.
    const [thoughts, conclusion] = api === 'responses' ? ['', ''] : [THOUGHTS, CONCLUSION]
    const { cities, run } = weather()
    const get_weather = tool({ description: DESCRIPTION, inputSchema: CITY, execute: run })
    const asked = { ...common, model: modelOf(parrot, 'parrot'), prompt: QUESTION, stopWhen: stepCountIs(3) }
    const ask = { ...asked, tools: { get_weather } }
    const { text, steps, reasoningText, finishReason } = await generateText(ask)
    assert.equal([text, reasoningText, finishReason], [ANSWER, conclusion, 'stop'])
    assert.is(steps[0].reasoningText, thoughts)
    assert.is(steps[0].finishReason, 'tool-calls')
    // Anthropic's usage has no field for it.
    if (api !== 'messages') assert.ok((steps[0].usage.outputTokenDetails.reasoningTokens ?? 0) > 4)
    const parts = { 'reasoning-delta': '', 'text-delta': '' }
    for await (const part of streamText(ask).fullStream) {
      if (part.type === 'reasoning-delta' || part.type === 'text-delta') parts[part.type] += part.text
    }
    assert.equal(parts, { 'reasoning-delta': thoughts + conclusion, 'text-delta': ANSWER })
    assert.equal(cities, ['Bern', 'Rome', 'Bern', 'Rome'])
  })

  test(`the AI SDK asks for an object, a choice and any JSON by ${api}`, async () => {
    const asked = { ...common, model: modelOf(nano, 'nano'), prompt: 'Name a place.', maxOutputTokens: 200 }
    const place = { ...asked, output: Output.object({ schema: PLACE }) }
    const { output } = await generateText(place)
    PLACE.parse(output)
    const streamed = streamText(place)
    let parts = 0
    for await (const _ of streamed.partialOutputStream) parts++
    assert.equal(await streamed.output, output)
    // By messages the client asks for a call of a tool, whose arguments come whole.
    assert.ok(parts > (api === 'messages' ? 0 : 1))
    const chosen = await generateText({ ...asked, output: Output.choice({ options: ['yes', 'no'] }) })
    assert.ok(['yes', 'no'].includes(chosen.output))
    const described = await generateText({ ...asked, prompt: 'Describe a spider as JSON.', output: Output.json() })
    assert.type(described.output, 'object')
  })
}

test('the AI SDK aborts, shows refusals, switches thinking off and forces a tool', async () => {
  const ask = { model: compatible(nano)('nano'), prompt: LANTERN, temperature: 0, maxRetries: 0 }
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

  const stored = {
    model: AI_SDK.responses(nano, 'nano'),
    providerOptions: { openai: { previousResponseId: 'resp_1' } },
  }
  for (const [wrong, message] of [
    [{ frequencyPenalty: 1 }, /"frequency_penalty" is not supported; leave it out, or send 0/],
    [stored, /nothing is stored/],
  ] as const) {
    const refusal = await thrownBy(generateText({ ...ask, ...wrong }))
    assert.instance(refusal, APICallError)
    assert.match((refusal as Error).message, message)
  }

  const quick = { ...ask, model: compatible(parrot)('parrot'), prompt: 'Hi' }
  const { text, reasoningText = '' } = await generateText({
    ...quick,
    providerOptions: { molm: { reasoningEffort: 'none' } },
  })
  assert.equal([text, reasoningText], [GREETING, ''])
  const get_weather = tool({ description: DESCRIPTION, inputSchema: CITY })
  const toolChoice = { type: 'tool', toolName: 'get_weather' } as const
  const [call] = (await generateText({ ...quick, tools: { get_weather }, toolChoice })).toolCalls
  assert.is(call.toolName, 'get_weather')
  assert.type((call.input as { city: string }).city, 'string')
})

const chatOpenAI = ({ client: { baseURL } }: Served, model: string, more: object = {}) =>
  new ChatOpenAI({ model, apiKey: 'none', temperature: 0, maxRetries: 0, configuration: { baseURL }, ...more })
const LANGCHAIN: Record<string, (served: Served, model: string) => ChatOpenAI | ChatOllama> = {
  'chat completions': chatOpenAI,
  responses: (served, model) => chatOpenAI(served, model, { useResponsesApi: true }),
  // The options that n8n sends for a node with all of its settings at their defaults.
  ollama: ({ url: baseUrl }, model) =>
    new ChatOllama({
      ...{ model, baseUrl, temperature: 0, checkOrPullModel: true, keepAlive: '5m', lowVram: false, mainGpu: 0 },
      ...{ numBatch: 512, numGpu: -1, numThread: 0, penalizeNewline: true, presencePenalty: 0, frequencyPenalty: 0 },
      ...{ repeatPenalty: 1, topK: -1, topP: 1, useMlock: false, useMmap: true, vocabOnly: false, numCtx: 2048 },
    }),
}

for (const [api, chatOf] of Object.entries(LANGCHAIN)) {
  /** A text, or the texts of its parts joined. */
  const textOf = (parts: unknown) =>
    typeof parts === 'string' ? parts : (parts as { text?: string }[]).map(({ text = '' }) => text).join('')

  test(`LangChain chats by ${api}, whole and streamed, and asks for an object`, async () => {
    const chat = chatOf(nano, 'nano')
    const { content, usage_metadata: usage } = await chat.invoke(LANTERN)
    assert.match(textOf(content), LANTERN_ANSWER)
    assert.ok((usage?.input_tokens ?? 0) > 4 && (usage?.output_tokens ?? 0) > 4)
    let streamed = ''
    for await (const part of await chat.stream(LANTERN)) streamed += textOf(part.content)
    assert.is(streamed, textOf(content))
    const asked = chat.withStructuredOutput(PLACE, { name: 'place', method: 'jsonSchema' })
    PLACE.parse(await asked.invoke('Name a place.'))
  })

  test(`LangChain calls tools by ${api}, and sends their results back`, async () => {
    const { cities, run } = weather()
    const get_weather = langchainTool(run, { name: 'get_weather', description: DESCRIPTION, schema: CITY })
    const chat = chatOf(parrot, 'parrot').bindTools([get_weather])
    const question = new HumanMessage(QUESTION)
    const asked = await chat.invoke([question])
    const results: ToolMessage[] = []
    for (const call of asked.tool_calls ?? []) {
      results.push(await get_weather.invoke({ ...call, type: 'tool_call' }))
    }
    assert.equal(cities, ['Bern', 'Rome'])
    assert.is(textOf((await chat.invoke([question, asked, ...results])).content), ANSWER)
    let whole: AIMessageChunk | undefined
    for await (const chunk of await chat.stream([question])) whole = whole ? whole.concat(chunk) : chunk
    assert.equal(
      whole?.tool_calls?.map(({ name, args }) => [name, args]),
      ['Bern', 'Rome'].map((city) => ['get_weather', { city }]),
    )
  })
}

test('LangChain names users, aborts, shows a refusal, and completes texts by ollama', async () => {
  const content = (await chatOpenAI(nano, 'nano').invoke(LANTERN)).content
  const named = await chatOpenAI(nano, 'nano').invoke([{ role: 'user', content: LANTERN, name: 'Ann' }])
  assert.is(named.content, content)
  assert.is(await new Ollama({ model: 'nano', baseUrl: nano.url, temperature: 0 }).invoke(LANTERN), content)

  const controller = new AbortController()
  const endless = chatOpenAI(nano, 'nano', { maxTokens: 30_000, modelKwargs: { ignore_eos: true } })
  const stream = await endless.stream(LANTERN, { signal: controller.signal })
  const rest = async () => {
    for await (const _ of stream) controller.abort()
  }
  assert.match(String(await thrownBy(rest())), /abort/i)
  await atRest()

  const refusal = await thrownBy(chatOpenAI(nano, 'nano', { frequencyPenalty: 1 }).invoke(LANTERN))
  assert.match(String(refusal), /"frequency_penalty" is not supported; leave it out, or send 0/)
})

test.run()
