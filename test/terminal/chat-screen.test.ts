import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Mixture } from '#molm/index.js'
import type { Chat } from '#molm/terminal/conversation/chat-state.js'
import { chatOf, mixturesOf, plainRoutes, ShownChat, writing } from '../support/chats.js'
import { until } from '../support/until.js'

const SHAPES = {
  '6 x 24': mixturesOf(6, { attention: 8, mlp: 16 }),
  '24 x 48': mixturesOf(24, { attention: 16, mlp: 32 }),
  '48 x 128': mixturesOf(48, { mlp: 128 }),
}
const WINDOWS = [
  [40, 12],
  [80, 24],
  [100, 30],
  [200, 50],
] as const

async function shown(
  mixtures: Mixture[],
  size: readonly [number, number],
  use: (shown: ShownChat) => Promise<void>,
): Promise<void> {
  await onScreen(await chatOf(mixtures, 'truecolor'), size, use)
}

/** A chat that looks as if an answer runs; the test writes the text of the answer. */
async function shownAnswering(
  mixtures: Mixture[],
  size: readonly [number, number],
  use: (shown: ShownChat) => Promise<void>,
): Promise<void> {
  const chat = await chatOf(mixtures, 'truecolor')
  chat.running = writing('')
  await onScreen(chat, size, use)
}

async function onScreen(
  chat: Chat,
  [columns, rows]: readonly [number, number],
  use: (shown: ShownChat) => Promise<void>,
): Promise<void> {
  const live = new ShownChat(chat, columns, rows)
  try {
    await use(live)
  } finally {
    live.close()
  }
}

/** The screen as a first drawing of the same conversation would leave it. */
async function freshDrawing({ chat }: ShownChat, size: readonly [number, number]): Promise<unknown> {
  const { map, items, running } = chat
  const fresh = Object.assign(await chatOf([...chat.model.config.mixtures], 'truecolor'), { map, items, running })
  const other = new ShownChat(fresh, ...size)
  try {
    await other.settled()
    return lookOf(other)
  } finally {
    other.close()
  }
}

/** Text and colours of all lines. */
function lookOf({ screen }: ShownChat): unknown {
  const lines = screen.cells.map((line) => line.map(({ text, style }) => `${style}|${text}`).join(' '))
  return lines.slice(0, lines.findLastIndex((line) => line !== '') + 1)
}

for (const [name, size] of [
  ['6 x 24', WINDOWS[0]],
  ['24 x 48', WINDOWS[3]],
  ['48 x 128', WINDOWS[1]],
] as const) {
  test(`a resize storm while an answer of ${name} streams leaves ${size.join(' x ')} as if drawn for the first time`, async () => {
    const mixtures = SHAPES[name]
    await shownAnswering(mixtures, [100, 30], async (live) => {
      const { chat } = live
      for (let turn = 0; turn < 12; turn++) {
        chat.say('user', `Question ${turn}: what is a lantern?`)
        chat.say('answer', `${turn}: a lantern is a light in a transparent protective case, to be carried about.`)
      }
      await live.settled()
      const stream = setInterval(() => {
        chat.running = writing(`${chat.running?.text}words of the answer `)
        chat.map.add({ id: 0, text: ' answer', routes: plainRoutes(mixtures) })
        chat.changed()
      }, 5)
      for (const [columns, rows] of [...WINDOWS, [57, 14], [132, 43], [20, 8], [90, 20]]) {
        live.resize(columns, rows)
        await live.passes(5)
      }
      live.resize(size[0], size[1])
      await live.passes(20)
      clearInterval(stream)
      await live.settled()
      assert.equal(lookOf(live), await freshDrawing(live, size))
      const { text = '' } = chat.running ?? {}
      chat.running = undefined
      chat.say('answer', text)
      await live.settled()
      assert.match(live.screen.everything, /words of the answer/)
      assert.is(live.screen.text.filter((line) => line.includes('gate ')).length, 1, 'one map')
    })
  })
}

test('Ctrl-L draws the screen again over anything that was written on it', async () => {
  await shown(SHAPES['6 x 24'], [80, 24], async (live) => {
    live.chat.say('user', 'Hello?')
    await live.settled()
    const before = lookOf(live)
    await live.screen.write('\x1b[Hsomething else wrote this\r\nand this\x1b[24;1H')
    assert.is.not(JSON.stringify(lookOf(live)), JSON.stringify(before))
    live.type('\x0c')
    await live.settled()
    assert.equal(lookOf(live), before)
  })
})

test('an answer that grows at the bottom of the window overwrites no line above it', async () => {
  await shownAnswering(SHAPES['6 x 24'], [80, 24], async (live) => {
    const { chat } = live
    for (let i = 0; i < 20; i++) chat.say('note', `note ${i}`)
    chat.say('command', '/last')
    for (const answer of ['', 'one', 'one\ntwo', 'one\ntwo\n\nthree\nfour', '', 'one\n\ntwo\nthree\n\nfour']) {
      chat.running = writing(answer)
      chat.changed()
      await live.settled()
      assert.ok(live.screen.everything.includes('note 19\n\n› /last\n'), JSON.stringify(answer))
    }
  })
})

