import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Terminal } from '#molm/terminal/screen/terminal.js'

const SIZE = { columns: 80, rows: 24 }

/** A terminal, and all text that was written to it. */
function terminalOf(size = SIZE) {
  const written: string[] = []
  const output = { ...size, fd: -1, write: (text: string) => written.push(text) > 0 }
  const terminal = new Terminal(
    {} as unknown as NodeJS.ReadStream,
    output as unknown as NodeJS.WriteStream & { fd: number },
  )
  return { terminal, written }
}

test('the frame replaces its mark; the rest of what Ink writes is dropped, except modes', () => {
  const { terminal, written } = terminalOf()
  const frame = { finished: ['one', '!3'], live: ['\u{1b}[1mbold\u{1b}[22m', '', '!1'], size: SIZE }
  terminal.write(`\u{1b}[?25l\u{1b}[2K\u{1b}[1A${terminal.markFor(frame)}\n`)
  assert.is(written.pop(), `\u{1b}[?25l\r${[...frame.finished, ...frame.live].map((line) => `${line}\r\n`).join('')}`)
  terminal.write(`${terminal.markFor({ ...frame, finished: [] })}\n`)
  assert.is(written.pop(), '', 'nothing has changed')
})

test('other lines have other marks, and finished lines are written once, even if drawings were skipped', () => {
  const { terminal, written } = terminalOf()
  const drawings = ['a', 'b', 'a', 'c'].map((line) => {
    return terminal.markFor({ finished: [`${line} is done`], live: [line, 'same'], size: SIZE })
  })
  assert.is(new Set(drawings).size, 4)
  assert.is(terminal.markFor({ finished: [], live: ['c', 'same'], size: SIZE }), drawings[3])
  terminal.write(drawings[0])
  assert.is(written.pop(), `\r${['a', 'b', 'a', 'c'].map((l) => `${l} is done\r\n`).join('')}c\r\nsame\r\n`)
})

test('a mark fits the width that Ink believes in, and the window has its true size', () => {
  const { terminal } = terminalOf({ columns: 132, rows: 40 })
  assert.equal(terminal.size, { columns: 132, rows: 40 })
  for (let i = 0; i < 200; i++) {
    assert.ok(terminal.markFor({ finished: [], live: [String(i)], size: SIZE }).length <= terminal.columns)
  }
})

test('a frame for a former size of the window is not drawn', () => {
  const { terminal, written } = terminalOf()
  terminal.write(terminal.markFor({ finished: [], live: ['wide'], size: { columns: 200, rows: 24 } }))
  assert.is(written.pop(), '')
})

test.run()
