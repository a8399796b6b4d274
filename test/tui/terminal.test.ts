import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Terminal } from '#molm/tui/terminal.js'

/** A terminal whose window has so many columns, and what was written to it. */
function terminalOf(columns: number) {
  const written: string[] = []
  const output = { columns, rows: 24, fd: -1, write: (text: string) => written.push(text) > 0 }
  const input = {}
  const terminal = new Terminal(
    input as unknown as NodeJS.ReadStream,
    output as unknown as NodeJS.WriteStream & { fd: number },
    () => {},
  )
  return { terminal, written }
}

test('lines take the places of their marks, whatever is in them', () => {
  const { terminal, written } = terminalOf(80)
  const live = ['\u{1b}[1mbold\u{1b}[22m', '', '!1~1`1']
  terminal.write(`before ${terminal.marksFor(live)} after`)
  assert.is(written.pop(), `before ${live.join('\n')} after`)
  const finished = ['one', '', '~0 `0']
  terminal.write(terminal.marksForFinished(finished))
  assert.is(written.pop(), finished.join('\n'))
})

test('other lines have other marks, even after several drawings of which none was written', () => {
  const { terminal, written } = terminalOf(80)
  const drawings = ['a', 'b', 'a', 'c'].map((line) => terminal.marksFor([line, 'same']))
  assert.is(new Set(drawings).size, 4)
  assert.is(terminal.marksFor(['c', 'same']), drawings[3])
  terminal.write(drawings[0])
  assert.is(written.pop(), 'c\nsame', 'what is written is always the newest')
})

test('marks are as wide as Ink believes the window to be, and the window is as wide as it is', () => {
  const { terminal } = terminalOf(132)
  assert.equal(terminal.size, { columns: 132, rows: 24 })
  const marks = [terminal.marksFor(['a', 'b']), terminal.marksForFinished(['c', 'd'])].join('\n').split('\n')
  for (const mark of marks) assert.ok([...mark].length <= terminal.columns)
})

test.run()
