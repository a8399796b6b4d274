import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { ResponseTemplate } from '#molm/api/response.js'
import { seededRandom } from '#molm/engine/sampling/random.js'
import { type AnswerEvent, AnswerReader, type Reading } from '#molm/text/answer-reader.js'
import { knownFormat } from '#molm/text/answers/known-formats.js'
import { ownTime } from '../support/own-time.js'
import { TOOLS, WRITTEN_ANSWERS } from '../support/written-answers.js'

const test = suite('reading answers')
const random = seededRandom(21)

/** Events of one kind next to each other as one, and calls without their ids. */
function joined(events: readonly AnswerEvent[]): object[] {
  const all: { kind: string; text?: string; call?: object }[] = []
  for (const event of events) {
    const last = all.at(-1)
    if (event.kind === 'called') all.push({ kind: 'called', call: withoutId(event.call) })
    else if (last?.kind === event.kind) last.text += event.text
    else all.push({ ...event })
  }
  return all
}

const withoutId = ({ name, arguments: args }: { name: string; arguments: object }) => ({ name, arguments: args })

function read(reading: Partial<Reading>, pieces: readonly string[], isCut = false) {
  const reader = new AnswerReader({ prompt: '', isAnswer: true, isTurn: true, tools: TOOLS, ...reading })
  const events = pieces.flatMap((piece) => reader.add(piece))
  events.push(...reader.end(isCut))
  const { toolCalls, ...message } = reader.message
  return { events: joined(events), message: { ...message, ...(toolCalls && { calls: toolCalls.map(withoutId) }) } }
}

/** Cuts a text at random places. */
function cut(text: string, cuts: number): string[] {
  const at = Array.from({ length: cuts }, () => Math.floor(random.nextFloat() * text.length)).sort((a, b) => a - b)
  return [...at, text.length].map((end, i) => text.slice(at[i - 1] ?? 0, end))
}

const textOf = (events: readonly object[], kind: string) =>
  events.map((event) => ('kind' in event && event.kind === kind && 'text' in event ? event.text : '')).join('')

const ANSWERS = Object.entries(WRITTEN_ANSWERS).map(([name, { source, prompt, text, message }]) => {
  const calls = message.calls?.map(([name, args]) => ({ name, arguments: args }))
  return { name, reading: { response: knownFormat(source), prompt }, text, message, calls }
})

test('an answer of each form is read as the message that it is', () => {
  for (const { name, reading, text, message, calls } of ANSWERS) {
    const whole = read(reading, [text])
    assert.equal(whole.message, { role: 'assistant', ...message, ...(calls && { calls }) }, name)
    assert.is(textOf(whole.events, 'content'), message.content, name)
    assert.is(textOf(whole.events, 'thinking'), message.thinking ?? '', name)
    const called = whole.events.filter((event) => 'call' in event)
    assert.equal(
      called.map((event) => 'call' in event && event.call),
      calls ?? [],
      name,
    )
  }
})

test('however an answer is cut, the message and the joined events are the same', () => {
  for (const { name, reading, text } of ANSWERS) {
    const whole = read(reading, [text])
    assert.equal(read(reading, [...text.split('')]), whole, `${name}, unit by unit`)
    for (let trial = 0; trial < 40; trial++) assert.equal(read(reading, cut(text, 1 + (trial % 25))), whole, name)
  }
})

test('wherever an answer is cut off, the events make the message', () => {
  for (const { name, reading, text } of ANSWERS) {
    for (let trial = 0; trial < 30; trial++) {
      const part = text.slice(0, Math.floor(random.nextFloat() * text.length))
      const { events, message } = read(reading, cut(part, 3), true)
      assert.is(textOf(events, 'content'), message.content, name)
      assert.is(textOf(events, 'thinking'), message.thinking ?? '', name)
      assert.equal(read(reading, [part], true), { events, message }, name)
    }
  }
})

const qwen = (pieces: string[], isCut = false, more: Partial<Reading> = {}) =>
  read(
    { response: knownFormat(WRITTEN_ANSWERS.qwen3.source), prompt: WRITTEN_ANSWERS.qwen3.prompt, ...more },
    pieces,
    isCut,
  )

