import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Mixture } from '#molm/index.js'
import type { Chat } from '#molm/terminal/conversation/chat-state.js'
import { usageSummary } from '#molm/terminal/conversation/commands/expert-profile.js'
import { press } from '#molm/terminal/conversation/commands/keys.js'
import { expertsLines } from '#molm/terminal/map/token-details.js'
import { TokenMap } from '#molm/terminal/map/token-map.js'
import { layoutOf, linesOf } from '#molm/terminal/screen/view.js'
import { chatOf, mixturesOf, plainRoutes, writing } from '../support/chats.js'
import { HELD, mapOf, VIEW_SHAPES, viewOf, withoutCaption } from '../support/map-view.js'

test('in a wide window the map is beside the text, which continues at its left', async () => {
  const chat = await chatOf(VIEW_SHAPES['MoLM-4B’s'], 'none')
  const size = { columns: 200, rows: 50 }
  const { side, textWidth, held } = layoutOf(chat, size)
  assert.equal(side, { width: 104, height: 29 })
  const { text, map } = viewOf(chat, size, HELD.slice(-held))
  assert.equal(map, [])
  assert.is(text.length, held)
  assert.ok(text.every((line, i) => line.startsWith(`held ${50 - held + i} `) && line.length > textWidth))
  assert.is(layoutOf(chat, { columns: 100, rows: 30 }).side, undefined)
})

test('the map lights the cells of the token’s experts, and draws the others as the quietest sign', async () => {
  const chat = await chatOf(mixturesOf(2, { attention: 4, mlp: 8 }), 'none')
  assert.equal(mapOf(chat, 60, 20), [
    'all answers: 8 of 24 experts woke; 4 did half of the work',
    'experts of the last token "·token49" · ← → walk',
    'layer attn      mlp 0-7',
    '      0 1 2 3   0 1 2 3 4 5 6 7',
    '    0 ▒▒· · ▓▓  ▒▒· · · · · · ▓▓',
    '    1 ▒▒· · ▓▓  ▒▒· · · · · · ▓▓',
    'gate ░ .06 ▒ .25 ▓ .56 █ 1   · not chosen',
  ])
})

test('a map without tokens says nothing of experts that woke', async () => {
  const chat = await chatOf(mixturesOf(2, { mlp: 8 }), 'none')
  chat.map.reset()
  for (const [columns, rows] of [
    [60, 12],
    [80, 24],
  ])
    assert.not.match(mapOf(chat, columns, rows).join('\n'), /woke/)
})

test('a model without attention experts has no lane for them, and a dense layer is named', async () => {
  const chat = await chatOf(mixturesOf(3, { mlp: 4 }, [1]), 'none')
  assert.equal(mapOf(chat, 60, 20).slice(3, 6), ['    0 ▒▒· · ▓▓', '    1 dense', '    2 ▒▒· · ▓▓'])
  chat.map.select(20)
  chat.map.setLayer(1)
  assert.ok(viewOf(chat, { columns: 60, rows: 20 }).token.includes('layer 1 is dense: it has no experts'))
  chat.map.mode = 'layer'
  assert.match(mapOf(chat, 60, 20)[0], /^layer 1 of 3 · dense: it has no experts/)
})

test('a model without experts has no map', async () => {
  const chat = await chatOf([], 'none', { layers: 3 })
  const { map, status } = viewOf(chat, { columns: 120, rows: 30 })
  assert.equal(map, [])
  assert.not.match(status[0], /map/)
})

test('if one of two layers in a line is dense, only the other is drawn, and the title names the dense one', async () => {
  const chat = await chatOf(mixturesOf(6, { mlp: 64 }, [0, 2, 3]), 'truecolor')
  const [title, , ...lines] = mapOf(chat, 72, 12)
  assert.is(title, 'experts of the last token "·token49" · dense: 0, 2-3')
  assert.equal(lines.slice(0, 3), [` 0 ▄${'·'.repeat(62)}▄`, ` 2 dense`, ` 4 ▀${'·'.repeat(62)}▀`])
})

test('the title hints at the walk until it was used; during a walk, at the layers', async () => {
  const chat = await chatOf(VIEW_SHAPES['nano’s'], 'none')
  const title = () => withoutCaption(mapOf(chat, 120, 30))[0]
  assert.match(title(), / · ← → walk over the tokens$/)
  chat.running = writing('')
  assert.not.match(title(), /→/)
  chat.running = undefined
  press(chat, { kind: 'key', name: 'left' })
  assert.match(
    title(),
    /^experts of token 50 of 50 "·token49" · ↑ ↓ layers · Tab experts · x off · m what matters · Esc ends$/,
  )
  press(chat, { kind: 'key', name: 'escape' })
  assert.is(title(), 'experts of the last token "·token49"')
})

