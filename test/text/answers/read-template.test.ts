import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { AnswerReader } from '#molm/text/answer-reader.js'
import { readResponseTemplate } from '#molm/text/answers/read-template.js'
import { rejectsWithUserError } from '../../support/rejects.js'
import { TOOLS } from '../../support/written-answers.js'

const FILE = 'dir/tokenizer_config.json'
const CALL = { type: 'function', function: { name: '{name}', arguments: '{content}' } }

/** A template as checkpoints have it, with one field more or a field replaced. */
const template = (fields: object = {}, more: object = {}) => ({
  version: 1,
  defaults: { role: 'assistant' },
  start_anchor: ['<|a|>', '<|tool|>'],
  fields: { thinking: { open: '<t>', close: '</t>' }, content: { close: ['<e>', '<eos>'] }, ...fields },
  ...more,
})

function read(fields: object, text: string, more: object = {}) {
  const response = readResponseTemplate(template(fields, more), FILE)
  const reader = new AnswerReader({ response, prompt: 'x<|a|>', tools: TOOLS, isAnswer: true, isTurn: true })
  reader.add(text)
  reader.end(false)
  const { content, thinking, toolCalls } = reader.message
  return { content, thinking, calls: toolCalls?.map(({ name, arguments: args }) => [name, args]) }
}

test('a template is read with its keys in camel case', () => {
  const field = {
    open_pattern: '<f (?P<name>\\w+)>',
    close_pattern: '</f>|<g>',
    content: 'json',
    content_args: { allow_non_json: true },
    repeats: true,
    optional: false,
    transform: CALL,
    transform_each: true,
  }
  assert.equal(readResponseTemplate(template({ tool_calls: field }), FILE), {
    defaults: { role: 'assistant' },
    startAnchor: ['<|a|>', '<|tool|>'],
    fields: {
      thinking: { open: '<t>', close: '</t>' },
      content: { close: ['<e>', '<eos>'] },
      tool_calls: {
        openPattern: '<f (?P<name>\\w+)>',
        closePattern: '</f>|<g>',
        content: 'json',
        contentArgs: { allow_non_json: true },
        repeats: true,
        optional: false,
        transform: CALL,
        transformEach: true,
      },
    },
  })
})

test('calls are transformed', () => {
  const open = { open: '<c>', close: '</c>', content: 'json' }
  const paths = { function: { name: '{content.name}', arguments: '{content.args}' } }
  const each = { name: '{tool_name}', arguments: '{parameters}' }
  assert.equal(read({ tool_calls: { ...open, transform: paths } }, '<c>{"name": "now", "args": {"a": 1}}</c>').calls, [
    ['now', { a: 1 }],
  ])
  const list = '<c>[{"tool_name": "a", "parameters": {"x": 1}}, {"tool_name": "b", "parameters": {}}]</c>'
  assert.equal(read({ tool_calls: { ...open, transform: each, transform_each: true } }, list).calls, [
    ['a', { x: 1 }],
    ['b', {}],
  ])
  assert.equal(read({ tool_calls: open }, '<c>{"name": "now", "arguments": "{\\"a\\": 1}"}</c>').calls, [
    ['now', { a: 1 }],
  ])
  // A value that the transform names is missing: no call.
  assert.is(
    read({ tool_calls: { ...open, transform: paths } }, '<c>{"name": "now"}</c>').content,
    '<c>{"name": "now"}</c>',
  )
})

