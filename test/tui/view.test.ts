import { stripVTControlCharacters } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { LayerRoutes, Mixture, Model } from '#molm/index.js'
import { cellWidth } from '#molm/terminal/cell-width.js'
import type { ColourDepth } from '#molm/terminal/colours.js'
import { Chat } from '#molm/tui/chat.js'
import { InputHistory } from '#molm/tui/input-history.js'
import { expertsLine } from '#molm/tui/token-lines.js'
import { MAP_MODES } from '#molm/tui/token-map.js'
import { linesOf, viewOf } from '#molm/tui/view.js'

/** Mixtures of a model with as many experts in each layer, but none in the dense ones. */
function mixturesOf(layers: number, counts: { attention?: number; mlp?: number }, dense: number[] = []): Mixture[] {
  const experts = (count: number) => Array.from({ length: layers }, (_, layer) => (dense.includes(layer) ? 0 : count))
  const { attention, mlp } = counts
  return [
    ...(attention ? [{ kind: 'attention', experts: experts(attention), topK: 2 } as const] : []),
    ...(mlp ? [{ kind: 'mlp', experts: experts(mlp), topK: 2 } as const] : []),
  ]
}

const SHAPES = {
  'nano’s': mixturesOf(6, { attention: 8, mlp: 16 }),
  'MoLM-4B’s': mixturesOf(24, { attention: 16, mlp: 32 }),
  'MoLM-8B’s': mixturesOf(48, { attention: 16, mlp: 32 }),
  'one with MLP experts alone': mixturesOf(48, { mlp: 128 }),
  'one with dense layers': mixturesOf(24, { mlp: 64 }, [0, 1, 7]),
}

const layersOf = (mixtures: Mixture[]) => mixtures[0]?.experts.length ?? 0

/** As much of a model as the screen asks for. */
function modelOf(mixtures: Mixture[], layers: number): Model {
  const model = {
    name: 'ibm-research/MoLM-700M-8B',
    info: { quant: 'q4' },
    config: { layers, mixtures, trainedContext: 1024 },
    createSession: () => ({ length: 7 }),
  }
  return model as unknown as Model
}

/** Each layer's last expert is chosen, and the first with half its gate. */
function routesOf(mixtures: Mixture[]): LayerRoutes[] {
  return Array.from({ length: layersOf(mixtures) }, (_, layer) => {
    const present = mixtures.filter(({ experts }) => experts[layer] > 0)
    const routes = present.map(({ kind, experts }) => {
      const last = experts[layer] - 1
      const p = Array.from({ length: last + 1 }, (_, e) => (e === last ? 0.5 : e === 0 ? 0.25 : 0.01 * e))
      const [ids, gates] = [Int32Array.of(last, 0), Float32Array.of(0.5, 0.25)]
      return [kind, { ids, gates, probabilities: Float32Array.from(p) }]
    })
    return Object.fromEntries(routes)
  })
}

async function chatOf(mixtures: Mixture[], depth: ColourDepth, layers = layersOf(mixtures)): Promise<Chat> {
  const history = await InputHistory.open()
  const loadModel = () => Promise.reject(new Error('no other model here'))
  const chat = new Chat(modelOf(mixtures, layers), { history, depth, generation: {}, loadModel })
  for (let i = 0; i < 50; i++) chat.map.add(` token${i}`, routesOf(mixtures))
  return chat
}

const WINDOWS = [
  [40, 12],
  [41, 13],
  [57, 14],
  [80, 24],
  [100, 30],
  [132, 43],
  [200, 50],
]
const ANSWER = 'It was the best of times, it was the worst of times. '.repeat(300)

