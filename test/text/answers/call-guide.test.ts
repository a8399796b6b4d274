import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Tool } from '#molm/api/chat-options.js'
import type { Grammar } from '#molm/api/guide.js'
import type { ResponseTemplate } from '#molm/api/response.js'
import { seededRandom } from '#molm/engine/sampling/random.js'
import { AnswerReader } from '#molm/text/answer-reader.js'
import type { CallGuide } from '#molm/text/answers/call-grammar.js'
import { callGuide } from '#molm/text/answers/call-guide.js'
import { knownFormat } from '#molm/text/answers/known-formats.js'
import { thinkingOf } from '#molm/text/answers/thinking-form.js'
import { withoutBounds } from '#molm/text/answers/tool-parameters.js'
import { TOOLS, WRITTEN_ANSWERS } from '../../support/written-answers.js'

const test = suite('grammars of calls')
const random = seededRandom(4)
const pick = <T>(items: readonly T[]): T => items[Math.floor(random.nextFloat() * items.length)]

const AUTO = { choice: 'auto' as const, parallel: true }
const QWEN = knownFormat(WRITTEN_ANSWERS.qwen3.source) as ResponseTemplate

const SEARCH: Tool = {
  name: 'search.all',
  parameters: {
    type: 'object',
    properties: {
      text: { type: 'string' },
      kind: { type: 'string', enum: ['new', 'old one'] },
      limit: { type: 'integer' },
      exact: { type: 'boolean' },
      near: { type: 'object', properties: { tags: { type: 'array', items: { type: 'string' } } } },
    },
    required: ['limit'],
  },
}

const LETTERS = 'ab <>/p"\'{}()[]=,:|\\\n'

/** A random text of a grammar. */
function sample(grammar: Grammar): string {
  switch (grammar.kind) {
    case 'text':
      return grammar.text
    case 'sequence':
      return grammar.parts.map(sample).join('')
    case 'choice':
      return sample(pick(grammar.options))
    case 'repeat': {
      const count =
        grammar.atLeast +
        Math.floor(random.nextFloat() * (1 + Math.min(2, (grammar.atMost ?? Infinity) - grammar.atLeast)))
      return Array.from({ length: count }, () => sample(grammar.part)).join(grammar.separator ?? '')
    }
    case 'schema':
      return JSON.stringify(valueOfSchema(grammar.schema as Record<string, unknown>))
    case 'ebnf':
      return sampleRules(grammar.text)
    default:
      return assert.unreachable(grammar.kind) as never
  }
}

function valueOfSchema({
  type,
  enum: values,
  properties = {},
  required = [],
  items,
}: Record<string, unknown>): unknown {
  if (Array.isArray(values)) return pick(values)
  if (type === 'null') return null
  if (type === 'string') return randomText()
  if (type === 'integer') return Math.floor(random.nextFloat() * 100)
  if (type === 'boolean') return random.nextFloat() < 0.5
  if (type === 'array')
    return [valueOfSchema(items as Record<string, unknown>), valueOfSchema(items as Record<string, unknown>)]
  const entries = Object.entries(properties as object).filter(
    ([key]) => (required as string[]).includes(key) || random.nextFloat() < 0.5,
  )
  return Object.fromEntries(entries.map(([key, schema]) => [key, valueOfSchema(schema)]))
}

const randomText = () => Array.from({ length: Math.floor(random.nextFloat() * 8) }, () => pick([...LETTERS])).join('')

/** A random text of rules whose options are empty, or a class and a rule. */
function sampleRules(source: string): string {
  const rules = new Map(source.split('\n').map((line) => line.split(' ::= ') as [string, string]))
  let text = ''
  for (let name = 'root'; ; ) {
    const options = (rules.get(name) as string).split(' | ')
    const [, not, codes, next] = /^\[(\^?)((?:\\x..)+)\] (\w+)$/.exec(pick(options)) ?? []
    if (next === undefined) {
      if (random.nextFloat() < 0.3) return text
      continue
    }
    const named = [...codes.matchAll(/\\x(..)/g)].map(([, code]) => String.fromCharCode(Number.parseInt(code, 16)))
    text += pick(not === '' ? named : [...LETTERS].filter((letter) => !named.includes(letter)))
    name = next
  }
}

/** Calls of a text after the prompt, and the rest of the message. */
function read(response: ResponseTemplate, prompt: string, text: string, tools: readonly Tool[]) {
  const reader = new AnswerReader({ response, prompt, tools, isAnswer: true, isTurn: true })
  reader.add(text)
  reader.end(false)
  return reader.message
}