test('arguments are read by every parser of the format', () => {
  const field = { open_pattern: '<(?P<name>\\w+)>', close: '</c>', transform: CALL }
  const lines = { ...field, content: 'kv-lines', content_args: { value_parser: { name: 'int' } } }
  assert.equal(read({ tool_calls: lines }, '<other>a: 1\nno pair\n b : 2 \n</c>').calls, [['other', { a: 1, b: 2 }]])
  const custom = { ...field, content: 'kv-lines', content_args: { line_sep: ';', kv_sep: '=', strip: false } }
  assert.equal(read({ tool_calls: custom }, '<other>a= 1;b=2=3</c>').calls, [['other', { a: ' 1', b: '2=3' }]])
  const tags = (args: object) => ({
    ...field,
    content: 'xml-inline',
    content_args: { tag_pattern: '\\[(?P<key>\\w)=(?P<value>.*?)\\]', ...args },
  })
  const text = '<other>[a=1][b=true][a=0.5]</c>'
  assert.equal(read({ tool_calls: tags({}) }, text).calls, [['other', { a: '0.5', b: 'true' }]])
  assert.equal(
    read({ tool_calls: tags({ merge_duplicates: true, value_parser: { name: 'float' } }) }, '<f>[a=1][a=0.5]</c>')
      .calls,
    [['f', { a: [1, 0.5] }]],
  )
  assert.equal(read({ tool_calls: tags({ value_parser: { name: 'bool' } }) }, text).calls, [
    ['other', { a: false, b: true }],
  ])
  assert.is(read({ tool_calls: tags({ value_parser: { name: 'int' } }) }, text).content, text)
  const lax = { unquoted_keys: true, string_delims: [['«', '»']] }
  const json = { ...field, content: 'json', content_args: lax }
  assert.equal(read({ tool_calls: json }, '<other>{a:«x"y»,"b":[{c:1e3}]}</c>').calls, [
    ['other', { a: 'x"y', b: [{ c: 1000 }] }],
  ])
})

test('openers may have a header that is a pattern', () => {
  const header = '(?:<m>)?[^<]*'
  const fields = {
    thinking: { open_pattern: `${header}<think>`, close: '<end>', repeats: true, join: '' },
    content: {
      open_pattern: `${header}<text>`,
      close: '<end>',
      repeats: true,
      join: '',
      content_args: { strip: false },
    },
    tool_calls: {
      open_pattern: `(?:<m>)?(?P<name>[^<]*)<call>`,
      close: '<end>',
      repeats: true,
      content: 'json',
      transform: CALL,
    },
  }
  const text =
    '<think>a <end><m><think>b<end><m>x<text> c <end><m>now<call>{}<end><m>get_weather<call>{"days": "2"}<end><over>'
  const expected = {
    content: ' c ',
    thinking: 'ab',
    calls: [
      ['now', {}],
      ['get_weather', { days: 2 }],
    ],
  }
  assert.equal(read(fields, text), expected)
})

test('keys such as __proto__ are keys', () => {
  const field = { open: '<c>', close: '</c>', content: 'json' }
  const [[, args]] =
    read({ tool_calls: field }, '<c>{"name": "f", "arguments": {"__proto__": {"a": 1}}}</c>').calls ?? []
  assert.equal(Object.keys(args as object), ['__proto__'])
  assert.is((args as { a?: number }).a, undefined)
})

test('calls that are nested too deep are content', () => {
  const text = `<c>{"name": "f", "arguments": {"a": ${'['.repeat(5000)}${']'.repeat(5000)}}}</c>`
  assert.is(read({ tool_calls: { open: '<c>', close: '</c>', content: 'json' } }, text).content, text)
})

test('values are cast by the schema of the called tool', () => {
  const field = { open: '<c>', close: '</c>', content: 'json' }
  const args = { city: '007', days: '3', metric: 'False', near: "{'tags': ['x']}", other: '5' }
  const text = `<c>${JSON.stringify({ name: 'get_weather', arguments: args })}</c>`
  assert.equal(read({ tool_calls: field }, text).calls, [
    ['get_weather', { city: '007', days: 3, metric: false, near: { tags: ['x'] }, other: '5' }],
  ])
  const odd = { days: '3.5', metric: 'maybe', near: '[1]' }
  const kept = `<c>${JSON.stringify({ name: 'get_weather', arguments: odd })}</c>`
  assert.equal(read({ tool_calls: field }, kept).calls, [['get_weather', odd]])
})

test('a region without a closer, or with "eos", lasts to the end', () => {
  for (const close of [{}, { close: 'eos' }, { close_pattern: '\\Z' }]) {
    assert.is(read({ thinking: { open: '<t>', ...close } }, '<t>a</t> b').thinking, 'a</t> b')
  }
})