test('only changed lines are written', async () => {
  await shown(SHAPES['24 x 48'], [100, 30], async (live) => {
    await live.settled()
    const before = live.written
    live.type('a')
    await live.settled()
    const bytes = live.written - before
    assert.ok(bytes > 0 && bytes < 400, `${bytes} bytes for a letter`)
  })
})

test('the terminal is asked for its background; on a light one, large gates are dark', async () => {
  await shown(SHAPES['6 x 24'], [80, 24], async (live) => {
    await live.settled()
    const strongest = () => {
      const cell = live.screen.cells.flat().find(({ text, style }) => text === '█' && style.startsWith('38;2'))
      return cell?.style.split(';').slice(2).map(Number) ?? []
    }
    const dark = strongest()
    live.type('\x1b]11;rgb:ffff/ffff/ffff\x1b\\')
    await live.settled()
    const sum = (colour: number[]) => colour.reduce((all, channel) => all + channel, 0)
    assert.ok(sum(dark) > 0 && strongest().length === 3)
    assert.is.not(String(strongest()), String(dark))
    live.type('\x1b]11;rgb:0000/0000/0000\x07')
    await live.settled()
    assert.equal(strongest(), dark)
  })
})

test('the walk reaches the question, the beginning and the end, and shows one token at a time', async () => {
  const mixtures = SHAPES['6 x 24']
  await shown(mixtures, [100, 30], async (live) => {
    const { chat } = live
    chat.map.reset()
    const two = mixtures.map(({ kind }) => [
      kind,
      { ids: Int32Array.of(0, 1, 2, 3), gates: new Float32Array(4).fill(0.5) },
    ])
    chat.map.read(
      [
        { id: 0, text: 'What' },
        { id: 1, text: ' now' },
      ],
      Array(6).fill(Object.fromEntries(two)),
    )
    for (const text of ['A', ' lan', 'tern', '.', '\n']) chat.map.add({ id: 0, text, routes: plainRoutes(mixtures) })
    chat.map.settle()
    const title = async () => {
      chat.changed()
      await live.settled()
      return live.screen.text.find((line) => line.includes('experts of')) ?? ''
    }
    assert.match(await title(), /last token "\."/, 'not the blank after the last word')
    live.type('\x1b[D\x1b[D')
    assert.match(await title(), /token 5 of 7 "tern"/)
    live.type('\x1b[1;5D')
    assert.match(await title(), /token 4 of 7 "·lan"/)
    live.type('\x1b[H')
    assert.match(await title(), /token 1 of 7 "What" \(read\)/)
    const lit = live.screen.text.filter((line) => /^[› ] +\d ██/.test(line)).length
    assert.is(lit, 6, 'a lane per layer with expert 0 of the first token')
    live.type('\x1b[1;5C')
    assert.match(await title(), /token 2 of 7 "·now" \(read\)/)
    live.type('\x1b[F')
    assert.match(await title(), /token 7 of 7/)
    live.type('\x1b')
    assert.match(await title(), /last token "\."/)
  })
})

test('/play replays the answer, token by token, until a key is pressed', async () => {
  await shown(SHAPES['6 x 24'], [100, 30], async (live) => {
    live.type('/play\r')
    const seen = new Set<string>()
    await until(async () => {
      await live.passes(30)
      seen.add(live.screen.text.find((line) => line.includes('experts of')) ?? '')
      return seen.size >= 5
    }, 'the next tokens')
    assert.ok(
      [...seen].some((title) => /experts of token \d+ of 50.*any key stops/.test(title)),
      [...seen].join('\n'),
    )
    live.type('\x1b')
    await live.settled()
    assert.not.ok(live.chat.replay.isOn)
  })
})

test('reading a long question shows its progress', async () => {
  await shownAnswering(SHAPES['24 x 48'], [80, 24], async (live) => {
    live.chat.running = writing('', { reading: 'reading 1.2 k of 34 k tokens, 40 s left' })
    live.chat.changed()
    await live.settled()
    assert.match(live.screen.text.join('\n'), /^reading 1\.2 k of 34 k tokens, 40 s left$/m)
    assert.match(live.screen.text.join('\n'), / · reading · /)
  })
})

test('a message sent during an answer waits for its end', async () => {
  await shownAnswering(SHAPES['6 x 24'], [100, 30], async (live) => {
    live.type('and then?\r')
    await live.settled()
    assert.match(live.screen.text.join('\n'), /1 message waiting/)
    assert.not.match(live.screen.text.join('\n'), /and then/)
  })
})

test('Ctrl-R finds earlier inputs', async () => {
  await shown(SHAPES['6 x 24'], [100, 30], async (live) => {
    for (const entry of ['What is a lantern?', 'What is a lamp?', '/stats']) await live.chat.options.history.add(entry)
    live.type('\x12is a')
    await live.settled()
    assert.match(live.screen.text.join('\n'), /^search "is a": What is a lamp\?$/m)
    live.type('\x12')
    await live.settled()
    assert.match(live.screen.text.join('\n'), /^search "is a": What is a lantern\?$/m)
    live.type('\r')
    await live.settled()
    assert.match(live.screen.text.join('\n'), /^› What is a lantern\?/m)
  })
})

test.run()
