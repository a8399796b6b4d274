import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { wrap } from '#molm/ground/output/wrap.js'
import { type ClosedBlock, closedBlocks, GrowingText } from '#molm/terminal/markdown/closed-blocks.js'
import { drawMarkdown } from '#molm/terminal/markdown/draw-blocks.js'
import { RunningMarkdown } from '#molm/terminal/markdown/running-markdown.js'
import { MARKDOWN_ANSWERS } from '../../support/markdown-answers.js'
import { integers } from '../../support/random.js'

const test = suite('Markdown that grows')

const PAPER = { width: 60, depth: 'truecolor', background: 'dark' } as const

/** A text cut into random pieces. */
function piecesOf(text: string, seed: number): string[] {
  const sizes = integers(text.length, seed, 12)
  const pieces: string[] = []
  let at = 0
  for (let i = 0; at < text.length; i++) {
    pieces.push(text.slice(at, at + sizes[i] + 1))
    at += sizes[i] + 1
  }
  return pieces
}

/** Closed blocks as text: a list by its item. */
const inWords = (closed: readonly ClosedBlock[]) =>
  closed.map((one) =>
    JSON.stringify('item' in one ? [one.block.mark, one.item, one.block.items[one.item], one.hasGap] : one),
  )

test('has the same closed blocks at every length, and more of them', () => {
  for (const answer of Object.values(MARKDOWN_ANSWERS)) {
    const growing = new GrowingText()
    let text = ''
    let before: string[] = []
    for (const piece of piecesOf(answer, 5)) {
      text += piece
      const grown = growing.update(text)
      const { closed, open } = closedBlocks(text)
      assert.equal(inWords(grown.closed), inWords(closed), text)
      assert.is(grown.open, open)
      assert.ok(text.endsWith(open))
      const words = inWords(closed)
      assert.equal(words.slice(0, before.length), before, 'closed blocks do not change')
      before = words
    }
  }
})

test('shows all of the text while it comes, and at last what a fresh drawing shows', () => {
  const letters = (lines: string[]) =>
    // biome-ignore lint/suspicious/noControlCharactersInRegex: styles
    lines.join('').replace(/\x1b\[[\d;]*m|[^\p{L}\p{N}]/gu, '')
  const paper = { ...PAPER, width: 200 }
  for (const [name, answer] of Object.entries(MARKDOWN_ANSWERS)) {
    const running = new RunningMarkdown()
    let text = ''
    for (const piece of piecesOf(answer, 9)) {
      text += piece
      assert.is(letters(running.lines(text, 500, paper)), letters([text]), JSON.stringify(text))
      const rows = running.lines(text, 6, paper)
      assert.equal(rows.slice(-6), running.lines(text, 500, paper).slice(-6))
    }
    // An unindented line closes every block.
    const whole = `${answer}\n\n# end\n`
    assert.equal(running.lines(whole, 500, paper), drawMarkdown(whole, paper), name)
    assert.equal(running.lines(whole, 500, PAPER), drawMarkdown(whole, PAPER), `${name}, in another width`)
  }
})

test('begins again with another text', () => {
  const running = new RunningMarkdown()
  running.lines('# one\n\ntwo\n\n', 10, PAPER)
  assert.equal(running.lines('# other\n\nthree\n\n', 10, PAPER), drawMarkdown('# other\n\nthree', PAPER))
})

test('is drawn in closed blocks, with the open one in plain form', () => {
  const running = new RunningMarkdown()
  const plain = { width: 40, depth: 'none', background: 'dark' } as const
  const lines = (text: string) => running.lines(text, 20, plain)
  const [first, list] = ['**a** *b*\n\n', '- **c**\n- *d*\n']
  assert.equal(lines('**a** *b*'), ['**a** *b*'])
  assert.equal(lines(`${first}- **c**`), ['a b', '', '- **c**'])
  assert.equal(lines(`${first}${list}`), ['a b', '', '• c', '- *d*', ''])
  assert.equal(lines(`${first}${list}\n| x | y |\n|-`), ['a b', '', '• c', '• d', '', '| x | y |', '|-'])
  assert.equal(lines(`${first}${list}\n\`\`\`js\nlet *x`), ['a b', '', '• c', '• d', '', '│ js', '│ let *x'])
})

/** Texts that slow parsers down or nest without end. */
const HOSTILE: Readonly<Record<string, (size: number) => string>> = {
  'a line without an end': (size) => 'words of a line '.repeat(size / 16),
  'a word without an end': (size) => 'x'.repeat(size),
  'Chinese without an end': (size) => '名前'.repeat(size / 2),
  'escape sequences': (size) => '\x1b[31m'.repeat(size / 5),
  quotes: (size) => '>'.repeat(size),
  'lists in a line': (size) => '- '.repeat(size / 2),
  'lists in lists': (size) => Array.from({ length: Math.sqrt(size) }, (_, i) => `${' '.repeat(i)}- a`).join('\n'),
  asterisks: (size) => `a${'*'.repeat(size)}b`,
  'asterisks between letters': (size) => 'a*'.repeat(size / 2),
  'openers of two kinds': (size) => '*a _b '.repeat(size / 6),
  'closers of two kinds': (size) => 'a* b_ '.repeat(size / 6),
  backticks: (size) => `a${'`'.repeat(size)}`,
  'backticks of all lengths': (size) => Array.from({ length: Math.sqrt(size) }, (_, i) => `a${'`'.repeat(i)}`).join(''),
  brackets: (size) => '['.repeat(size),
  'links in brackets': (size) => '['.repeat(size / 2) + '[a](b)'.repeat(size / 12),
  'links without an end': (size) => '[a]('.repeat(size / 4),
  'addresses within words': (size) => 'xhttp://'.repeat(size / 8),
  'images in images': (size) => '!['.repeat(size / 8) + '](x)'.repeat(size / 8),
  'tags without an end': (size) => '<a '.repeat(size / 3),
  'a wide table': (size) => `${'|a'.repeat(60)}\n${'|-'.repeat(60)}\n${'a\n'.repeat(size / 4)}`,
  'a table of too many columns': (size) => `${'|a'.repeat(size / 4)}\n${'|-'.repeat(size / 4)}`,
  'a heading of signs': (size) => `# ${' #'.repeat(size / 2)}x`,
  'marks on a letter': (size) => `a${'\u0301'.repeat(size)}`,
}

const cpu = () => process.cpuUsage().user / 1000

test('takes a time that grows with the text, not with its square', () => {
  for (const [name, make] of Object.entries(HOSTILE)) {
    const text = make(1 << 16).replaceAll('\x1b', '\u{fffd}')
    const began = cpu()
    drawMarkdown(text, PAPER)
    const running = new RunningMarkdown()
    for (let end = 4096; end < text.length; end += 4096) running.lines(text.slice(0, end), 24, PAPER)
    // The slowest takes 0.2 s; a square would take ten.
    assert.ok(cpu() - began < 2500, `${name}: ${cpu() - began} ms`)
  }
})

test('wraps the end of a long line in the same place while it grows by a word', () => {
  const running = new RunningMarkdown()
  const text = 'word and another '.repeat(1000)
  const lines = running.lines(text, 10, PAPER)
  const more = running.lines(`${text}x`, 10, PAPER)
  assert.equal(more.slice(-10, -1), lines.slice(-10, -1))
  assert.ok(wrap(text, 60).length > 100)
})

test.run()