test('layers with fewer experts have fewer cells', async () => {
  const chat = await chatOf([{ kind: 'mlp', experts: [2, 4], topK: 2 }], 'none')
  assert.equal(mapOf(chat, 60, 20).slice(4, 6), ['    0 ▒▒▓▓', '    1 ▒▒· · ▓▓'])
})

test('the map of one layer has a row per token with names and numbers, around the selected one', async () => {
  const chat = await chatOf(mixturesOf(3, { attention: 4, mlp: 8 }), 'none')
  chat.map.mode = 'layer'
  chat.map.setLayer(2)
  const cells = '▒▒· · ▓▓  ▒▒· · · · · · ▓▓'
  assert.equal(mapOf(chat, 60, 30).slice(0, 6), [
    'all answers: 12 of 36 experts woke; 6 did half of the work',
    'layer 2 of 3 · a row per token · ← → walk over the tokens',
    '              attn      mlp 0-7',
    '              0 1 2 3   0 1 2 3 4 5 6 7',
    ` ·token42     ${cells}`,
    ` ·token43     ${cells}`,
  ])
  chat.map.select(20)
  const rows = mapOf(chat, 60, 30).filter((line) => line.includes('·token'))
  assert.ok(rows.includes(`›·token20     ${cells}`), rows.join('\n'))
  assert.is(rows.filter((line) => line.startsWith('›')).length, 1)
})

test('usage has one scale over all layers, and a walk marks the experts of its token in it', async () => {
  const mixtures = mixturesOf(2, { mlp: 4 })
  const chat = await chatOf(mixtures, 'none')
  const odd = plainRoutes(mixtures)
  odd[1] = { mlp: { ids: Int32Array.of(1, 2), gates: Float32Array.of(0.5, 0.25), probabilities: new Float32Array(4) } }
  for (let i = 0; i < 150; i++) chat.map.add({ id: 0, text: 'x', routes: odd })
  chat.map.mode = 'usage'
  assert.equal(mapOf(chat, 60, 20).slice(4), [
    '    0 ██· · ██',
    '    1 ░░▓▓▓▓░░',
    'share ░ 25 ▒ 50 ▓ 75 █ 100 %   · not chosen',
  ])
  chat.map.select(100)
  const marked = mapOf(chat, 60, 20)
  assert.ok(marked.includes('›   0 x · · x') || marked.includes('›   0 x · · x '), marked.join('\n'))
  assert.ok(
    marked.some((line) => line.startsWith('    1 ░░x x ░░')),
    marked.join('\n'),
  )
})

test('the details of a token name its experts with gates, and the likeliest others', async () => {
  const chat = await chatOf(VIEW_SHAPES['nano’s'], 'none')
  const [attention] = expertsLines(chat.map, 99, false)
  assert.is(attention, 'layer 0 attention: 7 .500  0 .250 | next 6 .060  5 .050  4 .040')
})

test('scores of others that are no probabilities are named', () => {
  const map = new TokenMap({
    layers: 1,
    mixtures: [{ kind: 'mlp', experts: [4], topK: 1, routing: { score: 'sigmoid' } }],
  })
  const probabilities = Float32Array.of(0.9, 0.75, 0.5, 0.25)
  map.add({
    id: 0,
    text: 'x',
    routes: [{ mlp: { ids: Int32Array.of(2), gates: Float32Array.of(2.5), probabilities } }],
  })
  assert.equal(expertsLines(map, 99, false), ['layer 0 mlp: 2 2.500 | next by score 0 .900  1 .750  3 .250'])
})

test('an expert that every token uses is marked, and named below the usage', () => {
  const always = [{ ids: [3], isApart: true }]
  const map = new TokenMap({ layers: 1, mixtures: [{ kind: 'mlp', experts: [4], topK: 2, routing: { always } }] })
  map.add({ id: 0, text: 'x', routes: [{ mlp: { ids: Int32Array.of(3, 0), gates: Float32Array.of(1, 0.5) } }] })
  assert.equal(expertsLines(map, 99, false), ['layer 0 mlp: 3 1.000 always  0 .500'])
  assert.is(usageSummary(map.usage, map.notes).split('\n').at(-1), 'every token uses mlp 3 in layer 0')
})

test('gates with a factor are measured against it', async () => {
  const mixtures: Mixture[] = [{ kind: 'mlp', experts: [4], topK: 2, routing: { score: 'sigmoid', factor: 2 } }]
  const chat = await chatOf(mixtures, 'none')
  chat.map.add({ id: 0, text: 'x', routes: [{ mlp: { ids: Int32Array.of(2, 0), gates: Float32Array.of(2, 0.5) } }] })
  const lines = mapOf(chat, 60, 20)
  assert.ok(
    lines.some((line) => line.trimEnd() === '    0 ▒▒· ██·'),
    lines.join('\n'),
  )
  assert.ok(lines.includes('gate ░ .13 ▒ .50 ▓ 1.13 █ 2   · not chosen'), lines.join('\n'))
})

