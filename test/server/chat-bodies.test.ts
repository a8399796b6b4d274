import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { checkLength } from '#molm/server/api/begin.js'
import { chatBody, chatNulls, chatRequest } from '#molm/server/api/openai/body.js'
import type { ChatRequest } from '#molm/server/api/request.js'
import { ApiError } from '#molm/server/common/api-error.js'
import { LIMITS } from '#molm/server/common/limits.js'
import { withoutNulls } from '#molm/server/http/body.js'

/* Fields for tools, constraints and thinking: what they mean, and which are refused. */
const test = suite('bodies of chat completions')

const CONTEXT = { limits: { ...LIMITS, tools: 3, toolCharacters: 1_000, constraintCharacters: 300 } }
const SCHEMA = { type: 'object', properties: { city: { type: 'string' } } }
const tool = (name: string, more: object = {}) => ({ type: 'function', function: { name, ...more } })
const WEATHER = tool('get_weather', { description: 'The weather', parameters: SCHEMA, strict: true })

function request(fields: object): ChatRequest {
  const body = { messages: [{ role: 'user', content: 'a' }], ...fields }
  return chatRequest(chatBody.parse(withoutNulls(structuredClone(body), chatNulls)), CONTEXT.limits)
}

function tools(fields: object) {
  const { tools, toolChoice, parallelToolCalls } = request(fields)
  return { tools, toolChoice, parallelToolCalls }
}

function constraint(fields: object) {
  const { constraint } = request(fields)
  checkLength(constraint, CONTEXT)
  const { param, schema, grammar, regex } = constraint ?? {}
  return { param, schema, grammar, regex }
}

function thinking(fields: object) {
  const { think, thinkBudget, args } = request(fields)
  return { think, thinkBudget, args }
}

/** The refusal of fields, by the schema or by a check of several. */
function refusal(use: () => unknown): { param: string; message: string } {
  try {
    use()
  } catch (error) {
    if (error instanceof ApiError) {
      assert.is(error.status, 400)
      return { param: error.details.param ?? '', message: error.message }
    }
    const [{ path, message }] = (error as { issues: { path: PropertyKey[]; message: string }[] }).issues
    return { param: path.join('.'), message }
  }
  throw new Error('nothing was refused')
}

function refuses(use: () => unknown, param: string, message: RegExp): void {
  const refused = refusal(use)
  assert.is(refused.param, param, refused.message)
  assert.match(refused.message, message)
}

test('tools have a name, and perhaps a description and a schema of their arguments', () => {
  const asked = tools({ tools: [WEATHER, tool('now')], parallel_tool_calls: false })
  assert.equal(asked, {
    tools: [
      { name: 'get_weather', description: 'The weather', parameters: SCHEMA },
      { name: 'now', description: undefined, parameters: undefined },
    ],
    toolChoice: undefined,
    parallelToolCalls: false,
  })
  const none = { tools: undefined, toolChoice: undefined, parallelToolCalls: undefined }
  assert.equal(tools({}), none)
  assert.equal(tools({ tools: [], tool_choice: 'none' }), none)
})

test('a choice of tools may be a word, one function, or the functions that are allowed', () => {
  const two = { tools: [WEATHER, tool('now')] }
  for (const choice of ['none', 'auto', 'required'] as const) {
    assert.is(tools({ ...two, tool_choice: choice }).toolChoice, choice)
  }
  assert.equal(tools({ ...two, tool_choice: tool('now') }).toolChoice, { name: 'now' })
  const allowed = { type: 'allowed_tools', allowed_tools: { mode: 'required', tools: [tool('now')] } }
  const { tools: some, toolChoice } = tools({ ...two, tool_choice: allowed })
  assert.equal([some?.map(({ name }) => name), toolChoice], [['now'], 'required'])
})

test('wrong tools are refused by the field at fault', () => {
  const wrong = (field: unknown, param: string, message: RegExp) =>
    refuses(() => tools({ tools: field }), param, message)
  wrong({}, 'tools', /must be a list/)
  wrong([WEATHER, { type: 'custom', custom: {} }], 'tools.1.type', /must be "function"/)
  wrong([{ type: 'function', name: 'f' }], 'tools.0.function', /is missing/)
  wrong([tool('a b')], 'tools.0.function.name', /letters, digits/)
  wrong([tool('a\u001b[2J')], 'tools.0.function.name', /letters, digits/)
  wrong([tool('a'.repeat(129))], 'tools.0.function.name', /1 to 128/)
  wrong([tool('f', { parameters: 'none' })], 'tools.0.function.parameters', /must be an object/)
  wrong([tool('f'), tool('g'), tool('f')], 'tools[2].function.name', /"f" again; names of tools must differ/)
  wrong(
    ['f', 'g', 'h', 'i'].map((name) => tool(name)),
    'tools',
    /4 tools exceed the limit of 3/,
  )
  wrong([tool('f', { description: 'd'.repeat(1_000) })], 'tools', /characters; the limit is 1000/)
})

