import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { NoRoom, UserError } from '#molm/ground/errors.js'
import { option, phrase } from '#molm/ground/message.js'
import { type ScreenEvent, type ScreenState, screenAfter } from '#molm/terminal/conversation/state/screen-state.js'
import type { FinishedAnswer } from '#molm/terminal/conversation/turns/running-answer.js'
import { activityOf } from '#molm/terminal/screen/live-lines.js'

/*
 * The screen's state after lists of events, without a model.
 */

/** The state after these events, which come a second apart. */
function after(...events: ScreenEvent[]): ScreenState {
  const begun: ScreenEvent = { kind: 'start', text: '' }
  return [begun, ...events].reduce((state: ScreenState, event, i) => screenAfter(state, event, 1000 * i), { items: [] })
}

const lines = ({ items }: ScreenState) => items.map(({ kind, text }) => `${kind} ${text}`)
const doing = ({ running }: ScreenState) => activityOf({ running, state: 'answering' })

const token = (part: 'thinking' | 'content' | 'call', text: string): ScreenEvent => {
  return { kind: 'token', part, events: text === '' ? [] : [{ kind: part, text }] }
}
const thinks = (text: string) => token('thinking', text)
const says = (text: string) => token('content', text)

function ended(
  { text = '', ...answer }: Partial<FinishedAnswer> & { text?: string },
  others: Partial<ScreenEvent & { kind: 'answer' }> = {},
): ScreenEvent {
  const message = { role: 'assistant', content: text }
  return {
    kind: 'answer',
    answer: { message, finishReason: 'eos', tokens: 3, ...answer },
    events: [],
    isLast: true,
    model: 'nano',
    ...others,
  }
}

const CALL = { id: '1', name: 'weather', arguments: { city: 'Bern' } }
const result = (content: string, error?: unknown): ScreenEvent => {
  return { kind: 'result', message: { role: 'tool', content, toolCallId: '1', name: 'weather' }, error }
}
const CALLED: ScreenEvent = { kind: 'call', call: CALL }
const [ASKED, RUNNING, DECLINED] = (['asked', 'running', 'declined'] as const).map((state): ScreenEvent => {
  return { kind: 'permission', state }
})
const brokenOff = (hasOpenCalls: boolean, isInterrupted: boolean): ScreenEvent => {
  return { kind: 'broken-off', hasOpenCalls, isInterrupted }
}

test('text runs until its answer takes its place, and the end leaves nothing that runs', () => {
  const running = after(says('Hel'), says('lo\n'))
  assert.equal([running.running?.text, running.items], ['Hello\n', []])
  const extra = { footer: '3 experts woke' }
  const done = after(says('Hello\n'), ended({ text: 'Hello\n' }, { extra }), { kind: 'end' })
  assert.equal(done, { items: [{ kind: 'answer', text: 'Hello', ...extra }], running: undefined })
})

test('an answer continues the text that is there, and keeps what was held back until its end', () => {
  const { running } = screenAfter({ items: [] }, { kind: 'start', text: 'Dear', isLiteral: true }, 0)
  assert.equal([running?.text, running?.isLiteral], ['Dear', true])
  const cut = after(thinks('Hm'), ended({}, { events: [{ kind: 'thinking', text: ', so' }] }))
  assert.match(lines(cut)[0], /^thought thought 1 token, /)
})

test('thoughts are folded to a line with their tokens and their time, before the first other text', () => {
  const open = after(thinks('A'), thinks(''), thinks(' b'))
  assert.equal([open.running?.thought.text, open.items, doing(open)], ['A b', [], 'thinking'])
  const folded = after(thinks('A'), thinks(' b'), says('C'), thinks('late'), says('D'))
  assert.equal(lines(folded), ['thought thought 2 tokens, 2 s'])
  assert.is(folded.running?.text, 'CD')
})

test('thoughts without a word leave no line, as templates that open and close them at once', () => {
  assert.equal(after(thinks('\n'), says('Yes')).items, [])
})

test('progress of a long prompt is shown until the answer begins; a short one has none', () => {
  const reading = (total: number): ScreenEvent => ({
    kind: 'progress',
    processed: 100,
    total,
    timeMs: 50,
  })
  assert.is(after(reading(256)).running?.reading, undefined)
  const long = after(reading(1000))
  assert.match(long.running?.reading ?? '', /^reading 100 of 1/)
  assert.is(doing(long), 'reading')
  for (const next of [says('a'), thinks('')]) assert.is(after(reading(1000), next).running?.reading, undefined)
})

