import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Model } from '#molm/index.js'
import { visibleToken } from '#molm/insight/pictures/blocks/labels.js'
import { maskJson } from '#molm/model/config/read-mask.js'
import type { Chat } from '#molm/terminal/conversation/chat-state.js'
import { restoreMask } from '#molm/terminal/conversation/commands/conversation-commands.js'
import { press } from '#molm/terminal/conversation/commands/keys.js'
import { spanLines } from '#molm/terminal/screen/transcript.js'
import { fixturePath } from '../support/fixtures.js'
import { withModel } from '../support/models.js'
import { chatWith, enter, idle, nanoFor, pressed, send } from '../support/real-chat.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { unpackedPage } from '../support/unpacked-page.js'
import { until } from '../support/until.js'

const test = suite('experts switched off in a chat')
let nano: Model
nanoFor(test, (model) => (nano = model))

const BOAT = 'What is a boat?'

/** Texts of all but commands, from an index on. */
const said = ({ items }: Chat, from: number) =>
  items
    .slice(from)
    .filter(({ kind }) => kind !== 'command')
    .map(({ text, footer }) => (footer ? `${text}\n${footer}` : text))

test('a mask of a kept conversation that does not fit the model is left out with a note', async () => {
  const chat = await chatWith(nano)
  for (const kept of [['3:mlp:99'], { mlp: 5 }, { gates: 'some' }]) {
    restoreMask(chat, kept)
    assert.is(chat.items.at(-1)?.text, 'the experts that were off do not fit nano: all are on')
    assert.is(chat.conversation.mask, undefined)
  }
  restoreMask(chat, { mlp: [[1]], gates: 'kept', instead: 'nothing' })
  assert.equal(chat.conversation.mask, { mlp: [[1]], gates: 'kept', instead: 'nothing' })
  const { mask } = chat.conversation
  assert.equal(mask && maskJson(mask), mask)
  await send(chat, '/mask 3:mlp:3')
  const { gates, instead, mlp } = chat.conversation.mask ?? {}
  assert.equal([gates, instead, mlp?.[0], mlp?.[3]], ['kept', 'nothing', [1], [3]], 'a layer beyond its list is added')
})

test('/without best answers again without the expert that changes the answer most', async () => {
  const chat = await chatWith(nano)
  await send(chat, 'What is a hammer?')
  const from = chat.items.length
  await send(chat, '/without best')
  const [list, , answer] = said(chat, from)
  const [head, best, ...others] = list.split('\n')
  assert.match(head, /^for “.*”$/)
  assert.match(best, /^without layer \d’s (MLP|attention) expert \d+: “.*” for “.*” \(log p −\d+\.\d\)$/)
  assert.match(others.at(-1) ?? '', /^all \d+ woken experts were left out, one at a time; \d+ changes? the answer$/)
  const [, layer, kind, expert] = /layer (\d)’s (MLP|attention) expert (\d+)/.exec(best) ?? []
  assert.match(answer, `without layer ${layer} ${kind.toLowerCase()} expert ${expert}, at temperature 0:`)
})

test('m in a walk finds what matters for its token, or for the answer to its question, and moves the cursor there', async () => {
  const chat = await chatWith(nano)
  await send(chat, 'What is a hammer?')
  const pressM = async (index: number) => {
    chat.map.select(index)
    press(chat, { kind: 'text', text: 'm' })
    await idle(chat)
    return said(chat, -1)[0].split('\n')
  }
  const { tokens } = chat.map
  const word = tokens.length - 2
  const [ofToken] = await pressM(word)
  assert.is(ofToken, `for “${tokens[word].text.trim()}” in “${chat.conversation.messages[1].content.trim()}”`)
  const [ofAnswer, best] = await pressM(0)
  assert.is(ofAnswer, `for “${chat.conversation.messages[1].content.trim()}”`)
  const { cursor } = chat.map
  const kind = cursor?.kind === 'mlp' ? 'MLP' : cursor?.kind
  assert.ok(best.startsWith(`without layer ${cursor?.layer}’s ${kind} expert ${cursor?.expert}: `), best)
})

