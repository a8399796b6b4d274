import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { ItemExtra } from '#molm/terminal/conversation/state/items.js'
import { drawMarkdown } from '#molm/terminal/markdown/draw-blocks.js'
import { layoutOf } from '#molm/terminal/screen/view.js'
import { chatOf, mixturesOf, ShownChat, writing } from '../support/chats.js'
import { MARKDOWN_ANSWERS } from '../support/markdown-answers.js'
import { integers } from '../support/random.js'
import { enter, send } from '../support/real-chat.js'
import { TerminalScreen } from '../support/terminal-screen.js'

const test = suite('Markdown in a chat')

const MIXTURES = mixturesOf(4, { mlp: 16 })
const NAMES = Object.keys(MARKDOWN_ANSWERS)

/** A chat whose answer the test writes. */
async function writingChat() {
  const chat = await chatOf(MIXTURES, 'truecolor')
  return {
    chat,
    write(text: string) {
      chat.running = writing(text)
      chat.changed()
    },
    finish(extra: ItemExtra = {}) {
      const { text = '' } = chat.running ?? {}
      chat.running = undefined
      chat.say('answer', text, extra)
    },
  }
}

/** The text of lines as a terminal shows them. */
async function shownLines(lines: readonly string[], columns: number): Promise<string> {
  const screen = new TerminalScreen(columns, 500)
  await screen.write(lines.join('\r\n'))
  return screen.text.join('\n')
}

for (const [i, columns] of [40, 80, 200].entries()) {
  test(`of random pieces is at last as drawn at once, at ${columns} columns`, async () => {
    for (const name of [NAMES[i], NAMES[i + 6]]) {
      const answer = MARKDOWN_ANSWERS[name]
      const { chat, write, finish } = await writingChat()
      chat.map.mode = 'off'
      const shown = new ShownChat(chat, columns, 30)
      try {
        const sizes = integers(answer.length, i, 60)
        for (let at = 0, n = 0; at < answer.length; n++) {
          at += sizes[n] + 1
          write(answer.slice(0, at))
          await shown.passes(2)
          assert.ok(shown.screen.text.length < 30)
        }
        finish()
        await shown.settled()
        chat.end()
        await shown.settled()
        const paper = { width: columns - 1, depth: 'truecolor', background: 'dark' } as const
        assert.is(shown.screen.everything.trimEnd(), await shownLines(drawMarkdown(answer, paper), columns), name)
      } finally {
        shown.close()
      }
    }
  })
}

test('is drawn beside the map, in the columns that it leaves', async () => {
  const { chat, write, finish } = await writingChat()
  const size = { columns: 200, rows: 30 }
  const shown = new ShownChat(chat, size.columns, size.rows)
  try {
    const answer = MARKDOWN_ANSWERS['a table']
    write(answer)
    finish()
    await shown.settled()
    const { textWidth, side } = layoutOf(chat, size)
    assert.ok(side)
    const left = shown.screen.text.map((line) => line.slice(0, textWidth).trimEnd()).join('\n')
    const paper = { width: textWidth, depth: 'truecolor', background: 'dark' } as const
    assert.ok(left.includes(await shownLines(drawMarkdown(answer, paper), size.columns)), left)
  } finally {
    shown.close()
  }
})

const TABLE = '| a | b |\n|---|---|\n| *one* | two |'

test('is drawn again when the window changes, and as written after /set markdown off', async () => {
  const { chat, write, finish } = await writingChat()
  const shown = new ShownChat(chat, 80, 24)
  try {
    write(`# Title\n\n${TABLE}`)
    await shown.settled()
    assert.match(shown.screen.text.join('\n'), /^Title\n═════\n\n\| a \| b \|\n\|---\|---\|\n\| \*one\* \| two \|$/m)
    finish()
    await shown.settled()
    assert.match(shown.screen.text.join('\n'), /^Title\n═════\n\na {3}│ b\n────┼────\none │ two$/m)
    shown.resize(60, 24)
    await shown.settled()
    assert.match(shown.screen.text.join('\n'), /^a {3}│ b\n────┼────\none │ two$/m)
    enter(chat, '/set markdown off')
    await shown.settled()
    assert.match(shown.screen.text.join('\n'), /^# Title\n\n\| a \| b \|\n\|---\|---\|\n\| \*one\* \| two \|$/m)
    write('**as written**\n\n')
    await shown.settled()
    assert.match(shown.screen.text.join('\n'), /^\*\*as written\*\*$/m)
    chat.settings.drawsMarkdown = true
    chat.changed()
    await shown.settled()
    assert.match(shown.screen.text.join('\n'), /^one │ two$/m)
    assert.match(shown.screen.text.join('\n'), /^as written$/m)
  } finally {
    shown.close()
  }
})

test('stays as written in answers with a form of their own, and in coloured ones', async () => {
  const { chat, write, finish } = await writingChat()
  const shown = new ShownChat(chat, 80, 30)
  try {
    write('{"a": "*b*"}')
    finish({ isLiteral: true })
    write('*c* and d')
    finish({ spans: [{ text: '*c* and ' }, { text: 'd', differs: true }] })
    await shown.settled()
    assert.match(shown.screen.text.join('\n'), /^\{"a": "\*b\*"\}\n\n\*c\* and d$/m)
    chat.conversation.parts.asking = { schema: {} }
    write('*e*\n\nf')
    await shown.settled()
    assert.match(shown.screen.text.join('\n'), /^\*e\*\n\nf$/m)
  } finally {
    shown.close()
  }
})

test('is set by a command, which lists it among the options', async () => {
  const chat = await chatOf(MIXTURES, 'none')
  const say = async (line: string) => {
    await send(chat, line)
    return chat.items.at(-1)?.text ?? ''
  }
  assert.is(await say('/set markdown'), 'markdown on')
  assert.is(await say('/set markdown=off'), 'set markdown off')
  assert.is(chat.settings.drawsMarkdown, false)
  assert.match(await say('/set'), /\nmarkdown off$/)
  assert.is(await say('/set markdown maybe'), 'markdown must be on or off')
  assert.is(await say('/set markdown on'), 'set markdown on')
})

test.run()
