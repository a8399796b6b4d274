import { stripVTControlCharacters } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { cellWidth } from '#molm/ground/output/cell-width.js'
import { drawMarkdown } from '#molm/terminal/markdown/draw-blocks.js'
import { MARKDOWN_ANSWERS } from '../../support/markdown-answers.js'
import { integers } from '../../support/random.js'

const test = suite('the drawing of Markdown')

const plain = (text: string, width = 79) => drawMarkdown(text, { width, depth: 'none', background: 'dark' })
const coloured = (text: string, width = 79, depth: 'truecolor' | '256' | '16' = 'truecolor') =>
  drawMarkdown(text, { width, depth, background: 'dark' })
const ESC = '\x1b['

test('underlines two levels of headings, and keeps the signs of deep ones', () => {
  assert.equal(plain('# One *two*\n## 名前\n### Three\n##### Five'), [
    'One two',
    '═══════',
    '名前',
    '────',
    '### Three',
    '##### Five',
  ])
  const [one, , three, four] = coloured('# One\n### Three\n#### Four')
  assert.is(one, `${ESC}1mOne${ESC}22m`)
  assert.is(three, `${ESC}1;4mThree${ESC}22;24m`)
  assert.is(four, `${ESC}2m#### ${ESC}22m${ESC}1mFour${ESC}22m`)
})

test('gives looks to text, and without styles keeps the signs that carry meaning', () => {
  const text = '*a* **b** ***c*** ~~d~~ `e` [f](https://g.org) <https://h.org>'
  assert.equal(plain(text), ['a b c ~~d~~ `e` f (https://g.org) https://h.org'])
  assert.is(
    coloured(text)[0],
    `${ESC}3ma${ESC}23m ${ESC}1mb${ESC}22m ${ESC}1;3mc${ESC}22;23m ${ESC}9md${ESC}29m ` +
      `${ESC}38;2;135;190;230me${ESC}39m ${ESC}4mf${ESC}24m${ESC}2m (https://g.org)${ESC}22m ${ESC}4mhttps://h.org${ESC}24m`,
  )
  for (const [depth, code] of [
    ['256', '38;5;110'],
    ['16', '94'],
  ] as const) {
    assert.equal(coloured('`e`', 79, depth), [`${ESC}${code}me${ESC}39m`])
  }
  assert.equal(drawMarkdown('`e`', { width: 79, depth: '16', background: 'light' }), [`${ESC}34me${ESC}39m`])
})

test('hangs the lines of list items below their text', () => {
  const text =
    '- one two three four\n  - five six seven\n\n    eight\n9. nine ten eleven twelve\n10. x\n- [x] done\n- [ ] open'
  assert.equal(plain(text, 16), [
    '• one two three',
    '  four',
    '  ◦ five six',
    '    seven',
    '',
    '    eight',
    '9. nine ten',
    '   eleven twelve',
    '10. x',
    '[x] done',
    '[ ] open',
  ])
})

test('has a bar beside quotes and code, and cuts long lines of code without losing a character', () => {
  assert.equal(plain('> a quote of words\n> > more', 12), ['│ a quote of', '│ words', '│ │ more'])
  const code = '```js x\nlet a  =  "b c d"\n\n  f()\n```'
  assert.equal(plain(code, 12), ['│ js x', '│ let a  =  ', '│ "b c d"', '│', '│   f()'])
  const [language, first] = coloured(code)
  const bar = `${ESC}48;2;110;118;129m ${ESC}49m`
  assert.is(language, `${bar} ${ESC}2mjs x${ESC}22m`)
  assert.is(first, `${bar} let a  =  "b c d"`)
  // A reader who copies the lines gets the code, two columns to the right.
  assert.equal(
    coloured(code)
      .slice(1)
      .map((line) => stripVTControlCharacters(line).slice(2)),
    ['let a  =  "b c d"', '', '  f()'],
  )
})

const TABLE =
  '| Name | Amount | Notes |\n|:-|-:|:-:|\n| **a** | 12 | short |\n| b | 3 | one two three four<br>five |\n| c |'

test('fits the columns of a table into the window', () => {
  assert.equal(plain(TABLE), [
    'Name │ Amount │       Notes',
    '─────┼────────┼───────────────────',
    'a    │     12 │       short',
    '─────┼────────┼───────────────────',
    'b    │      3 │ one two three four',
    '     │        │        five',
    '─────┼────────┼───────────────────',
    'c',
  ])
  assert.equal(plain(TABLE.split('\n').slice(0, 3).join('\n'), 40), [
    'Name │ Amount │ Notes',
    '─────┼────────┼──────',
    'a    │     12 │ short',
  ])
})

