import { stripVTControlCharacters } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Mixture } from '#molm/index.js'
import { cellWidth } from '#molm/terminal/cell-width.js'
import type { Chat } from '#molm/tui/conversation/chat.js'
import { press } from '#molm/tui/conversation/keys.js'
import { expertsLines } from '#molm/tui/map/token-details.js'
import { MAP_MODES, TokenMap } from '#molm/tui/map/token-map.js'
import { usageSummary } from '#molm/tui/map/usage-summary.js'
import { layoutOf, linesOf, viewOf } from '#molm/tui/screen/view.js'
import { chatOf, mixturesOf, plainRoutes, shownAs } from '../support/chats.js'

const SHAPES = {
  'nano’s': mixturesOf(6, { attention: 8, mlp: 24 }),
  'MoLM-4B’s': mixturesOf(24, { attention: 16, mlp: 32 }),
  'MoLM-8B’s': mixturesOf(48, { attention: 16, mlp: 32 }),
  'one with MLP experts alone': mixturesOf(48, { mlp: 128 }),
  'one with dense layers': mixturesOf(24, { mlp: 64 }, [0, 1, 7]),
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
const LANE = /[·░▒▓█\u2580-\u259f\u2800-\u28ff]|dense/
/** The number of a layer in front of its lane. */
const LABEL = /(?:^|(?<=.) {2,})[ ›]*(\d+) (?=[·░▒▓█\u2580-\u259f\u2800-\u28ff]|dense)/g
const ANSWER = 'It was the best of times, it was the worst of times. '.repeat(200).trimEnd()
/** Finished lines to show beside the map. */
const HELD = Array.from({ length: 50 }, (_, i) => `held ${i}`)

function draw(chat: Chat, columns: number, rows: number): string[] {
  const { held } = layoutOf(chat, { columns, rows })
  return linesOf(viewOf(chat, { columns, rows }, held > 0 ? HELD.slice(-held) : []))
}

/** The lines of the map, beside or below the text, without colours. */
function mapOf(chat: Chat, columns: number, rows: number): string[] {
  const { text, map } = viewOf(chat, { columns, rows })
  const { side, textWidth } = layoutOf(chat, { columns, rows })
  const lines = side ? text.map((line) => stripVTControlCharacters(line).slice(textWidth + 3)) : map
  return lines.map((line) => stripVTControlCharacters(line).trimEnd())
}

/** The lines of a map from its title on. */
function withoutCaption(lines: string[]): string[] {
  return lines[0].startsWith('all answers: ') ? lines.slice(1) : lines
}

for (const [name, mixtures] of Object.entries(SHAPES)) {
  test(`for ${name} the live area is lower than every window, and no line is wider`, async () => {
    for (const depth of ['truecolor', 'none'] as const) {
      const chat = shownAs(await chatOf(mixtures, depth), { state: 'idle', answer: ANSWER })
      for (const state of ['idle', 'answering'] as const) {
        for (const mode of MAP_MODES) {
          for (const written of ['', '/', 'many\nlines\nof\ntext\nare\nwritten\nhere']) {
            for (const selected of [undefined, 20]) {
              for (const [columns, rows] of WINDOWS) {
                chat.state = state
                chat.map.setMode(mode)
                chat.map.select(selected)
                chat.input.set(written)
                const lines = draw(chat, columns, rows)
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

  test(`for ${name} the text has 10 lines at 80 x 24, 12 from 30 rows on, and a third of a large window; a walk leaves 6`, async () => {
    for (const depth of ['truecolor', 'none'] as const) {
      const chat = shownAs(await chatOf(mixtures, depth), { state: 'answering', answer: ANSWER })
      for (const mode of MAP_MODES) {
        chat.map.setMode(mode)
        for (const selected of [undefined, 20]) {
          chat.map.select(selected)
          for (const [columns, rows] of WINDOWS.filter(([, rows]) => rows >= 24)) {
            const { textWidth } = layoutOf(chat, { columns, rows })
            const { text } = viewOf(chat, { columns, rows })
            const lines = text.filter((line) => stripVTControlCharacters(line).slice(0, textWidth).trim() !== '').length
            const least = selected === undefined ? Math.max(rows < 30 ? 10 : 12, Math.floor(rows / 3)) : 6
            assert.ok(lines >= least, `${depth} ${mode} ${selected} ${columns}x${rows}: ${lines}`)
          }
        }
      }
    }
  })

  test(`for ${name} the map says so if it leaves out layers`, async () => {
    const chat = await chatOf(mixtures, 'none')
    const { map } = chat
    for (const [columns, rows] of WINDOWS) {
      for (const selected of [undefined, 20]) {
        map.select(selected)
        map.setLayer(map.layers >> 1)
        const [title, ...lines] = withoutCaption(mapOf(chat, columns, rows))
        const which = `${columns}x${rows} ${selected}: ${title}\n${lines.join('\n')}`
        const lanes = lines.filter((line) => LANE.test(line) && !/^(gate|share|▘|⠂)/.test(line))
        const numbers = lanes.flatMap((line) => [...line.matchAll(LABEL)])
        const labels = numbers.map(([, n]) => Number(n)).sort((a, b) => a - b)
        const [, from, to] = /layers (\d+)-(\d+) of/.exec(title) ?? ['', '0', String(map.layers - 1)]
        const step = labels.length > 1 ? labels[1] - labels[0] : 1
        assert.is(labels[0], Number(from), which)
        assert.ok(labels.at(-1) === Number(to) - ((Number(to) - Number(from)) % step), which)
        assert.ok(
          labels.every((label, i) => i === 0 || label - labels[i - 1] === step),
          which,
        )
        assert.ok(map.layer >= Number(from) && map.layer <= Number(to), which)
      }
    }
  })

  test(`for ${name} the map names kinds, layers and experts, and explains its scale, from 80 x 24 on`, async () => {
    for (const depth of ['truecolor', '256', '16'] as const) {
      const chat = await chatOf(mixtures, depth)
      for (const [columns, rows] of WINDOWS.filter(([columns]) => columns >= 80)) {
        const all = mapOf(chat, columns, rows)
        const lines = withoutCaption(all)
        const which = `${depth} ${columns}x${rows}\n${lines.join('\n')}`
        for (const { kind } of mixtures) assert.match(lines[1], kind === 'mlp' ? /mlp/ : /att/, which)
        assert.match(lines[0], /"·token49"/, which)
        assert.match(`${lines[0]} ${lines.at(-1)}`, /← → walk/, which)
        assert.match(all.join('\n'), /\d of [\d,]+ (experts )?woke/, which)
        const signs = /^gate █ \.06 █ \.25 █ \.56 █ 1 {3}(each sign: .* {3})?(· not chosen|blank: not chosen|← →)/
        assert.match(lines.at(-1) ?? '', signs, which)
        assert.match(lines[1] + lines[2], /\d +\d/, `numbers: ${which}`)
      }
    }
  })
}

test('in a wide window the map is beside the text, which continues at its left', async () => {
  const chat = await chatOf(SHAPES['MoLM-4B’s'], 'none')
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

test('a model without attention experts has no lane for them, and a dense layer is named', async () => {
  const chat = await chatOf(mixturesOf(3, { mlp: 4 }, [1]), 'none')
  assert.equal(mapOf(chat, 60, 20).slice(3, 6), ['    0 ▒▒· · ▓▓', '    1 dense', '    2 ▒▒· · ▓▓'])
  chat.map.select(20)
  chat.map.setLayer(1)
  assert.ok(viewOf(chat, { columns: 60, rows: 20 }).token.includes('layer 1 is dense: it has no experts'))
  chat.map.setMode('layer')
  assert.match(mapOf(chat, 60, 20)[0], /^layer 1 of 3 · dense: it has no experts/)
})

test('a model without experts has no map', async () => {
  const chat = await chatOf([], 'none', { layers: 3 })
  const { map, status } = viewOf(chat, { columns: 120, rows: 30 })
  assert.equal(map, [])
  assert.not.match(status, /map/)
})

test('if one of two layers in a line is dense, only the other is drawn, and the title names the dense one', async () => {
  const chat = await chatOf(mixturesOf(6, { mlp: 64 }, [0, 2, 3]), 'truecolor')
  const [title, , ...lines] = mapOf(chat, 72, 12)
  assert.is(title, 'experts of the last token "·token49" · dense: 0, 2-3')
  assert.equal(lines.slice(0, 3), [` 0 ▄${'·'.repeat(62)}▄`, ` 2 dense`, ` 4 ▀${'·'.repeat(62)}▀`])
})

test('the title hints at the walk until it was used; during a walk, at the layers', async () => {
  const chat = shownAs(await chatOf(SHAPES['nano’s'], 'none'), { state: 'idle' })
  const title = () => withoutCaption(mapOf(chat, 120, 30))[0]
  assert.match(title(), / · ← → walk over the tokens$/)
  chat.state = 'answering'
  assert.not.match(title(), /→/)
  chat.state = 'idle'
  press(chat, { kind: 'key', name: 'left' })
  assert.match(title(), /^experts of token 50 of 50 "·token49" · ↑ ↓ layers · Tab experts · x off · Esc ends$/)
  press(chat, { kind: 'key', name: 'escape' })
  assert.is(title(), 'experts of the last token "·token49"')
})

test('layers with fewer experts have fewer cells', async () => {
  const chat = await chatOf([{ kind: 'mlp', experts: [2, 4], topK: 2 }], 'none')
  assert.equal(mapOf(chat, 60, 20).slice(4, 6), ['    0 ▒▒▓▓', '    1 ▒▒· · ▓▓'])
})

test('the map of one layer has a row per token with names and numbers, around the selected one', async () => {
  const chat = await chatOf(mixturesOf(3, { attention: 4, mlp: 8 }), 'none')
  chat.map.setMode('layer')
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
  for (let i = 0; i < 150; i++) chat.map.add('x', odd)
  chat.map.setMode('usage')
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
  const chat = await chatOf(SHAPES['nano’s'], 'none')
  const [attention] = expertsLines(chat.map, 99, false)
  assert.is(attention, 'layer 0 attention: 7 .500  0 .250 | next 6 .060  5 .050  4 .040')
})

test('scores of others that are no probabilities are named', () => {
  const map = new TokenMap({
    layers: 1,
    mixtures: [{ kind: 'mlp', experts: [4], topK: 1, routing: { score: 'sigmoid' } }],
  })
  const probabilities = Float32Array.of(0.9, 0.75, 0.5, 0.25)
  map.add('x', [{ mlp: { ids: Int32Array.of(2), gates: Float32Array.of(2.5), probabilities } }])
  assert.equal(expertsLines(map, 99, false), ['layer 0 mlp: 2 2.500 | next by score 0 .900  1 .750  3 .250'])
})

test('an expert that every token uses is marked, and named below the usage', () => {
  const always = [{ ids: [3], isApart: true }]
  const map = new TokenMap({ layers: 1, mixtures: [{ kind: 'mlp', experts: [4], topK: 2, routing: { always } }] })
  map.add('x', [{ mlp: { ids: Int32Array.of(3, 0), gates: Float32Array.of(1, 0.5) } }])
  assert.equal(expertsLines(map, 99, false), ['layer 0 mlp: 3 1.000 always  0 .500'])
  assert.is(usageSummary(map.usage, map.notes).split('\n').at(-1), 'every token uses mlp 3 in layer 0')
})

test('gates with a factor are measured against it', async () => {
  const mixtures: Mixture[] = [{ kind: 'mlp', experts: [4], topK: 2, routing: { score: 'sigmoid', factor: 2 } }]
  const chat = await chatOf(mixtures, 'none')
  chat.map.add('x', [{ mlp: { ids: Int32Array.of(2, 0), gates: Float32Array.of(2, 0.5) } }])
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
  map.add('x', [{ mlp: { ids, gates: new Float32Array(8).fill(0.125), probabilities } }])
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

for (const depth of ['truecolor', '256', '16', 'none'] as const) {
  test(`in depth ${depth}, experts of the tokens just before have another sign, only while an answer runs`, async () => {
    const mixtures = mixturesOf(1, { attention: 4, mlp: 4 })
    const chat = shownAs(await chatOf(mixtures, depth), { state: 'idle' })
    const [layer] = plainRoutes(mixtures)
    const other = { ids: Int32Array.of(1, 2), gates: Float32Array.of(0.36, 0.16) }
    chat.map.add('x', [{ ...layer, attention: other }])
    const row = () => mapOf(chat, 80, 24).find((line) => /^[ ›] +0 [·•░▒▓█]/.test(line)) ?? ''
    const still = depth === 'none' ? /^ +0 · ▓▓▒▒· / : /^ +0 · ████· /
    assert.match(row(), still)
    chat.state = 'answering'
    assert.match(row(), depth === 'none' ? /^ +0 • ▓▓▒▒• / : /^ +0 • ████• /)
    chat.map.select(50)
    assert.match(row().replace('›', ' '), still)
  })
}

test('a narrow window drops the least needed parts of the status line', async () => {
  const memory = { weightsBytes: 6e6 } as NonNullable<Chat['memory']>
  const chat = shownAs(await chatOf(SHAPES['nano’s'], 'none'), { memory })
  const status = (columns: number) => viewOf(chat, { columns, rows: 24 }).status
  assert.match(status(120), /6\.00 MB weights · map newest · \/help$/)
  assert.not.match(status(70), /weights/)
  assert.match(status(45), /^ibm-research\/MoLM-700M-8B q4 · \/help$/)
})

test.run()