test('a call is written, asked for, run and answered; then the next answer begins', () => {
  const events = [
    thinks('I ask.'),
    says('Let me look.'),
    token('call', '<call>'),
    ended({ text: 'Let me look.', calls: [CALL] }, { isLast: false }),
    CALLED,
    ASKED,
    RUNNING,
    result('21 degrees\nin Bern'),
    says('Warm.'),
  ]
  const doings = events.map((_, i) => doing(after(...events.slice(0, i + 1))))
  const [asking, running] = ['asking', 'running weather']
  assert.equal(doings, [
    ...['thinking', 'answering', 'writing a call', 'answering', 'answering', asking, running],
    ...['answering', 'answering'],
  ])
  const state = after(...events)
  assert.equal(lines(state).slice(1), [
    'answer Let me look.',
    'call weather(city: "Bern")',
    'result 2 lines: 21 degrees',
  ])
  assert.equal([state.running?.text, state.running?.thought.text], ['Warm.', ''])
})

test('a call without text leaves no empty answer before it', () => {
  assert.equal(lines(after(ended({ calls: [CALL] }, { isLast: false }), CALLED)), ['call weather(city: "Bern")'])
})

test('a declined call says so once, and a tool that fails shows its own error', () => {
  const declined = after(CALLED, ASKED, DECLINED, result('Error: the user declined this call'))
  assert.equal(lines(declined).slice(1), ['result declined'])
  const failed = after(CALLED, RUNNING, result('Error: cut', new Error(`it \u001b[31mended${'!'.repeat(1000)}`)))
  assert.equal(lines(failed).slice(1), [`error weather: it \\x1b[31mended${'!'.repeat(487)}…`])
})

test('a turn that breaks off says what /continue does, and which call it stopped', () => {
  assert.equal(lines(after(CALLED, ASKED, brokenOff(true, true))).slice(1), ['note interrupted: /continue asks again'])
  assert.equal(lines(after(CALLED, RUNNING, brokenOff(false, true))).slice(1), [
    'result stopped',
    'note interrupted: /continue resumes it',
  ])
  assert.equal(lines(after(brokenOff(true, false))), ['note no answer yet: /continue asks again'])
})

test('the last answer is followed by calls that nothing runs, and by notes about its end', () => {
  type Ended = Parameters<typeof ended>[0]
  const cases: [FinishedAnswer['finishReason'], Ended, isLiteral: boolean, items: string[]][] = [
    ['interrupted', { text: 'It' }, false, ['answer It', 'note interrupted: /continue resumes it']],
    ['interrupted', { text: 'It' }, true, ['answer It', 'note interrupted: /retry answers again']],
    ['interrupted', {}, false, ['answer ', 'note stopped while reading: /retry reads on']],
    [
      ...(['length', { text: 'It', tokens: 4 }, false] as const),
      ['answer It', 'note cut at 4 tokens: /continue resumes it, /set max-tokens 8 allows longer answers'],
    ],
    [
      ...(['length', { text: 'It', contextFull: true }, false] as const),
      ['answer It', "note the answer ended because the model's context is full; /reset begins again"],
    ],
    ['eos', { hadEnded: true, continues: true }, false, ['note the answer had already ended: nothing was added']],
    [
      ...(['eos', { calls: [CALL] }, false] as const),
      [
        ...['answer ', 'call weather(city: "Bern")'],
        'note nano calls a tool, and the chat has none: molm chat --mcp adds some',
      ],
    ],
  ]
  for (const [finishReason, answer, isLiteral, items] of cases) {
    assert.equal(lines(after(ended({ finishReason, ...answer }, { extra: { isLiteral } }))), items)
  }
})

test('errors name options and remedies of the chat, also when nothing runs', () => {
  const failed = (error: unknown) => lines(screenAfter({ items: [] }, { kind: 'failed', error }, 0))
  assert.equal(failed(new UserError(phrase`${option('maxTokens')} must be larger`)), [
    'error max-tokens must be larger',
  ])
  assert.match(failed(new NoRoom('dispose of other sessions', { held: 9, more: 1 }))[0], /^error no room .* \/reset/)
})

test('no text of a model, a tool or a user controls the terminal', () => {
  const hostile = 'a\u001b[2Jb'
  const spans = [{ text: hostile }]
  const state = after({ kind: 'item', item: { kind: 'user', text: hostile, spans } }, thinks(hostile), says(hostile))
  const shown = JSON.stringify([state.items, state.running?.text, state.running?.thought.text])
  assert.is(shown.match(/a\ufffd\[2Jb/g)?.length, 4, shown)
  assert.not.match(shown, /\\u001b/)
})

test.run()
