import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Conversations } from '#molm/chat/conversations/conversations.js'
import type { ExpertMask, Model } from '#molm/index.js'
import { visibleToken } from '#molm/insight/pictures/blocks/labels.js'
import { changesSentence, wordChanges } from '#molm/insight/word-changes.js'
import { maskInWords, parseMask } from '#molm/model/config/mask-spec.js'
import { maskJson } from '#molm/model/config/read-mask.js'
import type { Chat } from '#molm/terminal/conversation/chat-state.js'
import { restoreMask } from '#molm/terminal/conversation/commands/conversation-commands.js'
import { press } from '#molm/terminal/conversation/commands/keys.js'
import { statusLine } from '#molm/terminal/screen/live-lines.js'
import { spanLines } from '#molm/terminal/screen/transcript.js'
import { collected } from '../support/collected.js'
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

/** An expert, its name, and the answers with it and without it, which differ. */
let [EXPERT, NAME, WITH, WITHOUT] = ['', '', '', '']
test.before(async () => {
  const answerBy = async (mask?: ExpertMask) => {
    const asked = nano
      .createSession({ mask })
      .chat([{ role: 'user', content: BOAT }], { temperature: 0, maxTokens: 40 })
    return (await collected(asked)).result.message.content.trim()
  }
  WITH = await answerBy()
  for (let i = 3 * 24; i < 6 * 24 && (WITHOUT === '' || WITHOUT === WITH); i++) {
    EXPERT = `${Math.floor(i / 24)}:mlp:${i % 24}`
    const mask = parseMask([EXPERT], nano.config)
    NAME = maskInWords(mask)
    WITHOUT = await answerBy(mask)
  }
  assert.is.not(WITHOUT, WITH)
})

/** Texts of all but commands, from an index on. */
const said = ({ items }: Chat, from: number) =>
  items
    .slice(from)
    .filter(({ kind }) => kind !== 'command')
    .map(({ text, footer }) => (footer ? `${text}\n${footer}` : text))

test('/mask takes effect with the next answer, and /unmask ends it', async () => {
  const chat = await chatWith(nano)
  await send(chat, BOAT)
  const length = chat.conversation.length
  await send(chat, `/mask ${EXPERT} 0:attention:2`)
  assert.equal(said(chat, -1), [`off from the next answer on: layer 0 attention expert 2 and ${NAME}`])
  assert.is(chat.conversation.length, length, 'the tokens to read again still count')
  assert.is(chat.map.maskedExperts, 2)
  await send(chat, '/unmask 0:attention:2')
  await send(chat, '/mask')
  assert.equal(said(chat, -1), [`switched off: ${NAME}; /unmask switches them on again`])
  await send(chat, '/retry')
  assert.is(chat.items.at(-1)?.text, WITHOUT)
  await send(chat, '/unmask')
  assert.is(chat.map.maskedExperts, 0)
  await send(chat, '/retry')
  assert.is(chat.items.at(-1)?.text, WITH)
  await send(chat, '/unmask')
  assert.equal(said(chat, -1), ['no experts are switched off'])
})

test('experts that are off stay off in the conversation that is resumed, and the status line counts them', async () => {
  await inTemporaryFolder(async (dir) => {
    const conversations = Conversations.at(dir)
    const chat = await chatWith(nano, { conversations })
    await send(chat, `/mask ${EXPERT}`)
    assert.match(statusLine(chat, 79), / · 1 expert off · /)
    await send(chat, BOAT)
    await send(chat, '/mask 0:attention:2')
    await send(chat, '/reset')
    await send(chat, '/unmask')
    await send(chat, BOAT)
    await send(chat, '/resume 2')
    const experts = `layer 0 attention expert 2 and ${NAME}`
    const resumed = chat.items.findLast(({ text }) => text.startsWith('2 experts'))
    assert.is(resumed?.text, `2 experts are off, as before: ${experts}; /unmask switches them on`)
    assert.match(statusLine(chat, 79), / · 2 experts off · /)
    await send(chat, '/unmask 0:attention:2')
    await send(chat, '/retry')
    assert.is(chat.items.at(-1)?.text, WITHOUT)
    await send(chat, '/resume 1')
    assert.ok(chat.items.some(({ text }) => text === 'all experts are on in this conversation'))
    assert.is(chat.map.maskedExperts, 0)
    await chat.keeper.close()
  })
})

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

