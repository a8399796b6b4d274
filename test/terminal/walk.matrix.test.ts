import { stripVTControlCharacters } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { cellWidth } from '#molm/ground/output/cell-width.js'
import type { Chat } from '#molm/terminal/conversation/chat-state.js'
import { layoutOf, linesOf, type View } from '#molm/terminal/screen/view.js'
import { writing } from '../support/chats.js'
import { combinations } from '../support/combinations.js'
import { MAP_SHAPES, routedChat } from '../support/map-shapes.js'
import { viewOf } from '../support/map-view.js'
import { signsOfChosenLayer } from '../support/walk-signs.js'

const WINDOWS = [
  [80, 24],
  [100, 30],
  [120, 40],
  [200, 50],
] as const

const ANSWER = 'It was the best of times, it was the worst of times. '.repeat(99).trimEnd()

function plain(lines: readonly string[]): string[] {
  return lines.map((line) => stripVTControlCharacters(line).trimEnd())
}

/** The map's lines, below or beside the text. */
function mapOf(chat: Chat, view: View, columns: number, rows: number): string[] {
  const { side, textWidth } = layoutOf(chat, { columns, rows })
  return plain(side ? view.text.map((line) => stripVTControlCharacters(line).slice(textWidth + 3)) : view.map)
}

/** Whether the layer's experts are chosen, kind by kind. */
function chosenOf({ map }: Chat): boolean[] {
  return map.kindsOf(map.layer).flatMap((kind) => {
    const ids = map.shown?.routes[map.layer][kind]?.ids
    return Array.from({ length: map.experts(kind, map.layer) }, (_, expert) => ids?.includes(expert) ?? false)
  })
}

const SHAPES = Object.entries(MAP_SHAPES).map(([name, mixtures]) => ({ name, mixtures }))

test('signs alone tell each chosen expert of the layer from every other', async () => {
  const depths = ['truecolor', '16', 'none'] as const
  const axes = { shape: SHAPES, window: WINDOWS, depth: depths, layer: [0, 3, -1], index: [2, 40] }
  for (const { shape, window, depth, layer, index } of combinations(axes)) {
    const [columns, rows] = window
    const chat = await routedChat(shape.mixtures, depth)
    chat.map.select(index)
    chat.map.setLayer(layer < 0 ? chat.map.layers - 1 : layer)
    const view = viewOf(chat, { columns, rows })
    const lines = [...mapOf(chat, view, columns, rows), ...plain(view.token)]
    const { signs, numbers } = signsOfChosenLayer(lines)
    const which = `${shape.name} at ${columns} x ${rows}, ${depth}, layer ${layer}\n${lines.join('\n')}`
    assert.equal(
      signs.map((sign) => sign !== '·'),
      chosenOf(chat),
      which,
    )
    assert.match(numbers, /\d +\d+ +\d+/, which)
  }
})

test('a walk folds nothing further, fits, and leaves 6 lines of text', async () => {
  const modes = ['newest', 'usage', 'layer'] as const
  const axes = { shape: SHAPES, window: WINDOWS, depth: ['truecolor', 'none'] as const, mode: modes }
  for (const { shape, window, depth, mode } of combinations(axes)) {
    const [columns, rows] = window
    const size = { columns, rows }
    const chat = await routedChat(shape.mixtures, depth)
    chat.map.mode = mode
    const before = mapOf(chat, viewOf(chat, size), columns, rows)
    chat.map.walk(-1)
    chat.map.setLayer(3)
    const after = mapOf(chat, viewOf(chat, size), columns, rows)
    const lanes = (lines: string[]) => lines.slice(1, -1).map((line) => line.replace('›', ' '))
    const name = `${shape.name} at ${columns} x ${rows}, ${depth} ${mode}`
    const which = `${name}\n${before.join('\n')}\n${after.join('\n')}`
    assert.is(after.length, before.length, which)
    if (mode === 'newest') assert.equal(withoutNumbers(lanes(after)), withoutNumbers(lanes(before)), which)
    else assert.is(foldOf(after), foldOf(before), which)
    assertFits(chat, columns, rows, name)
  }
})

