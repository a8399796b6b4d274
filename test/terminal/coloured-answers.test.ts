import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { loadAtlas, type Model } from '#molm/index.js'
import { expertColour, INK } from '#molm/insight/pictures/blocks/expert-colours.js'
import type { Chat } from '#molm/terminal/conversation/chat-state.js'
import type { ItemSpan } from '#molm/terminal/conversation/state/items.js'
import { spanLines } from '#molm/terminal/screen/transcript.js'
import { LANTERN } from '../support/lantern.js'
import { chatWith, nanoFor, send } from '../support/real-chat.js'

const test = suite('the colours of answers')
let nano: Model
nanoFor(test, (model) => (nano = model))

const open = () => chatWith(nano, { depth: 'truecolor' })
const textOf = (spans: readonly ItemSpan[]) => spans.map(({ text }) => text).join('')

/** The spans of the newest item, from the answer's text on. */
function answerSpans({ items }: Chat): readonly ItemSpan[] {
  const { spans = [], text } = items[items.length - 1]
  assert.is(textOf(spans), text)
  return spans.slice(spans.findIndex(({ text }) => text === 'A'))
}

test('each token has the colour of its strongest expert, the same everywhere', async () => {
  const chat = await open()
  chat.map.atlas = await loadAtlas(nano)
  await send(chat, LANTERN.question)
  await send(chat, '/colour expert 3')
  const spans = answerSpans(chat)
  const tokens = chat.map.tokens.slice(chat.map.answerStart)
  for (const [i, { text, highlight }] of spans.entries()) {
    assert.is(text.trim(), tokens[i].text.trim())
    const strongest = tokens[i].routes[3].mlp?.ids[0] ?? -1
    assert.equal(highlight, { behind: expertColour(strongest, 'dark'), ink: INK.dark }, text)
  }
  const [title, , named] = chat.items.at(-1)?.spans ?? []
  assert.is(title.text, 'coloured by the strongest mlp expert of layer 3\n')
  assert.match(named.text, /^\s.*\S\s[\d.]+\s%$/, 'a name and a share')
  const before = JSON.stringify(spans)
  await send(chat, '/colour expert 3:attention')
  assert.not.equal(JSON.stringify(answerSpans(chat)), before)
})

test('later answers come in colour, until /colour off', async () => {
  const chat = await open()
  await send(chat, '/colour surprise')
  assert.match(chat.items.at(-1)?.text ?? '', /^the next answers are coloured by the surprise/)
  await send(chat, LANTERN.question)
  const { text, spans = [], footer } = chat.items[chat.items.length - 1]
  assert.is(textOf(spans), text)
  assert.match(footer ?? '', /experts woke/)
  assert.ok(spans.filter(({ highlight }) => highlight).length > 5)
  await send(chat, '/color off')
  await send(chat, '/retry')
  assert.is(chat.items.at(-1)?.spans, undefined)
})

test('in a short answer, sleepers are experts that no other token woke', async () => {
  const chat = await open()
  await send(chat, LANTERN.question)
  await send(chat, '/colour sleepers')
  const tokens = chat.map.tokens.slice(chat.map.answerStart)
  const lone = (i: number) => {
    const chosen = tokens[i].routes.flatMap(({ attention, mlp }, layer) => [
      ...[...(attention?.ids ?? [])].map((id) => chat.map.usage.of('attention', layer).counts[id]),
      ...[...(mlp?.ids ?? [])].map((id) => chat.map.usage.of('mlp', layer).counts[id]),
    ])
    return chosen.filter((count) => count === 1).length / chosen.length
  }
  const colours = answerSpans(chat).map(({ highlight }, i) => ({ share: lone(i), colour: String(highlight?.behind) }))
  assert.ok(new Set(colours.map(({ share }) => share)).size > 3)
  for (const { share, colour } of colours) {
    assert.is(colour, colours.find((other) => other.share === share)?.colour)
  }
})

test('the answer of given messages is read first', async () => {
  const chat = await open()
  const messages = [
    { role: 'user', content: LANTERN.question },
    { role: 'assistant', content: 'A lantern floats.' },
  ]
  chat.begin({ system: '', prefill: '', args: {}, files: [], messages })
  await send(chat, '/colour surprise')
  assert.match(chat.items.at(-1)?.text ?? '', /\nA lantern floats\.$/)
  const strengths = answerSpans(chat).map(({ highlight }) => highlight?.behind[0] ?? 0)
  assert.ok(Math.max(...strengths) > 100, 'nano would have said something else')
})

test('wrong colours, and terminals without colours, are refused', async () => {
  const chat = await open()
  for (const [argument, error] of [
    ['', /takes expert LAYER/],
    ['expert 9', /layers 0 to 5/],
    ['expert 3:norm', /takes expert LAYER/],
    ['loud', /takes expert LAYER/],
  ] as const) {
    await send(chat, `/colour ${argument}`)
    assert.match(chat.items.at(-1)?.text ?? '', error)
  }
  const plain = await chatWith(nano)
  await send(plain, '/colour surprise')
  assert.match(plain.items.at(-1)?.text ?? '', /^this terminal shows no colours/)
})

test('a colour does not run on into the blanks at the end of a line', () => {
  const highlight = { behind: [1, 2, 3], ink: [4, 5, 6] } as const
  const [on, off] = ['\x1b[48;2;1;2;3;38;2;4;5;6m', '\x1b[39;49m']
  assert.equal(spanLines([{ text: 'one two', highlight }, { text: ' three' }], 5, 'truecolor'), [
    `${on}one${off}`,
    `${on}two${off}`,
    'three',
  ])
})

test.run()
