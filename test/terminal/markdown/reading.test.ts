import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { drawMarkdown } from '#molm/terminal/markdown/draw-blocks.js'

const test = suite('the reading of Markdown')

/** Texts that are easily read wrong, and the lines of their drawing without styles. */
const TEXTS: Readonly<Record<string, [text: string, lines: string[]]>> = {
  'a list in a numbered item, by two columns': [
    '1. a\n  - b\n    - c\n  - d\n2. e',
    ['1. a', '   ◦ b', '     ▪ c', '   ◦ d', '2. e'],
  ],
  'a list in a numbered item, by three columns': ['1. a\n   - b\n2. c', ['1. a', '   ◦ b', '2. c']],
  'a number after a list of another kind': ['1. a\n- b\n\n  c\n12. d', ['1. a', '• b', '', '  c', '12. d']],
  'a number within a paragraph': ['in\n2024. A year', ['in', '2024. A year']],
  'equal numbers': ['1. a\n1. b\n\n1. c', ['1. a', '2. b', '', '3. c']],
  'equal numbers in a quote': ['> 1. a\n> 1. b', ['│ 1. a', '│ 2. b']],
  'tasks with numbers': ['1. [ ] a\n2. [X] b', ['1. [ ] a', '2. [x] b']],
  'code in an item, behind its text': ['- a\n   ```\n   b\n     c\n   ```', ['• a', '  │ b', '  │   c']],
  'a fence within a fence': ['````\n```\na\n```\n````', ['│ ```', '│ a', '│ ```']],
  'code without an end': ['```js\na', ['│ js', '│ a']],
  'blank lines in a quote': ['> - a\n>\n> - b\n>\n> c', ['│ • a', '│', '│ • b', '│', '│ c']],
  'code in a quote': ['> ```\n> a\n>\n>   b\n> ```', ['│ │ a', '│ │', '│ │   b']],
  'code in a quote without blanks': ['>```\n> ab\n>```\n>$$\n>👍\n>$$', ['│ │ ab', '│ $$', '│ 👍', '│ $$']],
  'a span of code over lines of a quote': ['> `a\n> b`', ['│ `a b`']],
  'dashes below a text': ['a\n---\nb', ['a', '─'.repeat(60), 'b']],
  'brackets in a link': ['[[1]](u), [a [b] c](u), *a [b* c]', ['[1] (u), a [b] c (u), a [b c]']],
  'names of links': ['[x][y] [^1]\n\n[y]: u', ['[x][y] [^1]', '', '[y]: u']],
  'an address in the text of a link': [
    '[https://a.org](https://b.org) [c](<d e> "f")',
    ['https://a.org (https://b.org) c (d e "f")'],
  ],
  'links without an end': ['[a](b\n\n[c](d e', ['[a](b', '', '[c](d e']],
  'emphasis beside Chinese and Japanese': ['これは**「重要」**です,**“重点”**内容', ['これは「重要」です,“重点”内容']],
  'emphasis beside a pair of units': ['a**👍**b *c*', ['a**👍**b c']],
  'emphasis without an end': ['**a *b\n\nc** ~d~ ~~e', ['**a *b', '', 'c** ~d~ ~~e']],
  mathematics: [
    '\\(x_1 * y_2 * z\\), $a*b*c$, $$x_*y_*$$; $5, *or* $6',
    ['\\(x_1 * y_2 * z\\), $a*b*c$, $$x_*y_*$$; $5, or $6'],
  ],
  'lines of mathematics': ['a:\n\\[\nx\n+ *y*\n\\]\n*z*', ['a:', '\\[', 'x', '+ *y*', '\\]', 'z']],
  'mathematics in an item and a quote': [
    '- $$\n  a\n  - b\n  $$\n  c\n\n> $$\n> - d\n\n*e*',
    ['• $$', '  a', '  - b', '  $$', '  c', '', '│ $$', '│ - d', '', 'e'],
  ],
  'lines of HTML': ['<div>\n  *a*\n</div>\n\n*b*<br>', ['<div>', '  *a*', '</div>', '', 'b<br>']],
  entities: ['&lt;a&gt; &#8364; &#x20AC; &unknown; &#xd800;', ['<a> € € &unknown; \u{fffd}']],
  'line breaks': ['a  \nb\\\n  c', ['a', 'b', 'c']],
  'bars in a table': [
    'a | b\n--|--\n`x \\| y` | \\|\n| | c\nd | e | *f*',
    ['a       │ b', '────────┼──────', '`x | y` │ |', '        │ c', 'd       │ e | f'],
  ],
  'half a table': ['| a | b |\n|--', ['| a | b |', '|--']],
}

for (const [name, [text, lines]] of Object.entries(TEXTS)) {
  test(name, () => {
    assert.equal(
      drawMarkdown(text, { width: 60, depth: 'none', background: 'dark' }).map((line) => line.trimEnd()),
      lines,
    )
  })
}

test('draws a table of more characters than a paragraph may have', () => {
  const row = '| **a** | `b` |\n'
  const lines = drawMarkdown(`|x|y|\n|-|-|\n${row.repeat(1000)}`, { width: 60, depth: 'none', background: 'dark' })
  assert.is(lines.length, 1002)
  assert.is(lines[1001], 'a │ `b`')
})

test('leaves what is too long as written', () => {
  const plain = (text: string) => drawMarkdown(text, { width: 60, depth: 'none', background: 'dark' })
  assert.is(plain(`*a*\n\n*${'b '.repeat(4000)}*`)[2].slice(0, 4), '*b b')
  const end = '\n\n*c*\n  *d*'
  assert.equal(plain('a\n'.repeat(50_000) + end).slice(-2), ['*c*', '  *d*'])
})

test.run()