test('a choice of an unknown tool, or without tools, is refused', () => {
  const wrong = (tool_choice: unknown, param: string, message: RegExp) =>
    refuses(() => tools({ tools: [WEATHER], tool_choice }), param, message)
  wrong(tool('now'), 'tool_choice', /names "now", which is not in "tools"/)
  wrong('any', 'tool_choice', /"none", "auto", "required"/)
  wrong({ type: 'custom' }, 'tool_choice', /"none", "auto", "required"/)
  wrong(
    { type: 'allowed_tools', allowed_tools: { mode: 'auto', tools: [tool('now')] } },
    'tool_choice.allowed_tools',
    /names "now"/,
  )
  refuses(() => tools({ tool_choice: 'required' }), 'tool_choice', /requires "tools"/)
  refuses(() => tools({ tool_choice: tool('now') }), 'tool_choice', /requires "tools"/)
})

test('each spelling of a form becomes a schema, a grammar or a regular expression', () => {
  const object = { type: 'object' }
  const forms: [object, object][] = [
    [{}, {}],
    [{ response_format: { type: 'text' } }, {}],
    [{ response_format: { type: 'json_object' } }, { schema: object }],
    [{ response_format: { type: 'json_object', schema: SCHEMA } }, { schema: SCHEMA }],
    [
      { response_format: { type: 'json_schema', json_schema: { name: 'place', strict: true, schema: SCHEMA } } },
      { schema: SCHEMA },
    ],
    [{ structured_outputs: { json: SCHEMA, disable_fallback: true } }, { schema: SCHEMA }],
    [{ structured_outputs: { json: JSON.stringify(SCHEMA), regex: null } }, { schema: SCHEMA }],
    [{ structured_outputs: { json_object: true } }, { schema: object }],
    [{ structured_outputs: { regex: 'a+' } }, { regex: 'a+' }],
    [{ structured_outputs: { grammar: 'root ::= "a"' } }, { grammar: 'root ::= "a"' }],
    [{ structured_outputs: { choice: ['yes', 'no'] } }, { grammar: 'root ::= "yes" | "no"' }],
    [{ guided_json: SCHEMA, guided_decoding_backend: 'xgrammar' }, { schema: SCHEMA }],
    [{ guided_regex: 'a+' }, { regex: 'a+' }],
    [{ guided_grammar: 'root ::= "a"' }, { grammar: 'root ::= "a"' }],
    [{ guided_choice: ['a "b"\n', 'c\\b\b'] }, { grammar: 'root ::= "a \\"b\\"\\n" | "c\\\\b\\x08"' }],
    [{ json_schema: SCHEMA }, { schema: SCHEMA }],
    [{ json_schema: false }, { schema: false }],
    [{ grammar: 'root ::= "a"' }, { grammar: 'root ::= "a"' }],
    [{ regex: 'a+' }, { regex: 'a+' }],
  ]
  for (const [fields, expected] of forms) {
    const { param, ...form } = constraint(fields)
    const given = Object.entries(form).filter(([, value]) => value !== undefined)
    assert.equal(Object.fromEntries(given), expected, JSON.stringify(fields))
    assert.is(param === undefined, given.length === 0)
  }
})

test('nulls in schemas and template variables are kept, others count as left out', () => {
  const schema = { enum: [null, 1], properties: { a: { const: null } } }
  const format = { type: 'json_schema', json_schema: { name: 'x', strict: null, description: null, schema } }
  assert.equal(constraint({ response_format: format }).schema, schema)
  assert.equal(constraint({ guided_json: schema, structured_outputs: null }).schema, schema)
  assert.equal(tools({ tools: [tool('f', { parameters: schema, strict: null })] }).tools?.[0].parameters, schema)
  assert.equal(thinking({ chat_template_kwargs: { date: null } }).args, { date: null })
})

