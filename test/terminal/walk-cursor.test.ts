import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { chosenIn } from '#molm/terminal/map/steps.js'
import { TokenMap } from '#molm/terminal/map/token-map.js'
import { mixturesOf } from '../support/chats.js'
import { MAP_SHAPES, routedChat } from '../support/map-shapes.js'
import { typeInto } from '../support/typed-keys.js'

const LEFT = '\x1b[D'
const TAB = '\t'
const SHIFT_TAB = '\x1b[Z'

async function typing(mixtures = MAP_SHAPES['24 x 32']) {
  const chat = await routedChat(mixtures, 'none')
  const type = (text: string) => typeInto(chat, text)
  const { map } = chat
  const chosen = () => chosenIn(map.shown?.routes[map.layer] ?? {}, map.layer).map(({ expert }) => expert)
  return { chat, map, type, chosen }
}

test('there is a cursor only during a walk, on the expert with the largest gate', async () => {
  const { map, type, chosen } = await typing()
  assert.is(map.cursor, undefined)
  await type(LEFT)
  assert.equal(map.cursor, { kind: 'mlp', layer: 0, expert: chosen()[0] })
  await type('\x1b[B')
  assert.equal(map.cursor, { kind: 'mlp', layer: 1, expert: chosen()[0] })
  map.select(undefined)
  assert.is(map.cursor, undefined)
})

test('Tab and Shift-Tab move the cursor among the chosen experts of the layer, round the end', async () => {
  const { map, type, chosen } = await typing()
  await type(LEFT)
  const seen = []
  for (const _ of chosen()) {
    seen.push(map.cursor?.expert)
    await type(TAB)
  }
  assert.equal(seen, chosen())
  assert.is(map.cursor?.expert, chosen()[0])
  await type(SHIFT_TAB)
  assert.is(map.cursor?.expert, chosen().at(-1))
  await type(LEFT)
  assert.is(map.cursor?.expert, chosen()[0], 'the next token begins at its strongest expert')
})

test('brackets move the cursor among all experts of the layer, and begin a message outside a walk', async () => {
  const { chat, map, type } = await typing()
  await type(LEFT)
  const at = map.cursor?.expert ?? 0
  await type(']')
  assert.is(map.cursor?.expert, (at + 1) % 32)
  await type('[[')
  assert.is(map.cursor?.expert, (at + 31) % 32)
  assert.is(chat.input.text, '')
  map.select(undefined)
  await type('[')
  assert.is(chat.input.text, '[')
})

test('the cursor moves over all kinds of experts of a layer', async () => {
  const { map, type, chosen } = await typing(MAP_SHAPES['6 x 8 and 24'])
  await type(LEFT)
  const kinds = new Set<string | undefined>()
  for (const _ of chosen()) {
    kinds.add(map.cursor?.kind)
    await type(TAB)
  }
  assert.equal([...kinds].sort(), ['attention', 'mlp'])
})

test('the cursor does not begin at an expert that every token uses', () => {
  const [mlp] = mixturesOf(1, { mlp: 4 })
  const map = new TokenMap({ layers: 1, mixtures: [{ ...mlp, routing: { always: [{ ids: [3], isApart: true }] } }] })
  map.add({ id: 0, text: 'x', routes: [{ mlp: { ids: Int32Array.of(3, 0), gates: Float32Array.of(1, 0.5) } }] })
  map.select(0)
  assert.is(map.cursor?.expert, 0)
})

test('a dense layer has no cursor, and keys that would move it do nothing', async () => {
  const { chat, map, type } = await typing(mixturesOf(2, { mlp: 4 }, [0]))
  await type(LEFT)
  assert.is(map.cursor, undefined)
  await type(TAB)
  assert.is(chat.input.text, '')
  assert.ok(map.selected !== undefined, 'the walk continues')
})

test.run()
