import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { ChatMessage } from '#molm/api/text.js'
import { writeChat } from '#molm/text/chat-frame.js'
import { rejectsWithUserError } from '../support/rejects.js'
import { CALLED, type Family, familyTemplate, framedBy, HI, WEATHER } from './framed.js'

const test = suite('tools in prompts')

/** Text of CALLED behind the question, as each family writes it. */
const HISTORIES: Partial<Record<Family, string>> = {
  qwen3:
    '<|im_start|>assistant\n<think>\nTwo places.\n</think>\n\n' +
    '<tool_call>\n{"name": "weather", "arguments": {"place": "Bern"}}\n</tool_call>\n' +
    '<tool_call>\n{"name": "weather", "arguments": {"place": "Oslo"}}\n</tool_call><|im_end|>\n' +
    '<|im_start|>user\n<tool_response>\nsun\n</tool_response>\n<tool_response>\nsnow\n</tool_response><|im_end|>\n' +
    '<|im_start|>assistant\n',
  'qwen3-coder':
    '<|im_start|>assistant\n<tool_call>\n<function=weather>\n<parameter=place>\nBern\n</parameter>\n</function>\n</tool_call>\n' +
    '<tool_call>\n<function=weather>\n<parameter=place>\nOslo\n</parameter>\n</function>\n</tool_call><|im_end|>\n' +
    '<|im_start|>user\n<tool_response>\nsun\n</tool_response>\n<tool_response>\nsnow\n</tool_response>\n<|im_end|>\n' +
    '<|im_start|>assistant\n',
  'qwen3.5':
    '<|im_start|>assistant\n<think>\nTwo places.\n</think>\n\n' +
    '<tool_call>\n<function=weather>\n<parameter=place>\nBern\n</parameter>\n</function>\n</tool_call>\n' +
    '<tool_call>\n<function=weather>\n<parameter=place>\nOslo\n</parameter>\n</function>\n</tool_call><|im_end|>\n' +
    '<|im_start|>user\n<tool_response>\nsun\n</tool_response>\n<tool_response>\nsnow\n</tool_response><|im_end|>\n' +
    '<|im_start|>assistant\n<think>\n',
  granite4:
    '<|start_of_role|>assistant<|end_of_role|>' +
    '<tool_call>\n{"name": "weather", "arguments": {"place": "Bern"}}\n</tool_call>\n' +
    '<tool_call>\n{"name": "weather", "arguments": {"place": "Oslo"}}\n</tool_call><|end_of_text|>\n' +
    '<|start_of_role|>user<|end_of_role|>\n<tool_response>\nsun\n</tool_response>\n<tool_response>\nsnow\n</tool_response>' +
    '<|end_of_text|>\n<|start_of_role|>assistant<|end_of_role|>',
  'granite3.1':
    '<|start_of_role|>assistant<|end_of_role|><|tool_call|>' +
    '[{"name":"weather","arguments":{"place":"Bern"}},{"name":"weather","arguments":{"place":"Oslo"}}]<|end_of_text|>\n' +
    '<|start_of_role|>tool_response<|end_of_role|>sun<|end_of_text|>\n' +
    '<|start_of_role|>tool_response<|end_of_role|>snow<|end_of_text|>\n<|start_of_role|>assistant<|end_of_role|>',
  harmony:
    '<|start|>assistant<|channel|>analysis<|message|>Two places.<|end|>' +
    '<|start|>assistant to=functions.weather<|channel|>commentary json<|message|>{"place": "Bern"}<|call|>' +
    '<|start|>functions.weather to=assistant<|channel|>commentary<|message|>"sun"<|end|>' +
    '<|start|>assistant to=functions.weather<|channel|>commentary json<|message|>{"place": "Oslo"}<|call|>' +
    '<|start|>functions.weather to=assistant<|channel|>commentary<|message|>"snow"<|end|><|start|>assistant',
  gemma4:
    '<|turn>model\n<|tool_call>call:weather{place:<|"|>Bern<|"|>}<tool_call|>' +
    '<|tool_call>call:weather{place:<|"|>Oslo<|"|>}<tool_call|>' +
    '<|tool_response>response:weather{value:<|"|>sun<|"|>}<tool_response|>' +
    '<|tool_response>response:weather{value:<|"|>snow<|"|>}<tool_response|><|channel>thought\n<channel|>',
  'lfm2.5':
    "<|im_start|>assistant\n<think>Two places.</think><|tool_call_start|>[weather(place='Bern'), weather(place='Oslo')]" +
    '<|tool_call_end|><|im_end|>\n<|im_start|>tool\nsun<|im_end|>\n<|im_start|>tool\nsnow<|im_end|>\n' +
    '<|im_start|>assistant\n',
  glm:
    '<|assistant|>\n<think>Two places.</think>' +
    '<tool_call>weather<arg_key>place</arg_key>\n<arg_value>Bern</arg_value></tool_call>' +
    '<tool_call>weather<arg_key>place</arg_key>\n<arg_value>Oslo</arg_value></tool_call>' +
    '<|observation|>\n<tool_response>\nsun\n</tool_response><|observation|>\n<tool_response>\nsnow\n</tool_response>' +
    '<|assistant|>',
}

test('calls, results and thoughts are written as each family wants them', async () => {
  for (const [family, expected] of Object.entries(HISTORIES)) {
    const { text } = await framedBy(family as Family, CALLED, { tools: [WEATHER] })
    const answer =
      /<\|assistant\|>|<\|turn>model|<\|start\|>assistant|<\|im_start\|>assistant|<\|start_of_role\|>assistant/
    const from = text.indexOf('Weather in Bern')
    assert.ok(text.slice(0, from).includes('Weather of a place.'), `${family}: the tool is described`)
    assert.is(text.slice(from + text.slice(from).search(answer)), expected, family)
  }
})

