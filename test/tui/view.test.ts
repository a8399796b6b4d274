import { stripVTControlCharacters } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { LayerRoutes, Model } from '#molm/generation/types.js'
import { cellWidth } from '#molm/terminal/cell-width.js'
import type { ColourDepth } from '#molm/terminal/colours.js'
import { Chat } from '#molm/tui/chat.js'
import { InputHistory } from '#molm/tui/input-history.js'
import { expertsLine } from '#molm/tui/token-lines.js'
import { MAP_MODES } from '#molm/tui/token-map.js'
import { linesOf, viewOf } from '#molm/tui/view.js'

/** As much of a model of the published shape as the screen asks for. */
function modelOf(layers: number, attention: number, mlp: number): Model {
  const config = {
    layers,
    mixtures: [
      { kind: 'attention', experts: new Array(layers).fill(attention), topK: 2 },
      { kind: 'mlp', experts: new Array(layers).fill(mlp), topK: 2 },
    ],
    trainedContext: 1024,
  }
  const model = {
    name: 'ibm-research/MoLM-700M-8B',
    info: { quant: 'q4' },
    config,
    createSession: () => ({ length: 7 }),
  }
  return model as unknown as Model
}

function routesOf(layers: number, attention: number, mlp: number): LayerRoutes[] {
  const kind = (experts: number) => ({
    ids: Int32Array.of(experts - 1, 0),
    gates: Float32Array.of(0.5, 0.25),
    probabilities: Float32Array.from({ length: experts }, (_, e) =>
      e === experts - 1 ? 0.5 : e === 0 ? 0.25 : 0.01 * e,
    ),
  })
  return Array.from({ length: layers }, () => ({ attention: kind(attention), mlp: kind(mlp) }))
}

async function chatOf(shape: [number, number, number], depth: ColourDepth): Promise<Chat> {
  const history = await InputHistory.open()
  const loadModel = () => Promise.reject(new Error('no other model here'))
  const chat = new Chat(modelOf(...shape), { history, depth, generation: {}, loadModel })
  for (let i = 0; i < 50; i++) chat.map.add(` token${i}`, routesOf(...shape))
  return chat
}

test('at any size the live area is lower than the window and no line is wider', async () => {
  for (const shape of [
    [6, 8, 16],
    [24, 16, 32],
    [48, 16, 32],
  ] as [number, number, number][]) {
    for (const depth of ['truecolor', 'none'] as const) {
      const chat = await chatOf(shape, depth)
      chat.answer = 'It was the best of times, it was the worst of times. '.repeat(30)
      for (const state of ['idle', 'answering'] as const) {
        for (const mode of MAP_MODES) {
          for (const written of ['', '/', 'many\nlines\nof\ntext\nare\nwritten\nhere']) {
            for (const selected of [undefined, 20]) {
              for (const [columns, rows] of [
                [40, 12],
                [41, 13],
                [57, 14],
                [80, 24],
                [132, 43],
                [250, 80],
              ]) {
                chat.state = state
                chat.map.mode = mode
                chat.map.selected = selected
                chat.editor.set(written)
                const lines = linesOf(viewOf(chat, { columns, rows }))
                const which = `${shape} ${depth} ${state} ${mode} ${columns}x${rows}`
                assert.ok(lines.length < rows, `${which}: ${lines.length} lines`)
                for (const line of lines) {
                  const width = cellWidth(stripVTControlCharacters(line))
                  assert.ok(width < columns, `${which}: ${width} columns: ${stripVTControlCharacters(line)}`)
                }
              }
            }
          }
        }
      }
    }
  }
})

test('the map lights the cells of the token’s experts', async () => {
  const chat = await chatOf([2, 4, 8], 'none')
  const { map } = viewOf(chat, { columns: 40, rows: 12 })
  assert.equal(map.slice(1), [' 0 ▒▒····▓▓  ▒▒············▓▓', ' 1 ▒▒····▓▓  ▒▒············▓▓'])
})

test('where rows are scarce two layers share a line, and a window follows the layer looked at', async () => {
  const chat = await chatOf([24, 16, 32], 'truecolor')
  const labels = (rows: number) =>
    viewOf(chat, { columns: 80, rows })
      .map.slice(1)
      .map((line) => Number(/\d+/.exec(stripVTControlCharacters(line))))
  assert.equal(
    labels(40),
    Array.from({ length: 24 }, (_, layer) => layer),
  )
  assert.equal(
    labels(20),
    Array.from({ length: 12 }, (_, i) => 2 * i),
  )
  chat.map.layer = 20
  assert.ok(labels(12).includes(20))
})

test('the line of a token names its experts by gate and the likeliest others', async () => {
  const chat = await chatOf([6, 8, 16], 'none')
  assert.is(expertsLine(chat.map, 'attention'), 'layer 0 attention: 7 .500  0 .250 | next 6 .060  5 .050  4 .040')
})

test('a token fades behind the newest', async () => {
  const chat = await chatOf([1, 4, 4], 'none')
  const [layer] = routesOf(1, 4, 4)
  const other = { ids: Int32Array.of(1, 2), gates: Float32Array.of(0.36, 0.16) }
  chat.map.add('x', [{ attention: other, mlp: layer.mlp }])
  const [before, newest] = [chat.map.amounts('attention', 0)[3], chat.map.amounts('attention', 0)[1]]
  assert.ok(Math.abs(newest - 0.6) < 1e-6)
  assert.ok(Math.abs(before - Math.sqrt(0.5) / 2) < 1e-6)
})

test.run()