for (const [name, mixtures] of Object.entries(SHAPES)) {
  test(`for ${name} the live area is lower than any window and no line is wider`, async () => {
    for (const depth of ['truecolor', 'none'] as const) {
      const chat = await chatOf(mixtures, depth)
      chat.answer = ANSWER
      for (const state of ['idle', 'answering'] as const) {
        for (const mode of MAP_MODES) {
          for (const written of ['', '/', 'many\nlines\nof\ntext\nare\nwritten\nhere']) {
            for (const selected of [undefined, 20]) {
              for (const [columns, rows] of WINDOWS) {
                chat.state = state
                chat.map.mode = mode
                chat.map.selected = selected
                chat.editor.set(written)
                const lines = linesOf(viewOf(chat, { columns, rows }))
                const which = `${depth} ${state} ${mode} ${columns}x${rows}`
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
  })

  test(`for ${name} the conversation keeps ten lines from 80 x 24 on, and more than half a window without a walk`, async () => {
    for (const depth of ['truecolor', 'none'] as const) {
      const chat = await chatOf(mixtures, depth)
      chat.answer = ANSWER
      chat.state = 'answering'
      for (const mode of MAP_MODES) {
        for (const [columns, rows] of WINDOWS.filter(([, rows]) => rows >= 24)) {
          chat.map.mode = mode
          for (const [selected, least] of [
            [undefined, rows / 2],
            [20, 10],
          ]) {
            chat.map.selected = selected
            const { answer } = viewOf(chat, { columns, rows })
            assert.ok(answer.length >= Number(least), `${mode} ${columns}x${rows} ${selected}: ${answer.length} lines`)
          }
        }
      }
    }
  })

  test(`for ${name} the map leaves no layer and no expert out without saying so`, async () => {
    const chat = await chatOf(mixtures, 'none')
    const { map } = chat
    for (const [columns, rows] of WINDOWS) {
      for (const selected of [undefined, 20]) {
        map.selected = selected
        map.layer = map.layers >> 1
        const [title, ...lines] = viewOf(chat, { columns, rows }).map
        const which = `${columns}x${rows} ${selected}: ${title}`
        const labels = lines.flatMap((line) =>
          [...line.matchAll(/(?:^|[·░▒▓█e] *)[ ›]*(\d+) /g)].map(([, n]) => Number(n)),
        )
        const [, from, to] = /layers (\d+)-(\d+) of/.exec(title) ?? ['', '0', String(map.layers - 1)]
        const shown = Array.from({ length: Number(to) - Number(from) + 1 }, (_, i) => Number(from) + i)
        assert.equal(
          labels.sort((a, b) => a - b),
          shown,
          which,
        )
        assert.ok(shown.includes(map.layer), which)
        const [note = ''] = title.split(' · ').filter((part) => part.endsWith(' per cell'))
        const perCell = ({ kind }: Mixture) => Number(new RegExp(`(\\d+) (?:${kind}|per)`).exec(note)?.[1] ?? 1)
        const cells = lines.join('').replace(/[^·░▒▓█]/g, '').length
        const wanted = shown.reduce((sum, layer) => {
          return mixtures.reduce((all, mixture) => all + Math.ceil(mixture.experts[layer] / perCell(mixture)), sum)
        }, 0)
        assert.is(cells % wanted, 0, `${which}: ${cells} characters for ${wanted} cells`)
      }
    }
  })
}

test('the map lights the cells of the token’s experts', async () => {
  const chat = await chatOf(mixturesOf(2, { attention: 4, mlp: 8 }), 'none')
  const { map } = viewOf(chat, { columns: 40, rows: 12 })
  assert.equal(map.slice(1), [' 0 ▒▒····▓▓  ▒▒············▓▓', ' 1 ▒▒····▓▓  ▒▒············▓▓'])
})

test('a model without attention experts has no lane for them, and a dense layer says that it is one', async () => {
  const chat = await chatOf(mixturesOf(3, { mlp: 4 }, [1]), 'none')
  assert.equal(viewOf(chat, { columns: 60, rows: 15 }).map, [
    'experts of the newest token "·token49": mlp · ← → tokens',
    ' 0 ▒▒····▓▓',
    ' 1 dense   ',
    ' 2 ▒▒····▓▓',
  ])
  chat.map.selected = 20
  chat.map.layer = 1
  assert.is(viewOf(chat, { columns: 60, rows: 15 }).token[1], 'layer 1 is dense: it has no experts')
  chat.map.mode = 'layer'
  assert.is(viewOf(chat, { columns: 60, rows: 15 }).map[0], 'layer 1 of 3 · dense: it has no experts')
})

test('a model without experts has no map', async () => {
  const chat = await chatOf([], 'none', 3)
  const { map, status } = viewOf(chat, { columns: 120, rows: 30 })
  assert.equal(map, [])
  assert.not.match(status, /map/)
})

test('where two layers share a line and one is dense, only the other’s half is drawn', async () => {
  const chat = await chatOf(mixturesOf(6, { mlp: 64 }, [0, 2, 3]), 'truecolor')
  const [title, ...lines] = viewOf(chat, { columns: 72, rows: 12 }).map.map(stripVTControlCharacters)
  assert.is(title, 'experts of the newest token "·token49": mlp · dense: 0, 2-3')
  assert.equal(lines, [` 0 ${'▄'.repeat(64)}`, ` 2 dense${' '.repeat(59)}`, ` 4 ${'▀'.repeat(64)}`])
})

test('the title names the keys that look closer, as long as they do', async () => {
  const chat = await chatOf(SHAPES['nano’s'], 'none')
  const title = () => viewOf(chat, { columns: 120, rows: 30 }).map[0]
  assert.match(title(), / · ← → tokens$/)
  chat.map.selected = 20
  assert.match(title(), / · ← → tokens, ↑ ↓ layers$/)
  chat.editor.set('written')
  assert.not.match(title(), /→/)
  chat.editor.set('')
  chat.state = 'answering'
  assert.not.match(title(), /→/)
})

test('layers that have fewer experts than others have fewer cells', async () => {
  const chat = await chatOf([{ kind: 'mlp', experts: [2, 4], topK: 2 }], 'none')
  assert.equal(viewOf(chat, { columns: 40, rows: 12 }).map.slice(1), [' 0 ▒▒▓▓    ', ' 1 ▒▒····▓▓'])
})

test('a walk shows each expert of the layers around the one that is looked at', async () => {
  const chat = await chatOf(SHAPES['MoLM-4B’s'], 'truecolor')
  const map = () => viewOf(chat, { columns: 80, rows: 24 }).map.map(stripVTControlCharacters)
  assert.ok(map()[0].startsWith('2 mlp per cell · experts of the newest token'))
  chat.map.selected = 20
  chat.map.layer = 9
  const [title, ...lines] = map()
  assert.ok(title.startsWith('layers 2-15 of 24 · experts of token 21 of 50 "·token20"'), title)
  assert.is(lines[3], `› 8 ${'▀'.repeat(16)}  ${'▀'.repeat(32)}`)
})

test('the form of one layer has a row per token, around the one that is looked at', async () => {
  const chat = await chatOf(mixturesOf(3, { attention: 4, mlp: 8 }), 'none')
  chat.map.mode = 'layer'
  chat.map.layer = 2
  const map = () => viewOf(chat, { columns: 60, rows: 18 }).map
  const cells = '▒▒····▓▓  ▒▒············▓▓'
  assert.equal(map(), [
    'layer 2 of 3 · a row per token: attention, mlp · ← → tokens',
    ...[45, 46, 47, 48, 49].map((i) => ` ·token${i}     ${cells}`),
  ])
  chat.map.selected = 20
  assert.equal(map().slice(2, 5), [` ·token19     ${cells}`, `›·token20     ${cells}`, ` ·token21     ${cells}`])
})

test('the line of a token names its experts by gate and the likeliest others', async () => {
  const chat = await chatOf(SHAPES['nano’s'], 'none')
  assert.is(expertsLine(chat.map, 'attention'), 'layer 0 attention: 7 .500  0 .250 | next 6 .060  5 .050  4 .040')
})

test('many experts of a token go on in a second line, and an ellipsis stands for those left out', async () => {
  const mixtures: Mixture[] = [{ kind: 'mlp', experts: [128], topK: 8 }]
  const chat = await chatOf(mixtures, 'none')
  const ids = Int32Array.from({ length: 8 }, (_, i) => 100 + i)
  const probabilities = new Float32Array(128)
  chat.map.add('x', [{ mlp: { ids, gates: new Float32Array(8).fill(0.125), probabilities } }])
  chat.map.selected = 50
  const lines = (columns: number) => viewOf(chat, { columns, rows: 30 }).token.slice(1)
  assert.equal(lines(80), [
    'layer 0 mlp: 100 .125  101 .125  102 .125  103 .125  104 .125  105 .125  106',
    '.125  107 .125 | next 0 .000  1 .000  2 .000',
  ])
  assert.equal(lines(40), ['layer 0 mlp: 100 .125  101 .125  102', '.125  103 .125  104 .125  105 .125 …'])
})

test('a token fades behind the newest while an answer runs, and nowhere else', async () => {
  const mixtures = mixturesOf(1, { attention: 4, mlp: 4 })
  const chat = await chatOf(mixtures, 'truecolor')
  const [layer] = routesOf(mixtures)
  const other = { ids: Int32Array.of(1, 2), gates: Float32Array.of(0.36, 0.16) }
  chat.map.add('x', [{ ...layer, attention: other }])
  const [before, newest] = [3, 1].map((expert) => chat.map.amounts('attention', 0, true)[expert])
  assert.ok(Math.abs(newest - 0.6) < 1e-6)
  assert.ok(Math.abs(before - Math.sqrt(0.5) / 2) < 1e-6)
  assert.equal([...chat.map.amounts('attention', 0, false)].map(Math.sign), [0, 1, 1, 0])

  const drawn = () => viewOf(chat, { columns: 80, rows: 24 }).map[1]
  const still = drawn()
  chat.state = 'answering'
  assert.is.not(drawn(), still)
  chat.map.selected = 50
  assert.is(drawn().replace('›', ' '), still)
})

test.run()