function checkValue(value: unknown, schema: unknown, where: string): void {
  const { type, enum: values, properties } = schema as Record<string, unknown>
  if (Array.isArray(values)) assert.ok(values.includes(value), where)
  if (type === 'integer') assert.ok(Number.isInteger(value), where)
  else if (type === 'array') assert.ok(Array.isArray(value), where)
  else assert.type(value, type as 'string', where)
  if (type !== 'object') return
  for (const [key, item] of Object.entries(value as object)) {
    const known = (properties as Record<string, unknown>)[key]
    assert.ok(known, `${where}: ${key}`)
    checkValue(item, known, `${where}: ${key}`)
  }
}

test('every text that the grammar of a form allows is read as calls', () => {
  for (const name of [
    'qwen3',
    'qwen3-coder',
    'zaya',
    'granite4',
    'granite3',
    'harmony',
    'lfm2',
    'gemma4',
    'glm',
    'mistral',
  ]) {
    const { source, prompt } = WRITTEN_ANSWERS[name]
    // The fixture's template of Mistral has no marks of names.
    for (const [form, response] of [
      ['', knownFormat(source)],
      ...(name === 'mistral' ? [[' by name', knownFormat(`${source}[ARGS]`)]] : []),
    ] as [string, ResponseTemplate][]) {
      const tools = [...TOOLS, SEARCH]
      const guide = callGuide(response, tools, AUTO) as CallGuide
      const texts = Array.from({ length: 60 }, () => sample(guide.calls))
      const triggered = guide.triggers.map(({ text, then }) => text + sample(then))
      for (const text of [...texts, ...triggered]) {
        const said = `${name}${form}: ${text}`
        const { toolCalls = [], content } = read(response, prompt, text, tools)
        assert.is(content, '', said)
        assert.ok(toolCalls.length > 0, said)
        for (const call of toolCalls) {
          const tool = tools.find((tool) => tool.name === call.name)
          assert.ok(tool, said)
          checkValue(call.arguments, tool?.parameters ?? { type: 'object', properties: {} }, said)
          for (const key of (tool?.parameters?.required ?? []) as string[]) assert.ok(key in call.arguments, said)
        }
      }
    }
  }
})

test('arguments of Gemma 4 are sorted by key, and may have alternatives', () => {
  const properties = {
    limit: { anyOf: [{ type: 'integer' }, { type: 'null' }] },
    text: { type: ['string', 'null'] },
    list: { type: 'array', items: { anyOf: [{ type: 'string' }, { type: 'boolean' }] } },
  }
  const tools = [{ name: 'find', parameters: { type: 'object', properties, required: Object.keys(properties) } }]
  const { source, prompt } = WRITTEN_ANSWERS.gemma4
  const response = knownFormat(source) as ResponseTemplate
  const guide = callGuide(response, tools, AUTO)
  assert.ok(guide)
  const texts = Array.from({ length: 40 }, () => sample(guide.calls))
  for (const text of texts) {
    const { toolCalls = [] } = read(response, prompt, text, tools)
    assert.ok(toolCalls.length > 0, text)
    for (const { arguments: args } of toolCalls) {
      assert.ok(args.limit === null || Number.isInteger(args.limit), text)
      assert.ok(args.text === null || typeof args.text === 'string', text)
      assert.ok(
        (args.list as unknown[]).every((item) => ['string', 'boolean'].includes(typeof item)),
        text,
      )
    }
  }
  assert.ok(texts.every((text) => text.startsWith('<|tool_call>call:find{limit:')))
  assert.ok(texts.every((text) => text.indexOf(',list:') < text.indexOf(',text:')))
  for (const anyOf of [[null], [{}], [{ not: {} }]]) {
    const parameters = { type: 'object', properties: { a: { anyOf } } }
    assert.is(callGuide(response, [{ name: 'find', parameters }], AUTO), undefined)
  }
})

test('the tags of GLM may be on lines of their own', () => {
  const { source } = WRITTEN_ANSWERS.glm
  const guide = callGuide(knownFormat(source), TOOLS, AUTO)
  assert.ok(guide)
  const texts = new Set(Array.from({ length: 200 }, () => sample(guide.triggers[0].then)))
  assert.ok(texts.has('now</tool_call>') && texts.has('now\n</tool_call>'))
  const between = [...texts].flatMap((text) => /<\/arg_key>(\n?)<arg_value>/.exec(text)?.[1] ?? [])
  assert.equal(new Set(between), new Set(['', '\n']))
})

