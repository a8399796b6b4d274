import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { OptionName } from '#molm/api/generation-options.js'
import { apiOf } from '#molm/server/apis.js'
import { post, serverFor, sharedNano } from './served.js'
import { WEATHER_TOOL } from './weather-parrot.js'

/* Values that no API takes: each refuses them by its own name of the field. */
const test = suite('wrong fields')
const served = serverFor(test, sharedNano)

const user = { role: 'user', content: 'a' }
const MESSAGES = [user]
const TOOL = { type: 'function', ...WEATHER_TOOL.function }
const callItem = { type: 'function_call', call_id: 'c', name: 'f', arguments: '{}' }

/** Values of the options of a generation, and what the refusal says that they must be. */
const OPTIONS: [OptionName, unknown, RegExp][] = [
  ['temperature', -0.1, /a number not below 0$/],
  ['temperature', 'hot', /a number not below 0$/],
  ['topP', 1.1, /between 0 and 1$/],
  ['topP', 'a', /between 0 and 1$/],
  ['topK', 2.5, /an integer not below 0|a whole number from -1/],
  ['minP', -1, /between 0 and 1$/],
  ['repeatPenalty', 0, /a number above 0$/],
  ['seed', 0.5, /a whole number of at most 64 bits$/],
  ['seed', 1e19, /a whole number of at most 64 bits$/],
  ['seed', 'lucky', /a whole number of at most 64 bits$/],
  ['maxTokens', -3, /a whole number from (0 on$|-2)/],
  ['maxTokens', 'all', /a whole number from (0 on$|-2)/],
  ['stop', [''], /none of them empty$/],
  ['stop', 3, /a text or a list of texts$/],
]

/** Fields that all bodies have. */
const ALL: Row[] = [
  ['model', { model: 7 }, /a text$/],
  ['stream', { stream: 'yes' }, /true or false$/],
]

type Row = [field: string, body: object, mustBe?: RegExp]

