import { stripVTControlCharacters } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Atlas } from '#molm/insight/atlas/atlas.js'
import type { Chat } from '#molm/terminal/conversation/chat-state.js'
import { captionOf } from '#molm/terminal/map/frame.js'
import { expertsLines, wokenLine } from '#molm/terminal/map/token-details.js'
import { mixturesOf } from '../support/chats.js'
import { MAP_SHAPES, routedChat } from '../support/map-shapes.js'
import { viewOf } from '../support/map-view.js'

/** An atlas that names some MLP experts of all layers. */
function atlasOf({ map }: Chat, names: Record<number, string>): Atlas {
  const entries = Array.from({ length: map.layers }, () => {
    return Array.from({ length: map.mostExperts('mlp') }, (_, expert) => ({
      name: names[expert],
      tokens: [],
      texts: [],
    }))
  })
  return { entries: { mlp: entries } } as unknown as Atlas
}

async function walking(name = '24 x 32'): Promise<Chat> {
  const chat = await routedChat(MAP_SHAPES[name], 'none')
  chat.map.select(35)
  return chat
}

function lineOf(chat: Chat, pattern: RegExp, columns = 100, rows = 30): string {
  const { text, map, token } = viewOf(chat, { columns, rows })
  const lines = [...text, ...map, ...token].map(stripVTControlCharacters)
  return lines.find((line) => pattern.test(line)) ?? lines.join('\n')
}

test('the caption says how many experts woke, as long as fits', async () => {
  const { map } = await routedChat(MAP_SHAPES['16 x 64'], 'none')
  const long = 'all answers: 1,019 of 1,024 experts woke; 336 of them did half of the work'
  assert.is(captionOf(map, 80), long)
  assert.is(captionOf(map, long.length - 1), 'all answers: 1,019 of 1,024 experts woke; 336 did half of the work')
  assert.is(captionOf(map, 60), 'all answers: 1,019 of 1,024 woke; 336 did half of the work')
  assert.is(captionOf(map, 50), 'all answers: 1,019 of 1,024 woke; 336 did half')
  assert.is(captionOf(map, 40), 'all answers: 1,019 of 1,024 woke')
  assert.is(captionOf(map, 30), 'in all: 1,019 of 1,024 woke')
  assert.is(captionOf(map, 20), '')
  map.answerStart = 0
  assert.is(captionOf(map, 80), '', 'the first answer has the same sentence')
})

test('the caption is above the title if a line is free, else in it, before the first token as well', async () => {
  const chat = await routedChat(MAP_SHAPES['6 x 8 and 24'], 'none')
  const first = (columns: number, rows: number) => viewOf(chat, { columns, rows }).map[0]
  assert.is(first(100, 30), 'all answers: 192 of 192 experts woke; 67 of them did half of the work')
  assert.is(first(80, 24), 'experts of the last token "·." · all answers: 192 of 192 woke; 67 did half')
  chat.map.reset()
  assert.is(first(80, 24), 'a row is a layer, a cell an expert, lit when a token chooses it')
})

test('a walk says which words woke the expert under the cursor', async () => {
  const chat = await walking()
  const { map } = chat
  const [strongest] = map.shown?.routes[0].mlp?.ids ?? []
  const pattern = new RegExp(`^layer 0 expert ${strongest}, "sails", gate \\.\\d\\d: woken by "[^"]+"(, "[^"]+"){0,2}$`)
  assert.match(lineOf(chat, /woken/), pattern)
  map.moveCursor(1, 'chosen')
  assert.not.match(lineOf(chat, /woken/), pattern)
  assert.match(lineOf(await walking('6 x 8 and 24'), /woken/), /^layer 0 (mlp|attention) expert \d+, "sails"/)
})