/** Lines without the title and the numbers, which a cursor changes. */
function withoutNumbers(lines: string[]): string[] {
  return lines.filter((line) => !/^experts of|^layer|^ *(mlp|attn)|^[\d ]+$/.test(line))
}

function foldOf(lines: string[]): string | undefined {
  return /each sign: [\w ]+?(?= {2}|$)/.exec(lines.join('\n'))?.[0]
}

function assertFits(chat: Chat, columns: number, rows: number, which: string): void {
  for (const state of ['idle', 'answering'] as const) {
    chat.running = state === 'answering' ? writing(ANSWER) : undefined
    const { held } = layoutOf(chat, { columns, rows })
    const view = viewOf(chat, { columns, rows }, new Array(held).fill('held'))
    const lines = linesOf(view)
    assert.ok(lines.length < rows, `${which} ${state}: ${lines.length} lines`)
    for (const line of lines) assert.ok(cellWidth(stripVTControlCharacters(line)) < columns, `${which}: ${line}`)
    const text = view.text.filter((line) => line.trim() !== '').length
    if (state === 'answering') assert.ok(text >= 6, `${which}: ${text} lines of text`)
  }
  chat.running = undefined
}

test('at 200 x 50 nothing is folded that fits', async () => {
  for (const [name, mixtures] of Object.entries(MAP_SHAPES)) {
    const chat = await routedChat(mixtures, 'truecolor')
    const map = mapOf(chat, viewOf(chat, { columns: 200, rows: 50 }), 200, 50)
    // 48 lines do not fit beside a third of text.
    assert.is(foldOf(map), name === '48 x 128' ? 'each sign: 2 layers' : undefined, map.join('\n'))
  }
})

test('one phrase says what shares a sign, and nothing else does', async () => {
  for (const [name, note] of [
    ['24 x 32', 'each sign: 2 layers'],
    ['16 x 64', 'each sign: 2 layers x 2 experts'],
    ['48 x 128', 'each sign: 4 layers x 4 experts'],
  ]) {
    for (const depth of ['truecolor', 'none'] as const) {
      const chat = await routedChat(MAP_SHAPES[name], depth)
      for (const selected of [undefined, 40]) {
        chat.map.select(selected)
        const text = mapOf(chat, viewOf(chat, { columns: 80, rows: 24 }), 80, 24).join('\n')
        assert.is(foldOf(text.split('\n')), note)
        assert.is(text.match(/each sign|per sign|per cell|a row/g)?.length, 1, text)
      }
    }
  }
})

test('braille has a blank for experts that were not chosen, and the legend says so', async () => {
  const chat = await routedChat(MAP_SHAPES['48 x 128'], 'truecolor')
  const lines = mapOf(chat, viewOf(chat, { columns: 120, rows: 40 }), 120, 40)
  const lanes = lines.filter((line) => /[\u2801-\u28ff]/.test(line))
  assert.ok(lanes.length >= 12 && lanes.every((line) => !/[·•]/.test(line)), lines.join('\n'))
  assert.match(lines.at(-1) ?? '', /blank: not chosen/)
})

test('with shared numbers, the number of the cursor is above its column', async () => {
  const chat = await routedChat(MAP_SHAPES['48 x 128'], 'none')
  chat.map.select(40)
  for (let i = 0; i < 8; i++) {
    const { token } = viewOf(chat, { columns: 80, rows: 24 })
    const [numbers, first, second] = token
    const expert = chat.map.cursor?.expert ?? 0
    const lane = expert < 64 ? first : second
    const column = numbers.indexOf(`\x1b[7m${expert}\x1b[27m`)
    assert.ok(column > 0, numbers)
    assert.match(lane[column], /[░▒▓█]/, `${expert}\n${token.join('\n')}`)
    chat.map.moveCursor(1, 'chosen')
  }
})

test.run()