/** A right body of each endpoint, and changes that make it wrong. */
const ENDPOINTS: Record<string, { body: object; rows: Row[] }> = {
  '/v1/completions': {
    body: { prompt: 'a' },
    rows: [
      ['n', { n: 0 }, /a whole number from 1 to 128$/],
      ['echo', { echo: 1 }, /true or false$/],
      ['logprobs', { logprobs: 21 }, /a whole number from 0 to 20$/],
      ['routed_experts', { routed_experts: 'all' }, /true, false or "answer"$/],
      ['stream_options', { stream_options: 3 }, /an object$/],
      ['prompt', { prompt: 7 }, /a text, a list of texts/],
      ['prompt', { prompt: [1.5] }, /a text, a list of texts/],
      ['prompt', { prompt: [[1], 'a'] }, /a text, a list of texts/],
      ['prompt', { prompt: undefined }, /^"prompt" is missing$/],
    ],
  },
  '/v1/chat/completions': {
    body: { messages: MESSAGES },
    rows: [
      ['messages', { messages: undefined }, /^"messages" is missing$/],
      ['messages', { messages: [] }, /must have a message in it$/],
      ['messages[0].role', { messages: [{ role: 'function', content: 'a' }] }, /must be/],
      ['messages[0].tool_call_id', { messages: [{ role: 'tool', content: 'a' }] }, /missing/],
      ['messages[0].content', { messages: [{ role: 'user' }] }, /must be|missing/],
      ['messages[0].content', { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: {} }] }] }],
      ['messages[0]', { messages: ['Hello'] }, /must be/],
      ['top_logprobs', { top_logprobs: 2 }, /requires "logprobs": true/],
      ['max_tokens', { max_tokens: 2, max_completion_tokens: 3 }, /are the same option; send one/],
    ],
  },
  '/v1/responses': {
    body: { input: 'a' },
    rows: [
      ['input', { input: undefined }],
      ['input', { input: 7 }],
      ['input', { input: [] }],
      ['input[0]', { input: ['a'] }],
      ['input[0].type', { input: [{}] }],
      ['input[0].type', { input: [{ type: 'web_search_call', id: 'a' }] }],
      ['input[1].role', { input: [user, { role: 'judge', content: 'a' }] }],
      ['input[0].content', { input: [{ role: 'user' }] }],
      ['input[0].content', { input: [{ role: 'user', content: 7 }] }],
      ['input[0].content[0]', { input: [{ role: 'user', content: ['a'] }] }],
      ['input[0].content[0].type', { input: [{ role: 'user', content: [{ type: 'input_image', image_url: 'a' }] }] }],
      ['input[0].content[0].text', { input: [{ role: 'user', content: [{ type: 'input_text' }] }] }],
      [
        'input[0].content[0].detail',
        { input: [{ role: 'user', content: [{ type: 'input_text', text: 'a', detail: 1 }] }] },
      ],
      ['input[0].mood', { input: [{ ...user, mood: 'good' }] }],
      ['input[1].call_id', { input: [user, { ...callItem, call_id: '' }] }],
      ['input[1].name', { input: [user, { ...callItem, name: 7 }] }],
      ['input[1].arguments', { input: [user, { ...callItem, arguments: '[]' }] }],
      ['input[1].arguments', { input: [user, { ...callItem, arguments: {} }] }],
      ['input[0].call_id', { input: [{ type: 'function_call_output', output: 'a' }] }],
      ['input[0].output', { input: [{ type: 'function_call_output', call_id: 'a' }] }],
      ['input[0].summary', { input: [{ type: 'reasoning', id: 'a', summary: 7 }] }],
      ['instructions', { instructions: [] }],
      ['stream_options', { stream_options: true }],
      ['tools', { tools: {} }],
      ['tools[0].type', { tools: [{ type: 'file_search' }] }],
      ['tools[0].name', { tools: [{ type: 'function', name: 'a b' }] }],
      ['tools[0].parameters', { tools: [{ type: 'function', name: 'f', parameters: 7 }] }],
      ['tools[0].function', { tools: [{ type: 'function', name: 'f', function: {} }] }],
      [
        'tools[1].name',
        {
          tools: [
            { type: 'function', name: 'f' },
            { type: 'function', name: 'f' },
          ],
        },
      ],
      ['tool_choice', { tool_choice: 'must' }],
      ['tool_choice', { tool_choice: 'required' }],
      ['tool_choice', { tools: [TOOL], tool_choice: { type: 'function', name: 'g' } }],
      ['parallel_tool_calls', { parallel_tool_calls: 1 }],
      ['text', { text: 'json' }],
      ['text.format', { text: { format: 'json' } }],
      ['text.format.schema', { text: { format: { type: 'json_schema', name: 'a', schema: 7 } } }],
      ['text.format.schema', { text: { format: { type: 'json_schema', name: 'a', schema: { type: 'nothing' } } } }],
      ['reasoning', { reasoning: 'high' }],
      ['reasoning.effort', { reasoning: { effort: 'hard' } }],
      ['include', { include: 'all' }],
      ['top_logprobs', { top_logprobs: 21 }],
      ['background', { background: true }],
      ['truncation', { truncation: 'auto' }],
      ['metadata', { metadata: 7 }],
      ['max_tokens', { max_tokens: 7 }],
      ['messages', { messages: [] }],
    ],
  },
  '/v1/messages': {
    body: { messages: MESSAGES },
    rows: [
      ['messages', { messages: undefined }, /is missing$/],
      ['messages', { messages: [] }, /must have a message in it$/],
      ['messages', { messages: 'Hello' }],
      ['messages[0]', { messages: ['Hello'] }],
      ['messages[0].role', { messages: [{ role: 'judge', content: 'a' }] }],
      ['messages[0].content', { messages: [{ role: 'user' }] }, /is missing$/],
      ['messages[0].content', { messages: [{ role: 'user', content: 7 }] }],
      ['messages[0].mood', { messages: [{ ...user, mood: 'good' }] }],
      ['messages[0].content[0].type', { messages: [{ role: 'user', content: [{ type: 'image' }] }] }, /no images/],
      ['messages[0].content[0].type', { messages: [{ role: 'user', content: [{ type: 'tool_use' }] }] }],
      ['messages[0].content[0].text', { messages: [{ role: 'user', content: [{ type: 'text' }] }] }],
      [
        'messages[0].content[0].input',
        { messages: [{ role: 'assistant', content: [{ type: 'tool_use', id: 'c', name: 'f', input: '{}' }] }] },
      ],
      [
        'messages[0].content[0].content[0].type',
        {
          messages: [
            { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'c', content: [{ type: 'image' }] }] },
          ],
        },
      ],
      ['system', { system: 7 }],
      ['tools[0].type', { tools: [{ type: 'web_search_20250305', name: 'f' }] }, /itself runs no tools$/],
      ['tools[0].input_schema', { tools: [{ name: 'f' }] }, /is missing|must be/],
      ['tool_choice', { tool_choice: { type: 'any' } }, /requires "tools"$/],
      ['tool_choice', { tool_choice: 'auto' }],
      ['thinking', { thinking: true }],
      ['thinking.budget_tokens', { thinking: { type: 'enabled', budget_tokens: -1 } }],
      ['output_config.effort', { output_config: { effort: 'hard' } }],
      [
        'output_config.format.schema',
        { output_config: { format: { type: 'json_schema', schema: { type: 'nothing' } } } },
      ],
      ['container', { container: 'c' }],
    ],
  },
  '/api/chat': {
    body: { messages: MESSAGES },
    rows: [
      ['messages', { messages: 'Hello' }],
      ['messages[0]', { messages: ['Hello'] }],
      ['messages[0].role', { messages: [{ role: 'judge', content: 'a' }] }],
      ['messages[0].content', { messages: [{ role: 'user', content: 7 }] }],
      ['messages[0].images', { messages: [{ role: 'user', content: 'a', images: ['aGk='] }] }],
      ['messages[0].thinking', { messages: [{ role: 'assistant', content: 'a', thinking: 7 }] }],
      ['messages[0].tool_name', { messages: [{ role: 'tool', content: 'a', tool_name: 7 }] }],
      ['messages[0].tool_calls', { messages: [{ role: 'assistant', content: 'a', tool_calls: 'f' }] }],
      ['messages[0].tool_calls[0]', { messages: [{ role: 'assistant', content: 'a', tool_calls: ['f'] }] }],
      [
        'messages[0].tool_calls[0].function.arguments',
        { messages: [{ role: 'assistant', tool_calls: [{ function: { name: 'f', arguments: [1] } }] }] },
      ],
      [
        'messages[0].tool_calls[0].function.name',
        { messages: [{ role: 'assistant', tool_calls: [{ function: {} }] }] },
      ],
      ['messages[0].mood', { messages: [{ role: 'user', content: 'a', mood: 'good' }] }],
      ['tools', { tools: {} }],
      ['tools[0].function', { tools: [{ type: 'function' }] }],
      ['format', { format: 'xml' }],
      ['format', { format: [] }],
      ['format', { format: { type: 'nothing' } }],
      ['think', { think: 'hard' }],
      ['keep_alive', { keep_alive: {} }],
      ['logprobs', { logprobs: 1 }],
      ['top_logprobs', { top_logprobs: 21 }],
      ['template', { template: '{{ .Prompt }}' }],
      ['truncate', { truncate: true }],
      ['options', { options: [] }],
      ['options.num_ctx', { options: { num_ctx: 0 } }],
      ['options.mirostat', { options: { mirostat: 2 } }],
      ['options.presence_penalty', { options: { presence_penalty: 1 } }],
      ['options.num_gpu', { options: { num_gpu: 'all' } }],
      ['options.use_mmap', { options: { use_mmap: 1 } }],
      ['options.new_topic_penalty', { options: { new_topic_penalty: 1 } }],
      ['tool_choice', { tool_choice: 'auto' }],
    ],
  },
  '/api/generate': {
    body: { prompt: 'a' },
    rows: [
      ['prompt', { prompt: ['a'] }],
      ['suffix', { suffix: 1 }],
      ['system', { system: 1 }],
      ['system', { raw: true, system: 'Be short.' }],
      ['raw', { raw: 'yes' }],
      ['template', { template: 'a' }],
      ['context', { context: [1] }],
      ['images', { images: ['aGk='] }],
      ['width', { width: 512 }],
    ],
  },
  '/api/show': {
    body: {},
    rows: [
      ['model', { model: 1 }],
      ['name', { name: 1 }],
      ['options', { options: 'a' }],
      ['colour', { colour: 'red' }],
    ],
  },
  '/tokenize': { body: {}, rows: [['prompt', { prompt: 3 }, /must be a text$/]] },
  '/detokenize': { body: {}, rows: [['tokens[0]', { tokens: ['a'] }, /must be a token id$/]] },
}