test('a wrong form is refused by its field, and so are two forms, and one that is too long', () => {
  const wrong = (fields: object, param: string, message: RegExp) => refuses(() => constraint(fields), param, message)
  wrong(
    { response_format: { type: 'grammar' } },
    'response_format.type',
    /^must be "text", "json_object" or "json_schema"/,
  )
  wrong(
    { response_format: 'json' },
    'response_format',
    /an object whose "type" is "text", "json_object" or "json_schema"/,
  )
  wrong({ response_format: { type: 'json_schema' } }, 'response_format.json_schema', /is missing/)
  wrong(
    { response_format: { type: 'json_schema', json_schema: { name: 'a' } } },
    'response_format.json_schema.schema',
    /is missing/,
  )
  wrong({ structured_outputs: { structural_tag: '{}' } }, 'structured_outputs.structural_tag', /is not supported/)
  wrong({ guided_whitespace_pattern: ' ' }, 'guided_whitespace_pattern', /is not supported; leave it out$/)
  wrong({ guided_choice: ['a', ''] }, 'guided_choice', /a list of texts, none of them empty/)
  wrong({ guided_choice: [] }, 'guided_choice', /a list of texts/)
  wrong({ guided_json: '{' }, 'guided_json', /must be a JSON Schema/)
  wrong({ json_schema: '['.repeat(100) }, 'json_schema', /must be a JSON Schema/)
  wrong({ grammar: 'root ::= "a"', regex: 'a' }, 'regex', /"grammar" and "regex" both set the form/)
  wrong({ regex: 'a'.repeat(301) }, 'regex', /has 301 characters; the limit is 300/)
  const long = { properties: Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`name${i}`, {}])) }
  wrong({ guided_json: long }, 'guided_json', /characters; the limit is 300/)
})

test('thinking is switched by an effort or by a flag', () => {
  assert.is(thinking({}).think, undefined)
  const efforts = {
    none: 'off',
    minimal: 'low',
    low: 'low',
    medium: 'medium',
    high: 'high',
    xhigh: 'high',
    max: 'high',
  }
  for (const [effort, think] of Object.entries(efforts)) {
    assert.is(thinking({ reasoning_effort: effort }).think, think)
  }
  for (const [isOn, think] of [
    [true, 'on'],
    [false, 'off'],
  ] as const) {
    assert.is(thinking({ enable_thinking: isOn }).think, think)
    assert.equal(thinking({ chat_template_kwargs: { enable_thinking: isOn } }), {
      think,
      thinkBudget: undefined,
      args: undefined,
    })
    assert.is(thinking({ chat_template_kwargs: { thinking: isOn } }).think, think)
  }
  const both = { reasoning_effort: 'medium', chat_template_kwargs: { enable_thinking: true, date: '1 May' } }
  assert.equal(thinking(both), { think: 'medium', thinkBudget: undefined, args: { date: '1 May' } })
})

test('a budget of thinking has the names of several APIs', () => {
  for (const name of [
    'thinking_budget',
    'thinking_token_budget',
    'thinking_budget_tokens',
    'reasoning_budget_tokens',
  ]) {
    assert.is(thinking({ [name]: 50 }).thinkBudget, 50)
    assert.is(thinking({ [name]: 0 }).thinkBudget, 0)
    assert.is(thinking({ [name]: -1 }).thinkBudget, undefined)
  }
  assert.is(thinking({ thinking_budget: 7, thinking_token_budget: 7 }).thinkBudget, 7)
})

test('contradictions and unknown settings of thinking are refused', () => {
  const wrong = (fields: object, param: string, message: RegExp) => refuses(() => thinking(fields), param, message)
  wrong({ reasoning_effort: 'huge' }, 'reasoning_effort', /one of none, minimal/)
  wrong({ reasoning_effort: 'none', enable_thinking: true }, 'enable_thinking', /contradict each other/)
  wrong(
    { enable_thinking: true, chat_template_kwargs: { thinking: false } },
    'chat_template_kwargs.thinking',
    /contradict/,
  )
  wrong({ thinking_budget: 7, thinking_token_budget: 8 }, 'thinking_token_budget', /are the same option/)
  wrong({ thinking_budget: 1.5 }, 'thinking_budget', /a whole number/)
  wrong({ chat_template_kwargs: { tools: [] } }, 'chat_template_kwargs.tools', /use "tools"/)
  wrong({ chat_template_kwargs: 'a' }, 'chat_template_kwargs', /must be an object/)
  wrong({ reasoning: { effort: 'low' } }, 'reasoning', /use "reasoning_effort"/)
  wrong({ thinking: { type: 'enabled' } }, 'thinking', /use "reasoning_effort"/)
  wrong({ include_reasoning: false }, 'include_reasoning', /is not supported/)
})

test.run()