test('a mask that cannot be is refused and changes nothing', async () => {
  const chat = await chatWith(nano)
  await send(chat, `/mask ${EXPERT}`)
  const { mask } = chat.conversation
  for (const [line, error] of [
    ['/mask 3:mlp:99', /layer 3 has mlp experts 0 to 23/],
    ['/mask 3:mlp', /LAYER:KIND:IDS/],
    ['/steer mlp.3.5=+2', /LAYER:KIND:IDS/],
    ['/mask 3:mlp:0-20', /a token uses 4/],
    ['/unmask 2:mlp:1', /^layer 2 mlp expert 1: not switched off$/],
    [`/without ${EXPERT}`, /switched off already/],
    ['/without 2:mlp:1', /no question/],
  ] as const) {
    await send(chat, line)
    assert.is(chat.items.at(-1)?.kind, 'error', line)
    assert.match(chat.items.at(-1)?.text ?? '', error)
    assert.is(chat.conversation.mask, mask)
  }
})

test('/steer reads a file, + and - steer the expert under the cursor, and the details and status line say so', async () => {
  await inTemporaryFolder(async (dir) => {
    const chat = await chatWith(nano)
    await send(chat, BOAT)
    const file = join(dir, 'steer.json')
    await writeFile(file, JSON.stringify({ experts: ['3:mlp:5=+0.5', '0:attention:2=always'] }))
    await send(chat, `/steer ${file} -2`)
    const named = 'layer 0 attention expert 2 (always) and layer 3 mlp expert 5 (-1)'
    assert.equal(said(chat, -1), [`steered from the next answer on: ${named}`])
    assert.match(statusLine(chat, 79), / · 2 experts steered · /)
    await send(chat, '/unmask')
    for (const push of ['always', '+1.5']) {
      await send(chat, `/steer 3:mlp:5=${push}`)
      assert.equal(said(chat, -1), [`steered from the next answer on: layer 3 mlp expert 5 (${push})`])
      await send(chat, '/unmask')
    }
    await pressed(chat, 'left')
    chat.map.setLayer(3)
    const from = chat.items.length
    const { expert, kind, layer } = chat.map.cursor ?? { expert: -1, kind: 'mlp', layer: -1 }
    press(chat, { kind: 'text', text: '-' })
    await idle(chat)
    const place = `layer ${layer} ${kind} expert ${expert}`
    assert.match(said(chat, from).join('\n'), new RegExp(`with ${place} at -0.5: `))
    assert.is(said(chat, -1)[0], `steered from the next answer on: ${place} at -0.5`)
    assert.is(chat.map.pushOf(kind as 'mlp', layer, expert), -0.5)
    press(chat, { kind: 'text', text: '+' })
    await idle(chat)
    assert.is(chat.map.steeredExperts, 0)
  })
})

test('l says what the experts of the chosen layer say for the token of the walk', async () => {
  const chat = await chatWith(nano)
  await send(chat, BOAT)
  await pressed(chat, 'left')
  chat.map.setLayer(5)
  const token = chat.map.shown?.text ?? ''
  press(chat, { kind: 'text', text: 'l' })
  await idle(chat)
  const [text] = said(chat, -1)
  assert.ok(
    text.startsWith(`experts of ${JSON.stringify(token.replace(' ', '·'))} in layer 5, through the model’s head:`),
    text,
  )
  const lines = text.split('\n').slice(1)
  assert.is(lines.length, 2 * (2 + 4))
  assert.match(lines[0], /^attention \d( \(.*\))?: gate [\d.]+ %, [\d.]+ % of the stream$/)
  assert.match(lines[1], /^ {2}up (".*" ){4}".*" · down (".*" ){4}".*"$/)
  // The page of the conversation has it, with all layers.
  const { tokens } = chat.map
  await inTemporaryFolder(async (folder) => {
    const path = join(folder, 'talk.html')
    await send(chat, `/save ${path}`)
    assert.equal(said(chat, -1), [`saved in ${path}`])
    const page = unpackedPage(await readFile(path, 'utf8'))
    assert.is(page.match(/<span [^>]*data-i=/g)?.length, tokens.length)
    const [, voices] = /class="voices">(.*?)<\/script>/.exec(page) ?? []
    const [all] = Object.values<{ up: { text: string }[] }[]>(JSON.parse(voices))
    assert.is(all.length, 6 * (2 + 4))
    const last = all.slice(-6).map(({ up }) => visibleToken(up[0].text))
    for (const [i, word] of last.entries())
      assert.ok(lines[2 * i + 1].startsWith(`  up ${JSON.stringify(word)} `), word)
  })
})