test('draws a table that is too wide for the window as records', () => {
  assert.equal(plain(TABLE, 20), [
    'Name: a',
    'Amount: 12',
    'Notes: short',
    '────────────────────',
    'Name: b',
    'Amount: 3',
    'Notes: one two three',
    'four',
    'five',
    '────────────────────',
    'Name: c',
  ])
})

test('is never wider than the window, and keeps the letters of the text', () => {
  const letters = (text: string) => text.replace(/[^\p{L}\p{N}]/gu, '')
  for (const [name, answer] of Object.entries(MARKDOWN_ANSWERS)) {
    for (const width of [1, 2, 5, 12, 39, 60, 79, 119, 199]) {
      for (const depth of ['none', '16', 'truecolor'] as const) {
        const lines = drawMarkdown(answer, { width, depth, background: 'light' }).map(stripVTControlCharacters)
        const most = Math.max(...lines.map(cellWidth))
        // A wide character or the marker of an item has no room in a column.
        assert.ok(most <= Math.max(width, 4), `${name} at ${width}: ${most} columns`)
        if (width < 100) continue
        assert.is(letters(lines.join('')), letters(answer), `${name} at ${width}`)
      }
    }
  }
})

const PIECES =
  '*|**|_|~~|`|```|[|](|)|!|a|b |c|é|名|👍🏽|e\u0301|1. |- |> |# |\n|\n|\n\n|  |    || |x|\\|<b>|<|$|$$|\\(|---|\n| - | - |\n|http://a.b|&'.split(
    /(?<!\|)\|(?!\|)/,
  )

test('of random text keeps its letters in order, and fits into the window', () => {
  const count = 500
  const length = 20
  const numbers = integers(count * length, 3, PIECES.length)
  const letters = (text: string) => text.replace(/[^\p{L}👍]/gu, '')
  for (let i = 0; i < count; i++) {
    const text = numbers
      .slice(i * length, (i + 1) * length)
      .map((n) => PIECES[n])
      .join('')
    for (const [width, depth] of [
      [30, 'truecolor'],
      [200, 'none'],
    ] as const) {
      const lines = drawMarkdown(text, { width, depth, background: 'dark' }).map(stripVTControlCharacters)
      for (const line of lines) assert.ok(cellWidth(line) <= width, JSON.stringify({ text, line }))
      if (!text.includes('|')) assert.is(letters(lines.join('')), letters(text), JSON.stringify({ text, lines }))
    }
  }
})

test('draws texts of more lines than a call takes arguments', () => {
  const many = 150_000
  const texts = {
    lines: 'a\n'.repeat(many),
    word: 'x'.repeat(many),
  }
  for (const [name, text] of Object.entries(texts)) {
    assert.ok(drawMarkdown(text, { width: 1, depth: 'none', background: 'dark' }).length >= many, name)
  }
})

test('lets nothing of a text control the terminal', () => {
  for (const sign of [
    '\x1b[31m',
    '\x9b2J',
    '\x1b]8;;http://a.b\x07',
    '\u202e',
    '\x07',
    '\r',
    '&#27;[2J',
    '&#x9b;2J',
    '&#10;',
  ]) {
    const places = `# ${sign}\n*${sign}* \`${sign}\` [${sign}](${sign}) ![](${sign})\n- ${sign}\n> ${sign}\n\n\`\`\`${sign}\n${sign}\n\`\`\`\n<${sign}>\n\n|${sign}|b|\n|-|-|\n|${sign}|\\(${sign}\\)|\n\n<http://${sign}>`
    for (const width of [12, 79]) {
      for (const depth of ['none', 'truecolor'] as const) {
        for (const line of drawMarkdown(places, { width, depth, background: 'dark' })) {
          // biome-ignore lint/suspicious/noControlCharactersInRegex: our styles have them
          const rest = line.replace(/\x1b\[[\d;]*m/g, '')
          assert.not.match(rest, /[\p{Cc}\u202e]/u, JSON.stringify({ sign, line }))
          if (depth === 'none') assert.is(rest, line)
        }
      }
    }
  }
  assert.equal(plain('a\x1b[31mb'), ['a\u{fffd}[31mb'])
})

test.run()
