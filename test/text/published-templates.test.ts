import { createHash } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { JinjaProgram, plainProgram } from '#molm/text/jinja/program.js'
import { fixturePath } from '../support/fixtures.js'
import { publishedTemplates } from '../support/published-templates.js'
import { NANO, readJson } from './folders.js'

/*
 * Compares with jinja2 in the settings of transformers (test/fixtures/templates/expected.py): published templates with
 * conversations of every kind, and small pieces of the language. Whole texts are compared by their hash.
 */
const FIXTURES = fixturePath('templates')
const NOW = new Date(2025, 2, 7, 9, 5, 3)
const TOKENS = { bos_token: '<s>', eos_token: '</s>', pad_token: '<pad>', unk_token: '<unk>' }
const test = suite('chat templates beside jinja2')

const conversations: Record<string, unknown>[] = await readJson(FIXTURES, 'conversations.json')
const expected: Record<string, (string | null)[]> = await readJson(FIXTURES, 'expected.json')
const snippets: [string, string | null][] = await readJson(FIXTURES, 'snippets.json')

const programs = new Map<string, JinjaProgram>()

/** Null if the template refuses. */
function render(source: string, variables: Record<string, unknown>): string | null {
  const program = programs.get(source) ?? new JinjaProgram(source)
  programs.set(source, program)
  try {
    return program.render({ ...TOKENS, ...variables }, NOW)
  } catch {
    return null
  }
}

test('published templates write every conversation alike, and refuse the same ones', () => {
  const published = publishedTemplates()
  assert.ok(published.size > 90)
  for (const [name, source] of published) {
    conversations.forEach((conversation, index) => {
      for (const [at, add_generation_prompt] of [true, false].entries()) {
        const text = render(source, { ...conversation, add_generation_prompt })
        const digest = text === null ? null : createHash('sha256').update(text).digest('hex').slice(0, 16)
        assert.is(digest, expected[name][2 * index + at], `${name}, conversation ${index}: ${text}`)
      }
    })
  }
})

test('of the families that molm runs', () => {
  const published = publishedTemplates()
  const granite = render(published.get('granite3.1-moe:1b') as string, {
    ...conversations[0],
    add_generation_prompt: true,
  })
  assert.is(
    granite,
    "<|start_of_role|>system<|end_of_role|>Knowledge Cutoff Date: April 2024.\nToday's Date: March 07, 2025.\n" +
      'You are Granite, developed by IBM. You are a helpful AI assistant.<|end_of_text|>\n' +
      '<|start_of_role|>user<|end_of_role|>Hello<|end_of_text|>\n<|start_of_role|>assistant<|end_of_role|>',
  )
  const quiet = { ...conversations[0], add_generation_prompt: true, enable_thinking: false }
  assert.is(
    render(published.get('qwen3:0.6b') as string, quiet),
    '<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n',
  )
  assert.is(render(published.get('mixtral:8x7b') as string, conversations[0]), '<s> [INST] Hello [/INST]')
})

test('every piece of the language prints the same', () => {
  for (const [source, text] of snippets) assert.is(render(source, conversations[1]), text, source)
})

test('only short templates that go once over the messages run without limits', async () => {
  const { chat_template } = await readJson(NANO, 'tokenizer_config.json')
  const [{ template: nano }] = chat_template
  const body = "{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] | trim + '<|im_end|>\\n' }}"
  const plain = [nano, `{% for m in messages %}${body}{% endfor %}`, '{% if add_generation_prompt %}a{% endif %}']
  for (const source of plain) assert.ok(plainProgram(source), source)
  const others = [
    '{% for m in messages %}{% for n in messages %}{% endfor %}{% endfor %}',
    '{% for i in range(9) %}{% endfor %}',
    "{% set x = 'a' %}{{ x }}",
    '{% macro f() %}{% endmacro %}',
    '{{ f() }}',
    "{{ 'a' * 9 }}",
    "{{ 'a' | indent }}",
    `{# ${' '.repeat(2048)} #}`,
  ]
  for (const source of others) assert.is(plainProgram(source), undefined, source)
})

test.run()
