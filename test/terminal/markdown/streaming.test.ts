import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { wrap } from '#molm/ground/output/wrap.js'
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

test('shows all of the text while it comes, the same as in one piece, and at last what a drawing of the whole shows', () => {
  const letters = (lines: string[]) =>
    // biome-ignore lint/suspicious/noControlCharactersInRegex: styles
    lines.join('').replace(/\x1b\[[\d;]*m|[^\p{L}\p{N}]/gu, '')
  const paper = { ...PAPER, width: 200 }
  for (const [name, answer] of Object.entries(MARKDOWN_ANSWERS)) {
    const running = new RunningMarkdown()
    let text = ''
    for (const piece of piecesOf(answer, 9)) {
      text += piece
      const all = running.lines(text, 500, paper)
      assert.is(letters(all), letters([text]), JSON.stringify(text))
      assert.equal(all, new RunningMarkdown().lines(text, 500, paper), JSON.stringify(text))
      assert.equal(running.lines(text, 6, paper).slice(-6), all.slice(-6))
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

test('reads the rows of a table once, when it is closed', () => {
  const running = new RunningMarkdown()
  const text = `|a|b|\n|-|-|\n${'|**c**|d|\n'.repeat(3)}`
  assert.equal(running.lines(text, 10, PAPER).at(-2), '|**c**|d|')
  assert.equal(running.lines(`${text}\n`, 10, PAPER), drawMarkdown(text, PAPER))
})

/** Texts that slow parsers down or nest without end. */
const HOSTILE: Readonly<Record<string, (size: number) => string>> = {
  'a line without an end': (size) => 'words of a line '.repeat(size / 16),
  'a word without an end': (size) => 'x'.repeat(size),
  'Chinese without an end': (size) => '名前'.repeat(size / 2),
  quotes: (size) => '>'.repeat(size),
  'quotes, each deeper than the line before': (size) =>
    Array.from({ length: Math.sqrt(size) }, (_, i) => `${'> '.repeat(i)}a`).join('\n'),
  'lists in a line': (size) => '- '.repeat(size / 2),
  'lists in lists': (size) => Array.from({ length: Math.sqrt(size) }, (_, i) => `${' '.repeat(2 * i)}- a`).join('\n'),
  asterisks: (size) => `a${'*'.repeat(size)}b`,
  'openers of two kinds': (size) => '*a _b '.repeat(size / 6),
  'backticks of all lengths': (size) => Array.from({ length: Math.sqrt(size) }, (_, i) => `a${'`'.repeat(i)}`).join(''),
  brackets: (size) => '['.repeat(size),
  'images in images': (size) => '!['.repeat(size / 8) + '](x)'.repeat(size / 8),
  'tags without an end': (size) => '<a '.repeat(size / 3),
  'a wide table': (size) => `${'|a'.repeat(60)}\n${'|-'.repeat(60)}\n${'a\n'.repeat(size / 4)}`,
  'a table of many columns': (size) => `${'|a'.repeat(size / 4)}\n${'|-'.repeat(size / 4)}`,
  'marks on a letter': (size) => `a${'\u0301'.repeat(size)}`,
}

test('of hostile texts is drawn whole, in one line and in lines of the most characters that are parsed', () => {
  for (const [name, make] of Object.entries(HOSTILE)) {
    for (const text of [make(1 << 16), `${make(7_900)}\n\n`.repeat(3)]) {
      const running = new RunningMarkdown()
      for (let end = 4096; end < text.length; end += 4096) running.lines(text.slice(0, end), 24, PAPER)
      const whole = `${text}\n\n# end\n`
      const lines = drawMarkdown(whole, PAPER)
      assert.equal(running.lines(whole, 24, PAPER).slice(-24), lines.slice(-24), name)
      assert.ok(lines.length > 2, name)
    }
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