/** An object with a value at a path such as `options.top_k`. */
function at(path: string, value: unknown): object {
  return path.split('.').reduceRight<unknown>((inner, name) => ({ [name]: inner }), value) as object
}

for (const [path, { body, rows }] of Object.entries(ENDPOINTS)) {
  test(`${path} refuses a wrong value by the name of its field`, async () => {
    const { names, bodies } = apiOf(path)
    const generates = Object.hasOwn(bodies, path)
    const options = OPTIONS.map(([name, value, mustBe]): Row => [names[name], at(names[name], value), mustBe])
    for (const [field, wrong, mustBe = /./] of generates ? [...ALL, ...options, ...rows] : rows) {
      const { status, body: answer } = await post(served.url, path, { ...body, ...wrong })
      const said = `${JSON.stringify(wrong)}: ${JSON.stringify(answer)}`
      assert.is(status, 400, said)
      if (path.startsWith('/api/')) {
        assert.equal(Object.keys(answer), ['error'])
        assert.ok(answer.error.includes(`"${field}"`), said)
      } else if (path === '/v1/messages') assert.ok(answer.error.message.includes(`"${field}"`), said)
      else assert.is(answer.error.param, field, said)
      assert.match(answer.error.message ?? answer.error, mustBe, said)
    }
  })
}

test.run()