test('ids of calls become 9 letters and digits if a template wants them, the same for call and result', async () => {
  const { text } = await framedBy('mistral', CALLED, { tools: [WEATHER] })
  const ids = [...text.matchAll(/"(?:call_)?id": "([A-Za-z0-9]{9})"/g)].map(([, id]) => id)
  assert.is(ids.length, 4)
  assert.equal([ids[0], ids[1]], [ids[2], ids[3]])
  assert.is.not(ids[0], ids[1])
  const own = CALLED.map((message) => JSON.parse(JSON.stringify(message).replaceAll('call_', 'abcdefgh')))
  assert.match((await framedBy('mistral', own)).text, /"id": "abcdefgh1".*"call_id": "abcdefgh2"/)
})

test('arguments are texts for a template that joins them, and calls come one a message if it takes no more', async () => {
  const joined = await framedBy('deepseek-v3', CALLED)
  assert.match(joined.text, /weather\n```json\n\{"place":"Bern"\}\n```/)
  const single = await framedBy('llama3.1', CALLED)
  assert.match(single.text, /"place": "Bern".*"sun".*"place": "Oslo".*"snow"/s)
})

test('tools without description or parameters get empty ones, and handlers stay out', async () => {
  const tools = [{ name: 'now', run: () => 0 }]
  for (const family of ['qwen3', 'qwen3-coder', 'qwen3.5', 'harmony', 'gemma4', 'glm', 'lfm2.5', 'mistral'] as const) {
    const { text, reading } = await framedBy(family, HI, { tools })
    assert.match(text, 'now', family)
    assert.is(reading.tools, tools)
  }
})

test("the choice 'none' leaves tools out of the prompt, and a call would be content", async () => {
  const { text, guide, reading } = await framedBy('qwen3', HI, { tools: [WEATHER], toolChoice: 'none' })
  assert.is(text, (await framedBy('qwen3', HI)).text)
  assert.is(guide, undefined)
  assert.is(reading.tools, undefined)
})

test('a model that cannot use tools refuses them, their calls and their results', async () => {
  const tools = [WEATHER]
  const results: ChatMessage[] = [...HI, { role: 'tool', content: 'sun', toolCallId: 'a' }]
  const calls = CALLED.slice(0, 2)
  const cases: [family: Family, messages: readonly ChatMessage[], options: object, message: RegExp][] = [
    [
      'smallthinker',
      HI,
      { tools },
      /^smallthinker was not trained to call tools; models of Granite, .* and gpt-oss were: molm pull NAME$/,
    ],
    ['mixtral', HI, { tools }, /^mixtral was not trained to call tools; models of/],
    ['smallthinker', results, {}, /^smallthinker's chat template leaves results of tools out$/],
    ['smallthinker', [...calls, ...HI], {}, /^smallthinker's chat template leaves calls of tools out$/],
  ]
  for (const [family, messages, options, message] of cases) {
    await rejectsWithUserError(() => framedBy(family, messages, options), message)
  }
  const known = await familyTemplate('qwen3')
  const ignores = { ...(await familyTemplate('smallthinker')), response: known.response }
  Object.setPrototypeOf(ignores, Object.getPrototypeOf(await familyTemplate('smallthinker')))
  await rejectsWithUserError(
    () => writeChat(HI, { template: ignores, tools, model: 'small' }),
    /^small cannot use tools: its chat template leaves them out$/,
  )
  await rejectsWithUserError(
    () => writeChat(HI, { tools }),
    /^the model cannot use tools: it has no chat template; models of .* can: molm pull NAME$/,
  )
  await rejectsWithUserError(() => writeChat(results), /no chat template/)
})

test('wrong tools and choices are named', async () => {
  const cases: [options: object, message: RegExp][] = [
    [{ tools: [{ name: '' }] }, /^tool 1 needs a name/],
    [{ tools: [WEATHER, { name: 'a b' }] }, /^tool 2 needs a name/],
    [{ tools: [{}] }, /^tool 1 needs a name/],
    [
      { tools: [{ type: 'function', function: WEATHER }] },
      /^tool 1 has the form of OpenAI's API: give its `function` alone$/,
    ],
    [{ tools: [WEATHER, WEATHER] }, /^two tools have the name weather$/],
    [{ tools: [{ name: 'a', parameters: [] }] }, /^the parameters of tool a must be a JSON Schema of type "object"$/],
    [{ tools: [{ name: 'a', parameters: { type: 'string' } }] }, /must be a JSON Schema of type "object"$/],
    [{ tools: [WEATHER], toolChoice: { name: 'now' } }, /^the tool to call, now, is not one of the tools$/],
    [{ toolChoice: 'required' }, /^a call is required, and there are no tools$/],
    [{ tools: [WEATHER], args: { tools: [] } }, /^tools are given twice/],
  ]
  for (const [options, message] of cases) await rejectsWithUserError(() => framedBy('qwen3', HI, options), message)
})

test('calls without results are no answer that could be continued', async () => {
  const calls = CALLED.slice(0, 2)
  const message = /^the last message has calls of tools: their results must follow$/
  await rejectsWithUserError(() => framedBy('qwen3', calls, { tools: [WEATHER] }), message)
  await rejectsWithUserError(() => writeChat(calls), message)
})

test('thoughts of earlier answers are left out if the template does not name them', async () => {
  const messages = [...HI, { role: 'assistant', content: 'Hello.', thinking: 'A greeting.' }, ...HI]
  for (const family of ['granite4', 'mixtral', 'smallthinker'] as const) {
    assert.not.match((await framedBy(family, messages)).text, 'greeting')
  }
  assert.match((await framedBy('glm', messages)).text, 'A greeting.')
})

test.run()