test('many experts of a token need a second line; with one line they are shortened, then cut', async () => {
  const mixtures: Mixture[] = [{ kind: 'mlp', experts: [128], topK: 8 }]
  const { map } = await chatOf(mixtures, 'none')
  const ids = Int32Array.from({ length: 8 }, (_, i) => 100 + i)
  const probabilities = new Float32Array(128)
  map.add({ id: 0, text: 'x', routes: [{ mlp: { ids, gates: new Float32Array(8).fill(0.125), probabilities } }] })
  map.select(50)
  assert.equal(expertsLines(map, 80, false), [
    'layer 0 mlp: 100 .125  101 .125  102 .125  103 .125  104 .125  105 .125',
    '106 .125  107 .125 | next 0 .000  1 .000  2 .000',
  ])
  assert.equal(expertsLines(map, 90, true), [
    'layer 0 mlp: 100 .13  101 .13  102 .13  103 .13  104 .13  105 .13  106 .13  107 .13',
  ])
  assert.equal(expertsLines(map, 40, true), ['layer 0 mlp: 100 .13  101 .13  102 .13 …'])
})

test('while an answer runs, the experts of the last tokens are dots', async () => {
  const mixtures = mixturesOf(1, { attention: 4, mlp: 4 })
  for (const depth of ['truecolor', '256', '16', 'none'] as const) {
    const chat = await chatOf(mixtures, depth)
    const [layer] = plainRoutes(mixtures)
    const other = { ids: Int32Array.of(1, 2), gates: Float32Array.of(0.36, 0.16) }
    chat.map.add({ id: 0, text: 'x', routes: [{ ...layer, attention: other }] })
    const row = () => mapOf(chat, 80, 24).find((line) => /^[ ›] +0 [·•░▒▓█]/.test(line)) ?? ''
    const still = depth === 'none' ? /^ +0 · ▓▓▒▒· / : /^ +0 · ████· /
    assert.match(row(), still, depth)
    chat.running = writing('')
    assert.match(row(), depth === 'none' ? /^ +0 • ▓▓▒▒• / : /^ +0 • ████• /, depth)
    chat.map.select(50)
    assert.match(row().replace('›', ' '), still, depth)
  }
})

test('a narrow window drops the least needed parts of the status line', async () => {
  const chat = await chatOf(VIEW_SHAPES['nano’s'], 'none')
  chat.memory = { weightsBytes: 6e6 } as Chat['memory']
  const status = (columns: number) => viewOf(chat, { columns, rows: 24 }).status[0]
  assert.match(status(120), /6\.00 MB weights · map newest · \/help$/)
  assert.not.match(status(70), /weights/)
  assert.match(status(45), /^ibm-research\/MoLM-700M-8B q4 · \/help$/)
})

test('running thoughts have a head and their last lines, fewer in a low window, and as many as fit once they are open', async () => {
  const chat = await chatOf(VIEW_SHAPES['nano’s'], 'none')
  const text = Array.from({ length: 50 }, (_, i) => `Step ${i + 1}.`).join(' ')
  const thought = { text, tokens: 212, begunAt: performance.now() }
  chat.running = writing('', { part: 'thinking', thought })
  const lines = (rows: number) => viewOf(chat, { columns: 40, rows }).text.filter((line) => line !== '')
  assert.match(lines(24)[0], /^thinking · 212 tokens · [\d.]+ m?s$/)
  assert.equal(
    lines(24).map((line) => line.slice(0, 2)),
    ['th', '│ ', '│ '],
  )
  assert.is(lines(12).length, 2)
  assert.match(viewOf(chat, { columns: 80, rows: 24 }).status[0], /· thinking ·/)
  const folded = lines(20).length
  press(chat, { kind: 'key', name: 'thoughts' })
  assert.ok(lines(20).length > folded)
  chat.running = writing('', { part: 'thinking', thought: { ...thought, endedAt: performance.now() } })
  assert.equal(lines(24), [])
})

test('the question whether a tool may run fits, and names the keys that answer it', async () => {
  const chat = await chatOf(VIEW_SHAPES['nano’s'], 'none')
  chat.running = writing('', { call: { tool: 'weather', state: 'asked' } })
  for (const [columns, rows] of [
    [40, 12],
    [80, 24],
  ]) {
    const view = viewOf(chat, { columns, rows })
    assert.ok(linesOf(view).length < rows)
    assert.is(view.question[0], 'run weather?')
    assert.match(view.question[1], /^y yes · n no · a always/)
  }
  chat.input.set('y')
  assert.is(viewOf(chat, { columns: 80, rows: 24 }).question[1], 'empty the line, then y, n or a')
})

test.run()
