import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Grammar, GuidePhase } from '#molm/api/guide.js'
import { type ChatFrameOptions, writeChat } from '#molm/text/chat-frame.js'
import { loadChatTemplate } from '#molm/text/chat-template.js'
import { rejectsWithUserError } from '../support/rejects.js'
import { inFolderOf } from './folders.js'
import { type Family, framedBy, HI, WEATHER } from './framed.js'

const test = suite('guides of answers')

const SCHEMA = { type: 'object' }
const JSON_ANSWER: GuidePhase = { kind: 'grammar', grammar: { kind: 'schema', schema: SCHEMA } }
const forced = (text: string): GuidePhase => ({ kind: 'forced', text })
const free = (more: object = {}): GuidePhase => ({ kind: 'free', until: ['</think>'], ...more })
const ANYTHING: GuidePhase = { kind: 'free', until: [] }

async function phases(family: Family, options: ChatFrameOptions) {
  return (await framedBy(family, HI, options)).guide?.phases
}

test('an answer without limits has no guide', async () => {
  for (const family of ['qwen3', 'harmony', 'granite4', 'lfm2.5'] as const) {
    for (const think of [undefined, 'on', 'off'] as const) assert.is(await phases(family, { think }), undefined)
  }
})

test('a schema, a grammar and a regex are for the content', async () => {
  const grammars: [options: ChatFrameOptions, grammar: Grammar][] = [
    [{ schema: true }, { kind: 'schema', schema: true }],
    [{ grammar: 'root ::= "a"' }, { kind: 'ebnf', text: 'root ::= "a"' }],
    [{ regex: 'a+' }, { kind: 'regex', pattern: 'a+' }],
  ]
  for (const [options, grammar] of grammars) {
    assert.equal(await phases('granite4', options), [{ kind: 'grammar', grammar }])
  }
  await rejectsWithUserError(() => framedBy('qwen3', HI, { schema: true, regex: 'a' }), /one of `schema` and `regex`/)
  const given = { regex: /[0-9]+/ } as unknown as { regex: string }
  await rejectsWithUserError(
    () => framedBy('qwen3', HI, given),
    /^`regex` must be a text, like the `source` of a RegExp$/,
  )
})

test('thoughts before the content are free', async () => {
  assert.equal(await phases('qwen3', { schema: SCHEMA }), [free({ open: '<think>' }), JSON_ANSWER], 'if there are any')
  assert.equal(await phases('qwen3', { schema: SCHEMA, think: 'off' }), [JSON_ANSWER])
  assert.equal(await phases('qwen3', { schema: SCHEMA, think: 'on' }), [
    forced('<think>'),
    free(),
    forced('\n\n'),
    JSON_ANSWER,
  ])
  assert.equal(await phases('qwen3-next', { schema: SCHEMA }), [free(), forced('\n\n'), JSON_ANSWER], 'begun already')
  assert.equal(await phases('gemma4', { schema: SCHEMA }), [JSON_ANSWER], 'closed already')
  assert.equal(await phases('lfm2.5', { schema: SCHEMA }), [free({ open: '<think>' }), JSON_ANSWER])
  const budget = { budget: 5, close: '\n</think>' }
  assert.equal(await phases('granite3.3', { schema: SCHEMA }), [JSON_ANSWER], 'off unless they are asked for')
  assert.equal(await phases('granite3.3', { schema: SCHEMA, thinkBudget: 5 }), [
    free({ open: '<think>', ...budget }),
    JSON_ANSWER,
  ])
})

test('behind a word, a blank may begin the content, also if thoughts may come first', async () => {
  const turns = "{% for m in messages %}User: {{ m['content'] }}\n{% endfor %}Assistant:"
  for (const end of ['{% if enable_thinking %}<think>\n{% endif %}', '{# <think> #}']) {
    const files = { 'chat_template.jinja': turns + end, 'tokenizer_config.json': {} }
    const template = await inFolderOf(files, loadChatTemplate)
    const phase = (await writeChat(HI, { template, regex: 'a' })).guide?.phases.at(-1)
    const blank = { kind: 'repeat', part: { kind: 'text', text: ' ' }, atLeast: 0, atMost: 1 }
    const parts = phase?.kind === 'grammar' && phase.grammar.kind === 'sequence' ? phase.grammar.parts : []
    assert.equal(parts, [blank, { kind: 'regex', pattern: 'a' }])
  }
})

