import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { LineReader } from '#molm/chat/tools/mcp/line-reader.js'

const test = suite('lines of an MCP server')

/** Lines of a text that comes in chunks of this size. */
function linesOf(text: string, size: number, most = 100): string[] {
  const bytes = Buffer.from(text)
  const reader = new LineReader(most)
  const lines: string[] = []
  for (let from = 0; from < bytes.length; from += size) {
    for (const line of reader.add(bytes.subarray(from, from + size))) lines.push(line.toString())
  }
  return lines
}

test('are the same in chunks of any size, without empty ones and without the last, which is not complete', () => {
  const text = `\n\none\ntwo ä\n\n\n${'x'.repeat(90)}\n\r\nlast`
  for (const size of [1, 2, 3, 7, 50, 1000]) {
    assert.equal(linesOf(text, size), ['one', 'two ä', 'x'.repeat(90), '\r'], `chunks of ${size}`)
  }
})

test('are refused beyond the limit, at whichever chunk they exceed it', () => {
  for (const size of [1, 99, 101, 200]) {
    assert.equal(linesOf(`${'x'.repeat(100)}\n`, size).length, 1)
    for (const end of ['', '\n']) assert.throws(() => linesOf(`a\n${'x'.repeat(101)}${end}`, size), RangeError)
  }
})

test('take little memory beyond their own when they come byte by byte', () => {
  const most = 2 ** 20
  const reader = new LineReader(2 * most)
  const byte = Buffer.from('x')
  const before = process.memoryUsage()
  for (let i = 0; i < most; i++) for (const _ of reader.add(byte)) throw new Error('no line has ended')
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  // A buffer for each byte would take hundreds of megabytes.
  assert.ok(heapUsed + arrayBuffers - before.heapUsed - before.arrayBuffers < 64e6)
  const [line] = reader.add(Buffer.from('\n'))
  assert.is(line.length, most)
})

test.run()