test('a text comes as soon as it can be no opener', () => {
  const { source, prompt } = WRITTEN_ANSWERS.qwen3
  const reader = new AnswerReader({ response: knownFormat(source), prompt, isAnswer: true, isTurn: true, tools: TOOLS })
  assert.equal(reader.add('Hello <'), [{ kind: 'content', text: 'Hello' }])
  assert.equal(reader.add('b'), [{ kind: 'content', text: ' <b' }])
  assert.equal(reader.add(' <thin'), [])
  assert.equal(reader.add('k>'), [])
  assert.is(reader.place, 'thinking')
  assert.equal(reader.add('Hm'), [{ kind: 'thinking', text: 'Hm' }])
  assert.equal(reader.add('</think>'), [])
  assert.is(reader.place, 'content')
  assert.equal(reader.add('<tool_call>'), [{ kind: 'call', text: '<tool_call>' }])
  assert.is(reader.place, 'call')
})

test('a call that cannot be read is content, as the model wrote it', () => {
  const broken = '<tool_call>\n{"name": "now", "arguments": {]}\n</tool_call>'
  const { message, events } = qwen([`Look:\n${broken}\nThere.`])
  assert.equal(message, { role: 'assistant', content: `Look:\n${broken}\nThere.` })
  assert.is(textOf(events, 'call'), broken)
  for (const text of ['<tool_call>[]</tool_call>', '<tool_call>{"name": 1}</tool_call>', '<tool_call>{"name": "f"']) {
    assert.is(qwen([text]).message.content, text)
  }
})

test('a call with small slips is read', () => {
  const calls = (json: string) => qwen([`<tool_call>\n${json}\n</tool_call>`]).message.calls
  const now = { name: 'now', arguments: { a: 'x\ny', b: [true, null] } }
  assert.equal(calls('{"name": "now", "arguments": {"a": "x\ny", "b": [True, None,]}}'), [now])
  assert.equal(calls(`{'name': 'now', 'arguments': {'a': 'x\\ny', 'b': [true, null]}}`), [now])
  const simple = '{"name": "now", "arguments": {}}'
  const two = [1, 2].map(() => ({ name: 'now', arguments: {} }))
  assert.equal(calls(`${simple}\n${simple}`), two)
  assert.equal(calls(`[${simple}, ${simple}]`), two)
})

test('a call that was cut off is left out, unless only its closer is missing', () => {
  const call = '<tool_call>\n{"name": "now", "arguments": {}}'
  assert.equal(qwen([`Look: ${call.slice(0, -1)}`], true).message, { role: 'assistant', content: 'Look:' })
  assert.equal(qwen([call], true).message.calls, [{ name: 'now', arguments: {} }])
  const { source, prompt, text } = WRITTEN_ANSWERS['qwen3-coder']
  const coder = read({ response: knownFormat(source), prompt }, [text.slice(0, text.indexOf('<parameter=days>'))], true)
  assert.equal(coder.message, { role: 'assistant', content: 'I look.' })
})

test('a closer within a string of a call does not end it', () => {
  const text = '<tool_call>{"name": "get_weather", "arguments": {"city": "\\"</tool_call>\\\\"}}</tool_call>!'
  for (const pieces of [[text], [...text]]) {
    const { message } = qwen(pieces)
    assert.equal(message, {
      role: 'assistant',
      content: '!',
      calls: [{ name: 'get_weather', arguments: { city: '"</tool_call>\\' } }],
    })
  }
  // A string of JSON has no line breaks, so that one without an end does not hide the closer.
  assert.is(
    qwen(['<tool_call>{"name": "x\n</tool_call> Sorry.']).message.content,
    '<tool_call>{"name": "x\n</tool_call> Sorry.',
  )
})

test('openers within a region are its text', () => {
  assert.equal(qwen(['<think><tool_call><think></think>ok']).message, {
    role: 'assistant',
    content: 'ok',
    thinking: '<tool_call><think>',
  })
})

test('half an opener at the end is content', () => {
  for (const end of ['<', '<tool_', '<think', '</think>', '<|im_'])
    assert.is(qwen([`a${end}`]).message.content, `a${end}`)
})

test('thoughts in several places are one text', () => {
  const { message, events } = qwen(['<think>a\n</think> b <think>\nc</think>\n\nd'])
  assert.equal(message, { role: 'assistant', content: 'b \n\nd', thinking: 'a\n\nc' })
  assert.is(textOf(events, 'thinking'), 'a\n\nc')
})

