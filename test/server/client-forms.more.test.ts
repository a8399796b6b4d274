import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { ChatOpenAI } from '@langchain/openai'
import { generateObject, streamObject } from 'ai'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { thrownBy } from '../support/rejects.js'
import { serverFor, sharedNano } from './served.js'

/* Third-party clients ask for JSON by a schema, as they send it. */
const test = suite('forms with clients of many servers')

const PLACE = z.object({
  city: z.string().max(12),
  kind: z.enum(['town', 'village']),
  people: z.number().int().min(1).max(9_999_999),
  rivers: z.array(z.object({ name: z.string().max(8), isLong: z.boolean() })).max(2),
  mayor: z.string().max(8).nullable(),
})
const PROMPT = 'Name a place.'
/** Tokens that are enough for any place. */
const MOST = 200
const served = serverFor(test, sharedNano)

test('the AI SDK generates and streams an object', async () => {
  const { baseURL } = served.client
  const nano = createOpenAICompatible({ name: 'molm', baseURL, supportsStructuredOutputs: true })('nano')
  const plain = { model: nano, prompt: PROMPT, maxRetries: 0, maxOutputTokens: MOST, seed: 3, temperature: 1 }
  const ask = { ...plain, schema: PLACE }
  const { object, finishReason } = await generateObject(ask)
  assert.is(finishReason, 'stop')
  PLACE.parse(object)
  const streamed = streamObject(ask)
  let parts = 0
  for await (const _ of streamed.partialObjectStream) parts++
  assert.equal(await streamed.object, object)
  assert.ok(parts > 1)
  const chosen = await generateObject({ ...plain, output: 'enum', enum: ['yes', 'no'] })
  assert.ok(['yes', 'no'].includes(chosen.object))
  const any = createOpenAICompatible({ name: 'molm', baseURL })('nano')
  const free = await generateObject({ ...plain, model: any, output: 'no-schema' })
  assert.type(free.object, 'object')
})

test('LangChain has structured output', async () => {
  const { baseURL } = served.client
  const limits = { temperature: 0, maxTokens: MOST, maxRetries: 0 }
  const options = { model: 'nano', apiKey: 'none', ...limits, configuration: { baseURL } }
  const nano = new ChatOpenAI(options)
  for (const method of ['jsonSchema', 'jsonMode'] as const) {
    const asked = nano.withStructuredOutput(PLACE, { name: 'place', method })
    if (method === 'jsonSchema') PLACE.parse(await asked.invoke(PROMPT))
    // Without the schema, the model writes another object, or a long one.
    else assert.match(String(await thrownBy(asked.invoke(PROMPT))), /Failed to parse|length limit/)
  }
})

test.run()