test('the longest opener wins, and fields that a message does not have are content', () => {
  const fields = { thinking: { open: ['<t', '<t>>'], close: '</t>' }, note: { open: '<n>', close: '</n>' } }
  assert.equal(read(fields, '<t>>a</t><n>b</n>'), { content: 'b', thinking: 'a', calls: undefined })
  assert.is(read(fields, '<t>a</t>').thinking, '>a')
})

test('several regions are joined as the template says', () => {
  const raw = { repeats: true, join: '|', content_args: { strip: false } }
  const fields = { thinking: { open: '<t>', close: '</t>', ...raw }, content: { open: '<c>', close: '</c>', ...raw } }
  const { content, thinking } = read(fields, '<t> a</t>x<c> b </c><t>c </t><c>d</c>')
  assert.is(thinking, ' a|c ')
  assert.is(content, ' b |d')
})

test('a wrong template is refused with its file and key', async () => {
  const wrong: [object | string | number, RegExp][] = [
    [[], /response_template must be an object/],
    [template({}, { version: 2 }), /response_template\.version must be 1/],
    [template({}, { extra: 1 }), /response_template: unknown key "extra"/],
    [template({}, { fields: {} }), /fields must have 1 to 64 fields/],
    [template({}, { fields: [] }), /fields must be an object/],
    [template({}, { start_anchor: undefined }), /start_anchor must be a text or up to 64 texts/],
    [{ fields: { content: {} } }, /start_anchor is missing/],
    [template({}, { start_anchor_pattern: 'x' }), /both start_anchor and start_anchor_pattern/],
    [template({ x: 1 }), /fields\.x must be an object/],
    [template({ x: {} }), /only one field may have no opener/],
    [template({ x: { open: '', close: 'a' } }), /fields\.x\.open must be a text or/],
    [template({ x: { open: 'a', close: ['b', 'eos'] } }), /fields\.x\.close cannot have "eos"/],
    [template({ x: { open: 'a'.repeat(2000) } }), /fields\.x\.open has more than 512 characters/],
    [template({ x: { open: 'a', open_pattern: 'a' } }), /both open and open_pattern/],
    [template({ x: { open_pattern: '(?=a)b' } }), /fields\.x\.open_pattern is no pattern that molm reads: lookaround/],
    [template({ x: { open_pattern: '(a' } }), /open_pattern is no pattern that molm reads: a "\(" is not closed/],
    [template({ x: { open_pattern: '(?P<n>a)' } }), /the group "n" of a pattern needs a transform/],
    [template({ x: { open: 'a', content: 'python-calls' } }), /content must be one of text, int/],
    [template({ x: { open: 'a', Close: 'b' } }), /fields\.x: unknown key "Close"/],
    [template({ x: { open: 'a', repeats: 'yes' } }), /repeats must be true or false/],
    [template({ x: { open: 'a', join: '' } }), /join needs repeats/],
    [template({ x: { open: 'a', transform_each: true } }), /transform_each needs a transform/],
    [template({ x: { open: 'a', transform: { a: 'the {content}' } } }), /transform mixes a placeholder with text/],
    [template({ x: { open: 'a', content: 'json', content_args: { keys: 1 } } }), /content_args: unknown key "keys"/],
    [template({ x: { open: 'a', content: 'xml-inline' } }), /content_args\.tag_pattern is missing/],
    [
      template({ x: { open: 'a', content: 'xml-inline', content_args: { tag_pattern: 'a' } } }),
      /tag_pattern must have the group "key"/,
    ],
    [
      template({
        x: { open: 'a', content: 'kv-lines', content_args: { value_parser: { name: 'json', args: { a: 1 } } } },
      }),
      /dir\/tokenizer_config\.json: .*value_parser\.args: unknown key "a"/,
    ],
    [
      template({ x: { open: 'a', content: 'kv-lines', content_args: { value_parser: { name: 'kv-lines' } } } }),
      /value_parser must name a parser of single values/,
    ],
  ]
  for (const [value, message] of wrong) {
    const text = await rejectsWithUserError(() => readResponseTemplate(value, FILE), message)
    assert.ok(text.startsWith(FILE), text)
  }
})

test.run()