test('l says what chose the token of the walk, and what its experts say after it', async () => {
  const chat = await chatWith(nano)
  await send(chat, BOAT)
  await pressed(chat, 'left')
  const token = JSON.stringify(visibleToken(chat.map.shown?.text ?? ''))
  press(chat, { kind: 'text', text: 'l' })
  await idle(chat)
  const lines = said(chat, -1)[0].split('\n')
  const [early, chose, ...rest] = lines
  assert.is(early, 'early layers often say nothing readable: they write for later layers')
  assert.match(chose, /^what chose ".*", by the experts of ".*", and \d+ with less:$/)
  assert.ok(chose.startsWith(`what chose ${token}, `), chose)
  const next = rest.findIndex((line) => line.startsWith(`what the experts of ${token} say after it`))
  const effects = rest.slice(0, next).map((line) => {
    const [, how, sign] = /^ {2}layer \d, \w+ \d+ makes it (\w+): logit ([+−])\d+\.\d$/.exec(line) ?? []
    return `${how} ${sign}`
  })
  assert.is(effects.length, 5)
  assert.ok(
    effects.every((effect) => effect === 'likelier +' || effect === 'unlikelier −'),
    effects.join(),
  )
  const after = rest.slice(next + 1)
  assert.is(after.length, 5)
  for (const line of after) assert.match(line, /^ {2}layer \d, \w+ \d+ makes likelier ".*", unlikelier ".*"$/)
  // The page of the conversation has it, with all layers.
  await inTemporaryFolder(async (folder) => {
    const path = join(folder, 'talk.html')
    await send(chat, `/save ${path}`)
    assert.equal(said(chat, -1), [`saved in ${path}`])
    const page = unpackedPage(await readFile(path, 'utf8'))
    const turns = Array.from(page.matchAll(/<article class="turn (\w+)">.*?<div class="tokens">(.*?)<\/div>/gs))
    const shown = turns.map(([, role, spans]) => [role, spans.replace(/<[^>]*>/g, '')])
    const [question, answer] = chat.conversation.messages
    assert.equal(shown, [
      ['user', question.content],
      ['model', answer.content],
    ])
    const [, voices] = /class="voices">(.*?)<\/script>/.exec(page) ?? []
    const [all] = Object.values<{ up: { text: string }[] }[]>(JSON.parse(voices))
    assert.is(all.length, 6 * (2 + 4))
    const likeliest = all.map(({ up }) => JSON.stringify(visibleToken(up[0].text)))
    for (const line of after)
      assert.ok(
        likeliest.some((word) => line.includes(`makes likelier ${word}`)),
        line,
      )
  })
})

test('Ctrl-C stops a comparison', async () => {
  // This one has no texts to stop at.
  await withModel(fixturePath('01-base-bin-f32'), { threads: 1 }, async (endless) => {
    const chat = await chatWith(endless, { generation: { maxTokens: 100_000, ignoreEos: true } })
    chat.begin({ system: '', prefill: '', args: {}, files: [], messages: [{ role: 'user', content: 'Once' }] })
    enter(chat, '/without 0:mlp:0')
    await until(() => (chat.running?.text ?? '').length >= 100, 'the answer')
    press(chat, { kind: 'key', name: 'ctrl-c' })
    await idle(chat)
    assert.equal(said(chat, -1), ['stopped'])
  })
})

test('another model with the same numbers of experts keeps the mask', async () => {
  const chat = await chatWith(nano)
  await send(chat, '/mask 3:mlp:3')
  chat.setModel(nano)
  assert.ok(chat.map.isMasked('mlp', 3, 3))
  chat.setModel({
    ...nano,
    config: { ...nano.config, mixtures: [] },
    createSession: () => nano.createSession(),
  })
  assert.is(chat.conversation.mask, undefined)
})

test('words that differ are marked, by signs without styles, across line breaks too', () => {
  const spans = [
    { text: 'without it:\n', isDim: true },
    { text: 'one two ' },
    { text: 'three four', differs: true },
    { text: ' five' },
  ]
  assert.equal(spanLines(spans, 14, 'none'), ['without it:', 'one two [three', 'four] five'])
  assert.equal(spanLines(spans, 14, '16'), [
    '\x1b[2mwithout it:\x1b[22m',
    'one two \x1b[1;4mthree\x1b[22;24m',
    '\x1b[1;4mfour\x1b[22;24m five',
  ])
})

test.run()
