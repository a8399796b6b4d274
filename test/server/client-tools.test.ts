import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { type AIMessageChunk, HumanMessage, type ToolMessage } from '@langchain/core/messages'
import { tool as langchainTool } from '@langchain/core/tools'
import { ChatOpenAI } from '@langchain/openai'
import { generateText, stepCountIs, streamText, tool } from 'ai'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { serverFor } from './served.js'
import { ANSWER, CONCLUSION, GREETING, QUESTION, sharedParrot, THOUGHTS, WEATHER_TOOL } from './weather-parrot.js'

/* Third-party clients call tools and receive thoughts apart. */
const test = suite('tools with clients')

const DESCRIPTION = 'The weather in a city'
const CITY = z.object({ city: z.string() })
const served = serverFor(test, sharedParrot)

/** A tool's function, and the cities that it was called with. */
function weather() {
  const cities: string[] = []
  const run = ({ city }: { city: string }) => {
    cities.push(city)
    return city === 'Bern' ? '21 degrees' : '30 degrees'
  }
  return { cities, run }
}

test('openai runs tools, complete and streamed', async () => {
  const { completions } = served.client.chat
  const ask = { model: 'parrot', messages: [{ role: 'user' as const, content: QUESTION }], temperature: 0 }
  for (const stream of [false, true]) {
    const { cities, run } = weather()
    const parse = (text: string) => CITY.parse(JSON.parse(text))
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

test('openai streams the parts of a message', async () => {
  const messages = [{ role: 'user' as const, content: QUESTION }]
  const stream = served.client.chat.completions.stream({ model: 'parrot', messages, tools: [WEATHER_TOOL] })
  const done: string[] = []
  stream.on('tool_calls.function.arguments.done', ({ name, arguments: args }) => done.push(`${name} ${args}`))
  const [{ message, finish_reason }] = (await stream.finalChatCompletion()).choices
  assert.is(finish_reason, 'tool_calls')
  assert.equal(done, ['get_weather {"city":"Bern"}', 'get_weather {"city":"Rome"}'])
  assert.is(message.tool_calls?.length, 2)
})

test('the AI SDK runs tools, and has thoughts apart', async () => {
  const parrot = createOpenAICompatible({ name: 'molm', baseURL: served.client.baseURL })('parrot')
  const ask = { model: parrot, prompt: QUESTION, temperature: 0, maxRetries: 0, stopWhen: stepCountIs(3) }
  {
    const { cities, run } = weather()
    const get_weather = tool({ description: DESCRIPTION, inputSchema: CITY, execute: run })
    const { text, steps, reasoningText, finishReason } = await generateText({ ...ask, tools: { get_weather } })
    assert.equal([text, reasoningText, finishReason], [ANSWER, CONCLUSION, 'stop'])
    assert.equal(cities, ['Bern', 'Rome'])
    assert.is(steps[0].reasoningText, THOUGHTS)
    assert.is(steps[0].finishReason, 'tool-calls')
    assert.ok((steps[0].usage.outputTokenDetails.reasoningTokens ?? 0) > 4)
  }
  const { cities, run } = weather()
  const get_weather = tool({ description: DESCRIPTION, inputSchema: CITY, execute: run })
  const parts = { 'reasoning-delta': '', 'text-delta': '' }
  for await (const part of streamText({ ...ask, tools: { get_weather } }).fullStream) {
    if (part.type === 'reasoning-delta' || part.type === 'text-delta') parts[part.type] += part.text
  }
  assert.equal(cities, ['Bern', 'Rome'])
  assert.equal(parts, { 'reasoning-delta': THOUGHTS + CONCLUSION, 'text-delta': ANSWER })
})

test('the AI SDK switches thinking off, and forces a tool', async () => {
  const parrot = createOpenAICompatible({ name: 'molm', baseURL: served.client.baseURL })('parrot')
  const quick = { molm: { reasoningEffort: 'none' } }
  const ask = { model: parrot, prompt: 'Hi', temperature: 0, maxRetries: 0 }
  const greeting = await generateText({ ...ask, providerOptions: quick })
  assert.equal([greeting.text, greeting.reasoningText ?? ''], [GREETING, ''])
  const get_weather = tool({ description: DESCRIPTION, inputSchema: CITY })
  const toolChoice = { type: 'tool', toolName: 'get_weather' } as const
  const forced = await generateText({ ...ask, tools: { get_weather }, toolChoice })
  const [call] = forced.toolCalls
  assert.is(call.toolName, 'get_weather')
  assert.type((call.input as { city: string }).city, 'string')
})

test('LangChain binds tools, complete and streamed', async () => {
  const { baseURL } = served.client
  const options = { model: 'parrot', apiKey: 'none', temperature: 0, maxRetries: 0, configuration: { baseURL } }
  const { run } = weather()
  const get_weather = langchainTool(run, { name: 'get_weather', description: DESCRIPTION, schema: CITY })
  const parrot = new ChatOpenAI(options).bindTools([get_weather])
  const question = new HumanMessage(QUESTION)
  const answer = await parrot.invoke([question])
  const calls = answer.tool_calls ?? []
  assert.equal(
    calls.map(({ name, args }) => [name, args]),
    [
      ['get_weather', { city: 'Bern' }],
      ['get_weather', { city: 'Rome' }],
    ],
  )
  const results: ToolMessage[] = []
  for (const call of calls) results.push(await get_weather.invoke({ ...call, type: 'tool_call' }))
  assert.is((await parrot.invoke([question, answer, ...results])).content, ANSWER)

  let whole: AIMessageChunk | undefined
  for await (const chunk of await parrot.stream([question])) whole = whole ? whole.concat(chunk) : chunk
  const streamed = whole?.tool_calls?.map(({ args }) => args)
  assert.equal(streamed, [{ city: 'Bern' }, { city: 'Rome' }])
})

test.run()