test('an expert that the token did not choose can be looked at, and one that never woke', async () => {
  const { map } = await walking()
  const chosen = [...(map.shown?.routes[0].mlp?.ids ?? [])]
  while (map.cursor && chosen.includes(map.cursor.expert)) map.moveCursor(1, 'all')
  assert.match(wokenLine(map, 99)[0], /^layer 0 expert \d+, not chosen by "sails": (woken by ["a]|asleep so far)/)
})

test('names of an atlas are in the list of the experts, the strongest first if not all fit', async () => {
  const chat = await walking()
  const { map } = chat
  const [first, second, ...others] = map.shown?.routes[0].mlp?.ids ?? []
  map.atlas = atlasOf(chat, { [first]: 'digits: 5 0 8', [second]: 'plural nouns', [others.at(-1) ?? 0]: 'articles' })
  const [whole] = expertsLines(map, 200, false)
  assert.match(whole, new RegExp(`^layer 0 mlp: e${first} digits \\.\\d{3}  e${second} plural nouns \\.\\d{3}  e`))
  assert.match(whole, /articles/)
  const [short] = expertsLines(map, 99, true)
  assert.match(short, new RegExp(`^layer 0 mlp: e${first} digits \\.\\d\\d  e${second} plural nouns`))
  assert.not.match(short, /articles/)
  assert.match(wokenLine(map, 99)[0], new RegExp(`^layer 0 expert ${first} \\(digits: 5 0 8\\), "sails"`))
})

test('a long name is shortened before the words that woke the expert are', async () => {
  const chat = await walking()
  const { map } = chat
  const expert = map.cursor?.expert ?? 0
  map.atlas = atlasOf(chat, { [expert]: 'plural nouns: ships sails tablets' })
  assert.match(wokenLine(map, 99)[0], /^layer 0 expert \d+ \(plural nouns: ships sails tablets\), .*: woken by "/)
  assert.match(wokenLine(map, 75)[0], /^layer 0 expert \d+ \(plural nouns\), "sails", gate [.\d]+: woken by "\w+"/)
  assert.match(wokenLine(map, 58)[0], /^layer 0 expert \d+, "sails", gate [.\d]+: woken by "\w+"/)
})

test('masked experts are struck out in the map and in the chosen layer, chosen ones by another sign', async () => {
  const chat = await walking('6 x 8 and 24')
  const { map } = chat
  const chosen = [...(map.shown?.routes[0].mlp?.ids ?? [])]
  const other = Array.from({ length: 24 }, (_, expert) => expert).find((expert) => !chosen.includes(expert)) ?? 0
  map.masked = { mlp: [[chosen[0], other], [], [], [], [], []] }
  const lane = lineOf(chat, /^› +0 /)
  const start = lane.length - 2 * 24
  const sign = (expert: number) => lane.slice(start + 2 * expert, start + 2 * expert + 2)
  assert.is(sign(chosen[0]), '╬╬', lane)
  assert.is(sign(other), '╳ ')
  assert.match(sign(chosen[1]), /[░▒▓█]{2}/)
  assert.match(lineOf(chat, /^gate/), /╳ ╬ masked/)
  while (map.cursor?.expert !== chosen[0] || map.cursor.kind !== 'mlp') map.moveCursor(1, 'chosen')
  assert.match(lineOf(chat, /woken/), /, masked: woken by/)
  map.masked = undefined
  assert.not.match(lineOf(chat, /^› +0 /), /[╳╬]/)
})

test('a sign of several experts is struck out only if all of them are masked', async () => {
  const chat = await walking('16 x 64')
  const all = Array.from({ length: 64 }, (_, expert) => expert)
  chat.map.masked = { mlp: Array.from({ length: 16 }, (_, layer) => (layer < 2 ? all.slice(0, 32) : [])) }
  const [lane] = lineOf(chat, /^› 0 /, 80, 24).slice(4).split('   ')
  assert.match(lane.slice(0, 16), /╳/)
  assert.not.match(lane.slice(16, 32), /╳/)
})

test('a dense layer says so in place of its experts', async () => {
  const chat = await routedChat(mixturesOf(4, { mlp: 64 }, [0]), 'none')
  chat.map.select(3)
  assert.is(lineOf(chat, /dense:|is dense/, 80, 24), 'layer 0 is dense: it has no experts')
})

test.run()