test('blanks around thoughts and content are left out, but not at the end of a cut text', () => {
  assert.equal(qwen([' \n<think> a \n', '</think> \n\n b \n ']).message, {
    role: 'assistant',
    content: 'b',
    thinking: 'a',
  })
  assert.is(qwen([' b \n '], true).message.content, 'b \n ')
  assert.is(qwen(['<think>a '], true).message.thinking, 'a ')
  assert.is(qwen(['b \n<think>a'], true).message.content, 'b')
})

test('without tools, calls are content', () => {
  const text = '<tool_call>{"name": "now", "arguments": {}}</tool_call>'
  const { message, events } = qwen([text], false, { tools: [] })
  assert.equal(message, { role: 'assistant', content: text })
  assert.equal(events, [{ kind: 'content', text }])
})

test('an answer that is begun continues it', () => {
  const { response } = { response: knownFormat(WRITTEN_ANSWERS.qwen3.source) }
  const begun = (prompt: string, pieces: string[], text?: string) =>
    read({ response, prompt: `<|im_start|>assistant\n${prompt}`, begun: text, isAnswer: false }, pieces)
  assert.is(begun('It is', [' sun', 'ny.'], 'It is').message.content, 'It is sunny.')
  assert.equal(begun('It is', [' sunny.']).events, [{ kind: 'content', text: ' sunny.' }])
  // The end of the prompt may look like the beginning of an opener.
  assert.is(begun('a <', ['b'], 'a <').message.content, 'a <b')
  assert.equal(begun('a <', ['b'], 'a <').events, [{ kind: 'content', text: 'b' }])
  const harmony = read(
    {
      response: knownFormat(WRITTEN_ANSWERS.harmony.source),
      prompt: '<|start|>assistant<|channel|>final<|message|>It is',
      begun: 'It is',
      isAnswer: false,
    },
    [' sunny.<|return|>'],
  )
  assert.equal(harmony.message, { role: 'assistant', content: 'It is sunny.' })
})

test('an answer outside of all regions is content', () => {
  const { source, prompt } = WRITTEN_ANSWERS.harmony
  const { message } = read({ response: knownFormat(source), prompt }, ['Hel', 'lo <|'])
  assert.equal(message, { role: 'assistant', content: 'Hello <|' })
})

test('an answer of empty messages is empty', () => {
  const { source, prompt } = WRITTEN_ANSWERS.harmony
  const text = '<|channel|>analysis<|message|><|end|><|start|>assistant<|channel|>final<|message|><|return|>'
  assert.is(read({ response: knownFormat(source), prompt }, [text]).message.content, '')
})

test("texts to harmony's own tools are thoughts", () => {
  const { source, prompt } = WRITTEN_ANSWERS.harmony
  const text =
    '<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>analysis to=python code<|message|>print(1)<|call|>'
  const { message } = read({ response: knownFormat(source), prompt }, [...text])
  assert.equal(message, { role: 'assistant', content: '', thinking: 'Hm.\n\nprint(1)' })
})

test('texts of earlier turns and of the user open nothing', () => {
  const prompt =
    '<|im_start|>assistant\n<think>old<|im_end|>\n<|im_start|>user\n<think><|im_end|>\n<|im_start|>assistant\n'
  assert.is(qwen(['Hi'], false, { prompt }).message.content, 'Hi')
  assert.is(qwen(['Hi'], false, { prompt: 'no turns <think> at all' }).message.content, 'Hi')
  assert.is(qwen(['Hi'], false, { prompt: 'no turns: <think>\n' }).message.thinking, 'Hi')
})

test('the last turn of a long prompt is found', () => {
  const turn = '<|start_of_role|>assistant {"a": 1}<|end_of_role|>'
  const { source } = WRITTEN_ANSWERS['granite3 with thoughts']
  const reading = { response: knownFormat(source), prompt: `${`${turn}<think>`.repeat(2_000)}${turn}` }
  assert.equal(read(reading, ['Hi']).message, { role: 'assistant', content: 'Hi' })
  const begun = { ...reading, prompt: `${reading.prompt}${'<think>a</think>b'.repeat(3_000)}<think>` }
  assert.ok(read(begun, ['Hi']).message.thinking?.endsWith('a\n\nHi'))
  const hostile = { startAnchorPattern: 'a(?:.*b)?', fields: { thinking: { open: '<', close: '>' }, content: {} } }
  assert.is(read({ response: hostile, prompt: `${'a'.repeat(10_000)}<` }, ['Hi']).message.thinking, 'Hi')
})