test('/without compares two answers at temperature 0, outside the conversation', async () => {
  const chat = await chatWith(nano)
  await send(chat, BOAT)
  const before = [chat.conversation.length, chat.map.tokens.length, JSON.stringify(chat.conversation.messages)]
  const from = chat.items.length
  await send(chat, `/without ${EXPERT}`)
  const changes = wordChanges(WITH, WITHOUT)
  assert.equal(said(chat, from), [
    `with ${NAME}, at temperature 0:\n${WITH}`,
    `without ${NAME}, at temperature 0:\n${WITHOUT}\nwithout ${NAME}: ${changesSentence(changes)}`,
  ])
  const differing = chat.items.at(-1)?.spans?.filter(({ differs }) => differs)
  assert.equal(
    differing,
    changes.after.filter(({ differs }) => differs),
  )
  assert.equal([chat.conversation.length, chat.map.tokens.length, JSON.stringify(chat.conversation.messages)], before)
  assert.is(chat.conversation.mask, undefined)
  const woken = new Set(chat.map.tokens.flatMap(({ routes }) => [...(routes[2].mlp?.ids ?? [])]))
  const asleep = Array.from({ length: 24 }, (_, expert) => expert).find((expert) => !woken.has(expert))
  await send(chat, `/without 2:mlp:${asleep}`)
  const same = changesSentence(wordChanges(WITH, WITH))
  assert.equal(said(chat, -1), [`without layer 2 mlp expert ${asleep}: ${same}, at temperature 0`])
})

test('if the answer was sampled, both are given at temperature 0', async () => {
  const chat = await chatWith(nano, { generation: { temperature: 2, topK: 400, minP: 0, topP: 1, seed: 3 } })
  await send(chat, BOAT)
  const sampled = chat.items.at(-1)?.text
  assert.not.equal(sampled, WITH)
  const from = chat.items.length
  await send(chat, `/without ${EXPERT}`)
  const [first, second] = said(chat, from)
  assert.ok(first.endsWith(`\n${WITH}`), first)
  assert.ok(second.includes(`\n${WITHOUT}\n`), second)
})

test('during a walk x switches the expert under the cursor off, compares, and switches it on again', async () => {
  const chat = await chatWith(nano)
  await send(chat, BOAT)
  await pressed(chat, 'left')
  while (chat.map.cursor?.layer !== Number(EXPERT[0])) await pressed(chat, 'down')
  for (let left = chat.map.tokens.length; left > 0 && !isAt(chat); left--) {
    await pressed(chat, 'left')
    for (let next = 0; next < 6 && !isAt(chat); next++) await pressed(chat, 'tab')
  }
  const { selected } = chat.map
  press(chat, { kind: 'text', text: 'x' })
  await idle(chat)
  const [, second, off] = said(chat, -3)
  assert.ok(second.endsWith(changesSentence(wordChanges(WITH, WITHOUT))), second)
  assert.is(off, `off from the next answer on: ${NAME} (x switches it on again)`)
  assert.is(chat.map.maskedExperts, 1)
  assert.is(chat.map.selected, selected, 'the walk stays at its token')
  press(chat, { kind: 'text', text: 'x' })
  await idle(chat)
  assert.equal(said(chat, -1), [`on again from the next answer on: ${NAME}`])
  await pressed(chat, 'escape')
  press(chat, { kind: 'text', text: 'x' })
  assert.is(chat.input.text, 'x', 'a letter outside a walk')
})

const isAt = ({ map: { cursor } }: Chat) => cursor && `${cursor.layer}:${cursor.kind}:${cursor.expert}` === EXPERT

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
