import { createOpenAI } from '@ai-sdk/openai'
import { HumanMessage, type ToolMessage } from '@langchain/core/messages'
import { tool as langchainTool } from '@langchain/core/tools'
import { ChatOpenAI } from '@langchain/openai'
import { APICallError, generateText, Output, stepCountIs, streamText, tool } from 'ai'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { thrownBy } from '../support/rejects.js'
import { type Served, serverFor, sharedNano } from './served.js'
import { ANSWER, GREETING, QUESTION, sharedParrot } from './weather-parrot.js'

/* Third-party clients whose default is the API of responses. */
globalThis.AI_SDK_LOG_WARNINGS = false
const test = suite('responses with clients')

const CITY = z.object({ city: z.string() })
const DESCRIPTION = 'The weather in a city'
const nano = serverFor(test, sharedNano)
const parrot = serverFor(test, sharedParrot)

const openai = ({ client: { baseURL } }: Served) => createOpenAI({ baseURL, apiKey: 'none' })
/** Without it, the AI SDK refers to stored items from the second step on. */
const providerOptions = { openai: { store: false } }

test('the AI SDK chats, streams and runs tools', async () => {
  const ask = { model: openai(parrot)('parrot'), temperature: 0, maxRetries: 0, providerOptions }
  const { text, usage, finishReason } = await generateText({ ...ask, prompt: 'Hello!' })
  assert.equal([text, finishReason], [GREETING, 'stop'])
  assert.ok((usage.inputTokens ?? 0) > 4 && (usage.outputTokens ?? 0) > 4)
  let streamed = ''
  for await (const part of streamText({ ...ask, prompt: 'Hello!' }).textStream) streamed += part
  assert.is(streamed, GREETING)

  const cities: string[] = []
  const execute = ({ city }: { city: string }) => {
    cities.push(city)
    return '21 degrees'
  }
  const tools = { get_weather: tool({ description: DESCRIPTION, inputSchema: CITY, execute }) }
  const answer = await generateText({ ...ask, prompt: QUESTION, tools, stopWhen: stepCountIs(3) })
  assert.is(answer.text, ANSWER)
  assert.equal(cities, ['Bern', 'Rome'])
})

test('the AI SDK asks for an object, and shows a refusal', async () => {
  const model = openai(nano)('nano')
  const output = Output.object({ schema: CITY })
  const asked = { model, prompt: 'Where?', temperature: 0, maxOutputTokens: 200, output }
  const { output: place } = await generateText(asked)
  assert.type(place.city, 'string')
  const refusal = await thrownBy(
    generateText({ model, prompt: 'a', maxRetries: 0, providerOptions: { openai: { previousResponseId: 'resp_1' } } }),
  )
  assert.instance(refusal, APICallError)
  assert.match((refusal as Error).message, /nothing is stored/)
})

test('LangChain chats, streams and calls tools', async () => {
  const fields = { apiKey: 'none', temperature: 0, maxRetries: 0, useResponsesApi: true }
  const chat = (served: Served, model: string) =>
    new ChatOpenAI({ ...fields, model, configuration: { baseURL: served.client.baseURL } })
  const { content } = await chat(nano, 'nano').invoke('What is a lantern?')
  const textOf = (parts: unknown) =>
    typeof parts === 'string' ? parts : (parts as { text?: string }[]).map(({ text = '' }) => text).join('')
  assert.match(textOf(content), /^A lantern is .*\S$/)
  let streamed = ''
  for await (const part of await chat(nano, 'nano').stream('What is a lantern?')) streamed += textOf(part.content)
  assert.is(streamed, textOf(content))

  const weather = langchainTool(() => '21 degrees', { name: 'get_weather', description: DESCRIPTION, schema: CITY })
  const withTools = chat(parrot, 'parrot').bindTools([weather])
  const question = new HumanMessage(QUESTION)
  const asked = await withTools.invoke([question])
  assert.is(asked.tool_calls?.length, 2)
  const results: ToolMessage[] = []
  for (const call of asked.tool_calls ?? []) results.push(await weather.invoke({ ...call, type: 'tool_call' }))
  const answer = await withTools.invoke([question, asked, ...results])
  assert.is(textOf(answer.content), ANSWER)
})

test.run()