test('without a known form, all of the text is content', () => {
  const { message } = read({ prompt: '<think>' }, [' <think>a</think> ', ' b '])
  assert.equal(message, { role: 'assistant', content: '<think>a</think>  b' })
})

test('random templates read random texts alike, however they are cut', () => {
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random.nextFloat() * items.length)]
  const openers = [
    { open: '<' },
    { open: ['a<', 'a<<'] },
    { openPattern: '<a*>' },
    { openPattern: '(?P<name>a+)<b?' },
    { openPattern: 'b(?:a.*?b)?|^' },
    { openPattern: '\\s*<|^' },
  ]
  const closers = [{ close: '>' }, { close: ['>b', '>'] }, { closePattern: 'a?>|$' }, { closePattern: '>+' }, {}]
  const contents = [{}, { content: 'json' as const }, { content: 'python-calls' as const }]
  const call = { type: 'function', function: { name: '{name}', arguments: '{content}' } }
  const noSlip = (field: object) => ({ ...field, transform: call })
  for (let i = 0; i < 400; i++) {
    const response: ResponseTemplate = {
      startAnchor: '|',
      fields: {
        thinking: { ...pick(openers), ...pick(closers), ...pick([{}, { repeats: true, join: '+' }]) },
        tool_calls: noSlip({ ...pick(openers), ...pick(closers), ...pick(contents), repeats: true }),
        content: { ...pick([{}, ...openers]), ...pick(closers) },
      },
    }
    const reading = { response, prompt: `a<b|${pick(['', 'a', '<', ' '])}`, isAnswer: random.nextFloat() < 0.5 }
    const text = Array.from({ length: 40 }, () => pick([...'aab<<>> "{}\n'])).join('')
    const isCut = random.nextFloat() < 0.5
    const whole = read(reading, [text], isCut)
    assert.is(textOf(whole.events, 'content'), whole.message.content)
    for (const pieces of [[...text], cut(text, 3), cut(text, 9)]) {
      assert.equal(read(reading, pieces, isCut), whole, JSON.stringify({ response, text, pieces }))
    }
  }
})

test('many half openers, strings without an end and closers take time in proportion', () => {
  const { source, prompt } = WRITTEN_ANSWERS.harmony
  const harmony = knownFormat(source)
  const texts: [ResponseTemplate | undefined, string][] = [
    [knownFormat(WRITTEN_ANSWERS.qwen3.source), '<think'.repeat(25_000)],
    [knownFormat(WRITTEN_ANSWERS.qwen3.source), '<tool_call>"</tool_call>'.repeat(6_000)],
    [knownFormat(WRITTEN_ANSWERS.qwen3.source), '<tool_call>{</tool_call>'.repeat(6_000)],
    [knownFormat(WRITTEN_ANSWERS['qwen3-coder'].source), `<tool_call><function=f>${'<parameter=a>'.repeat(12_000)}`],
    [knownFormat(WRITTEN_ANSWERS.gemma4.source), '<|tool_call>call:a{a:<|"|>'.repeat(6_000)],
    [knownFormat(WRITTEN_ANSWERS.lfm2.source), `<|tool_call_start|>[f(a=${'['.repeat(125_000)}`],
    [harmony, '<|channel|>commentary to=functions.'.repeat(5_000)],
    [harmony, '<|channel|>analysis to=functions.f '.repeat(5_000)],
  ]
  for (const [response, text] of texts) {
    const begin = ownTime()
    const { message } = read({ response, prompt }, cut(text, 1000))
    assert.ok(ownTime() - begin < 2000, `${text.slice(0, 40)}: ${ownTime() - begin} ms`)
    assert.is(message.calls, undefined)
    assert.is(message.content.length + (message.thinking?.length ?? 0) > 0, true)
  }
})

test('reads blanks without end quickly, and keeps those before a visible character', () => {
  const pieces = new Array(25_000).fill(' \n \n')
  const begin = ownTime()
  const { message } = read({}, ['a', ...pieces, 'b', ...pieces])
  assert.ok(ownTime() - begin < 1200, `${ownTime() - begin} ms`)
  assert.is(message.content, `a${pieces.join('')}b`)
})

test.run()