test('calls as JSON are limited after their opener, or from it', () => {
  const guide = callGuide(QWEN, TOOLS, { choice: { name: 'now' }, parallel: false })
  const schema = { type: 'object', properties: {}, additionalProperties: false }
  const parts = [
    { kind: 'text', text: '{"name": "now", "arguments": ' },
    { kind: 'schema', schema },
    { kind: 'text', text: '}' },
  ]
  const rest = [
    { kind: 'text', text: '\n' },
    { kind: 'sequence', parts },
    { kind: 'text', text: '\n</tool_call>' },
  ]
  const then = { kind: 'sequence', parts: rest }
  assert.equal(guide?.triggers, [{ text: '<tool_call>', then }])
  assert.equal(guide?.calls, { kind: 'sequence', parts: [{ kind: 'text', text: '<tool_call>' }, then] })
  assert.is(callGuide(QWEN, TOOLS, AUTO)?.calls.kind, 'repeat')
})

test('keys of other names in the JSON of calls come from the template', () => {
  const field = {
    open: '<c>',
    close: '</c>',
    content: 'json' as const,
    transform: { name: '{tool}', arguments: '{with}' },
    transformEach: true,
  }
  const response: ResponseTemplate = { fields: { tool_calls: field } }
  const { calls } = callGuide(response, [{ name: 'now' }], AUTO) as CallGuide
  assert.match(sample(calls), /^<c>\[\{"tool": "now", "with": \{\}\}.*\]<\/c>$/)
})

test('without a form of calls, tools or a choice there is no guide', () => {
  assert.is(callGuide(undefined, TOOLS, AUTO), undefined)
  assert.is(callGuide({ fields: { content: {} } }, TOOLS, AUTO), undefined)
  assert.is(callGuide(QWEN, [], AUTO), undefined)
  assert.is(callGuide(QWEN, TOOLS, { ...AUTO, choice: 'none' }), undefined)
  assert.is(callGuide(QWEN, TOOLS, { ...AUTO, choice: { name: 'other' } }), undefined)
})

test('arguments that no grammar of the form can list give no guide', () => {
  const open = [
    { type: 'object', additionalProperties: true },
    { type: 'object', properties: {}, patternProperties: { a: {} } },
    { anyOf: [{ type: 'object' }] },
    { type: 'object', properties: { 'a b': {} } },
  ]
  for (const parameters of open) {
    for (const name of ['qwen3-coder', 'lfm2', 'gemma4', 'glm']) {
      const response = knownFormat(WRITTEN_ANSWERS[name].source)
      assert.is(callGuide(response, [{ name: 'f', parameters }], AUTO), undefined, name)
    }
    assert.ok(callGuide(QWEN, [{ name: 'f', parameters }], AUTO))
  }
})

test('definitions that an argument refers to come with its schema', () => {
  const $defs = { Size: { type: 'integer', minimum: 1 } }
  const parameters = { type: 'object', properties: { size: { $ref: '#/$defs/Size' } }, required: ['size'], $defs }
  const response = knownFormat(WRITTEN_ANSWERS['qwen3-coder'].source)
  const guide = callGuide(response, [{ name: 'f', parameters }], AUTO)
  const schemas = JSON.stringify(guide?.calls)
  assert.ok(schemas.includes(JSON.stringify({ kind: 'schema', schema: { $ref: '#/$defs/Size', $defs } })), schemas)
})

test('thoughts have texts around them', () => {
  assert.equal(thinkingOf(QWEN), {
    open: '<think>',
    close: '</think>',
    next: '\n\n',
    content: '',
    none: '<think>\n\n</think>\n\n',
  })
  assert.is(thinkingOf({ fields: { content: {} } }), undefined)
  assert.is(thinkingOf(undefined), undefined)
})

test('bounds of numbers that no grammar keeps are left to the tool, wherever they are', () => {
  const price = { type: 'number', minimum: 0.5, multipleOf: 0.25 }
  const properties = { price, minimum: { type: 'integer', minimum: 1 }, some: { enum: [{ maximum: 2 }] } }
  const list = { type: 'array', items: { anyOf: [price, { type: 'integer', maximum: 3 }] } }
  const free = { type: 'number' }
  assert.equal(withoutBounds({ type: 'object', properties: { ...properties, list }, maximum: 4 }), {
    type: 'object',
    properties: {
      ...properties,
      price: free,
      list: { ...list, items: { anyOf: [free, { type: 'integer', maximum: 3 }] } },
    },
  })
})

test.run()