test('harmony gets the headers of its channels', async () => {
  const thoughts = [
    forced('<|channel|>analysis<|message|>'),
    { kind: 'free', until: ['<|end|>'] },
    forced('<|start|>assistant'),
    forced('<|channel|>final<|message|>'),
  ]
  assert.equal(await phases('harmony', { schema: SCHEMA }), [...thoughts, JSON_ANSWER])
  assert.equal(await phases('harmony', { schema: SCHEMA, think: 'high' }), [...thoughts, JSON_ANSWER])
  assert.equal(await phases('harmony', { schema: SCHEMA, think: 'off' }), [JSON_ANSWER])
})

test('a budget of thinking forces the close, and then anything may come', async () => {
  const spent = { budget: 5, close: '\n</think>' }
  assert.equal(await phases('qwen3', { thinkBudget: 5 }), [free({ open: '<think>', ...spent }), ANYTHING])
  assert.equal(await phases('qwen3-next', { thinkBudget: 5 }), [free(spent), forced('\n\n'), ANYTHING])
  assert.equal(await phases('qwen3', { thinkBudget: 5, think: 'off' }), undefined)
  assert.equal(await phases('granite4', { thinkBudget: 5 }), undefined)
  const harmony = (await phases('harmony', { thinkBudget: 5 })) ?? []
  assert.equal(harmony[1], { kind: 'free', until: ['<|end|>'], budget: 5, close: '<|end|>' })
  assert.equal(harmony.slice(3), [forced('<|channel|>final<|message|>'), ANYTHING])
})

test('tools may be called anywhere behind the thoughts, or once', async () => {
  const [thoughts, calls, ...others] = (await phases('qwen3', { tools: [WEATHER] })) ?? []
  assert.equal([thoughts, others], [free({ open: '<think>' }), []])
  assert.is(calls.kind, 'calls')
  if (calls.kind !== 'calls') return
  assert.equal(
    calls.triggers.map(({ text }) => text),
    ['<tool_call>'],
  )
  assert.is(calls.once, undefined)
  const [, once] = (await phases('qwen3', { tools: [WEATHER], parallelToolCalls: false })) ?? []
  assert.equal(once.kind === 'calls' && once.once, true)
  const harmony = (await phases('harmony', { tools: [WEATHER] })) ?? []
  assert.equal(
    harmony.map(({ kind }) => kind),
    ['calls'],
    'thoughts are messages of their own',
  )
})

test('a call that must be made is a grammar, of all tools or of one', async () => {
  const tools = [WEATHER, { name: 'now' }]
  const texts = async (options: ChatFrameOptions) => JSON.stringify(await phases('granite4', { tools, ...options }))
  const any = await texts({ toolChoice: 'required' })
  assert.match(any, /^\[\{"kind":"grammar"/)
  assert.match(any, 'weather')
  assert.match(any, 'now')
  const one = await texts({ toolChoice: { name: 'now' } })
  assert.match(one, 'now')
  assert.not.match(one, 'weather')
  const kinds = (await phases('harmony', { tools, toolChoice: 'required' }))?.map(({ kind }) => kind)
  assert.equal(kinds, ['forced', 'free', 'forced', 'grammar'])
})

test('with tools and a schema, the answer is calls or content of the schema', async () => {
  const [answer] = (await phases('granite4', { tools: [WEATHER], schema: SCHEMA })) ?? []
  assert.ok(answer.kind === 'grammar' && answer.grammar.kind === 'choice')
  if (answer.kind !== 'grammar' || answer.grammar.kind !== 'choice') return
  assert.equal(answer.grammar.options[1], { kind: 'schema', schema: SCHEMA })
  const harmony = (await phases('harmony', { tools: [WEATHER], schema: SCHEMA })) ?? []
  const last = harmony.at(-1)
  assert.ok(last?.kind === 'grammar' && last.grammar.kind === 'choice')
  assert.match(JSON.stringify(last), /"<\|channel\|>final<\|message\|>"\},\{"kind":"schema"/)
})

test('an answer that has been begun cannot get a form, but may call', async () => {
  for (const form of [{ schema: true }, { regex: 'a' }, { grammar: 'root ::= "a"' }]) {
    const message = /^a schema, grammar or regex is for a whole answer, and this one has been begun$/
    await rejectsWithUserError(() => framedBy('granite4', HI, { prefill: '{', ...form }), message)
    await rejectsWithUserError(() => writeChat(HI, { prefill: '{', ...form }), message)
  }
  const { guide } = await framedBy('qwen3', HI, { prefill: 'I look.', tools: [WEATHER] })
  assert.equal(
    guide?.phases.map(({ kind }) => kind),
    ['calls'],
  )
})

test.run()
