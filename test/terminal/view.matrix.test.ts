import { stripVTControlCharacters } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { cellWidth } from '#molm/ground/output/cell-width.js'
import type { ColourDepth } from '#molm/ground/output/colours.js'
import type { Chat } from '#molm/terminal/conversation/chat-state.js'
import { MAP_MODES } from '#molm/terminal/map/token-map.js'
import { layoutOf, linesOf } from '#molm/terminal/screen/view.js'
import { chatOf, writing } from '../support/chats.js'
import { combinations } from '../support/combinations.js'
import { HELD, mapOf, VIEW_SHAPES, viewOf, withoutCaption } from '../support/map-view.js'

/*
 * The live area for all shapes of models and windows.
 */

const WINDOWS = [
  [40, 12],
  [41, 13],
  [57, 14],
  [80, 24],
  [100, 30],
  [132, 43],
  [200, 50],
] as const
const ANSWER = 'It was the best of times, it was the worst of times. '.repeat(200).trimEnd()

const SHAPES = Object.entries(VIEW_SHAPES).map(([name, mixtures]) => ({ name, mixtures }))
const LOOKS = combinations({
  depth: ['truecolor', 'none'] as const,
  state: ['idle', 'answering'] as const,
  written: ['', '/', 'many\nlines\nof\ntext\nare\nwritten\nhere'],
  selected: [undefined, 20],
})

/** A chat of the shape, which is the same for each depth within a test: its tokens take long to add. */
function chatsOf() {
  const known = new Map<string, Promise<Chat>>()
  return async ({ mixtures }: (typeof SHAPES)[number], depth: ColourDepth): Promise<Chat> => {
    const key = `${SHAPES.findIndex((shape) => shape.mixtures === mixtures)} ${depth}`
    const chat = known.get(key) ?? chatOf(mixtures, depth)
    known.set(key, chat)
    return chat
  }
}

test('the live area is lower than every window, and no line is wider', async () => {
  const chatFor = chatsOf()
  for (const point of combinations({ shape: SHAPES, window: WINDOWS, mode: MAP_MODES, look: LOOKS })) {
    const { shape, mode, look } = point
    const [columns, rows] = point.window
    const chat = await chatFor(shape, look.depth)
    chat.running = look.state === 'answering' ? writing(ANSWER) : undefined
    chat.map.mode = mode
    chat.map.select(look.selected)
    chat.input.set(look.written)
    const { held } = layoutOf(chat, { columns, rows })
    const lines = linesOf(viewOf(chat, { columns, rows }, held > 0 ? HELD.slice(-held) : []))
    const which = `${shape.name} ${mode} ${columns}x${rows} ${JSON.stringify(look)}`
    assert.ok(lines.length < rows, `${which}: ${lines.length} lines`)
    for (const line of lines) {
      const width = cellWidth(stripVTControlCharacters(line))
      assert.ok(width < columns, `${which}: ${width} columns: ${stripVTControlCharacters(line)}`)
    }
  }
})

test('the text has 10 lines at 80 x 24, 12 from 30 rows on, and a third of a large window; a walk leaves 6', async () => {
  const chatFor = chatsOf()
  const window = WINDOWS.filter(([, rows]) => rows >= 24)
  const depth = ['truecolor', 'none'] as const
  for (const point of combinations({ shape: SHAPES, window, mode: MAP_MODES, depth, selected: [undefined, 20] })) {
    const { shape, mode, selected } = point
    const [columns, rows] = point.window
    const chat = await chatFor(shape, point.depth)
    chat.running = writing(ANSWER)
    chat.map.mode = mode
    chat.map.select(selected)
    const { textWidth } = layoutOf(chat, { columns, rows })
    const { text } = viewOf(chat, { columns, rows })
    const lines = text.filter((line) => stripVTControlCharacters(line).slice(0, textWidth).trim() !== '').length
    const least = selected === undefined ? Math.max(rows < 30 ? 10 : 12, Math.floor(rows / 3)) : 6
    assert.ok(lines >= least, `${shape.name} ${point.depth} ${mode} ${selected} ${columns}x${rows}: ${lines}`)
  }
})

const LANE = /[·░▒▓█\u2580-\u259f\u2800-\u28ff]|dense/
/** The number of a layer in front of its lane. */
const LABEL = /(?:^|(?<=.) {2,})[ ›]*(\d+) (?=[·░▒▓█\u2580-\u259f\u2800-\u28ff]|dense)/g

test('the map says so if it leaves out layers', async () => {
  const chatFor = chatsOf()
  for (const { shape, window, selected } of combinations({
    shape: SHAPES,
    window: WINDOWS,
    selected: [undefined, 20],
  })) {
    const chat = await chatFor(shape, 'none')
    const { map } = chat
    const [columns, rows] = window
    map.select(selected)
    map.setLayer(map.layers >> 1)
    const [title, ...lines] = withoutCaption(mapOf(chat, columns, rows))
    const which = `${shape.name} ${columns}x${rows} ${selected}: ${title}\n${lines.join('\n')}`
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
})

test('the map names kinds, layers and experts, and explains its scale, from 80 x 24 on', async () => {
  const chatFor = chatsOf()
  const window = WINDOWS.filter(([columns]) => columns >= 80)
  for (const point of combinations({ shape: SHAPES, window, depth: ['truecolor', '256', '16'] as const })) {
    const { shape, depth } = point
    const [columns, rows] = point.window
    const chat = await chatFor(shape, depth)
    const all = mapOf(chat, columns, rows)
    const lines = withoutCaption(all)
    const which = `${shape.name} ${depth} ${columns}x${rows}\n${lines.join('\n')}`
    for (const { kind } of shape.mixtures) assert.match(lines[1], kind === 'mlp' ? /mlp/ : /att/, which)
    assert.match(lines[0], /"·token49"/, which)
    assert.match(`${lines[0]} ${lines.at(-1)}`, /← → walk/, which)
    assert.match(all.join('\n'), /\d of [\d,]+ (experts )?woke/, which)
    const signs = /^gate █ 0 █ \.06 █ \.25 █ \.56 █ 1 {3}(each sign: .*|· not chosen|blank: not chosen|← →)/
    assert.match(lines.at(-1) ?? '', signs, which)
    const numbers = /[·░▒▓█▀▄▌▐▘▝▖▗⠂-⣿]|dense/.test(lines[2]) ? lines[1] : lines[2]
    const first = numbers.split(/ +/).filter((text) => text === '0').length
    assert.ok(first > 0 && first % shape.mixtures.length === 0, `a 0 above the first expert of each kind: ${which}`)
  }
})

test.run()
