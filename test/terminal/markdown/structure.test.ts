import { type Node, Parser } from 'commonmark'
import { lexer, type Token, type Tokens } from 'marked'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { CODE, EMPHASIS, LINK, STRONG, STRUCK } from '#molm/terminal/markdown/inlines.js'
import { MARKDOWN_ANSWERS } from '../../support/markdown-answers.js'
import { type BlockShape, joined, shapesOf, type TextShape } from '../../support/markdown-shapes.js'
import { integers } from '../../support/random.js'

const test = suite('the structure of Markdown')

const lines = (shapes: BlockShape[]) => shapes.map((shape) => JSON.stringify(shape))

test('equals the structure that marked finds', () => {
  for (const [name, answer] of Object.entries(MARKDOWN_ANSWERS)) {
    assert.equal(lines(shapesOf(answer)), lines(lexer(answer).flatMap(shapesOfToken)), name)
  }
})

const INLINE_PIECES =
  '*|*|**|***|_|_|`|``|a|b | c|[|]|(u)|](v)|](<x y>)|!|\\*|"|.|\n|&amp;|<b>|<http://a.b/c>|é|€'.split('|')
const BLOCK_PIECES =
  '- |- |* |+ |1. |2) |> |> |# |## |\n|\n|\n|\n\n|   |    | |a|b|```|~~~|***|---|===|text|:|\n   |\n    '.split('|')

/** Texts of random pieces. */
function randomTexts(pieces: readonly string[], length: number, count: number): string[] {
  const numbers = integers(count * length, 7, pieces.length)
  return Array.from({ length: count }, (_, i) =>
    numbers
      .slice(i * length, (i + 1) * length)
      .map((n) => pieces[n])
      .join(''),
  )
}

test('follows CommonMark for random inline text', () => {
  for (const text of randomTexts(INLINE_PIECES, 14, 1000)) {
    const whole = `x${text}y`.replace(/ +\n/g, '\n')
    assert.equal(lines(shapesOf(whole)), lines(shapesOfNode(new Parser().parse(whole))), JSON.stringify(whole))
  }
})

test('follows CommonMark for random lines, apart from lists that are indented by two columns', () => {
  for (const text of randomTexts(BLOCK_PIECES, 16, 1500)) {
    if (/\d[.)] {2,}|\d[.)][\s\S]*\n +[-+*]/.test(text)) continue
    // Blanks at line ends are dropped, in code between backticks, too.
    const loose = (shapes: BlockShape[]) => lines(shapes).map((line) => line.replaceAll(' ', ''))
    assert.equal(loose(shapesOf(text)), loose(shapesOfNode(new Parser().parse(text))), JSON.stringify(text))
  }
})

test('has signs within what only looks like HTML, as CommonMark', () => {
  for (const text of ['> a *b\n<b>\nc*', '- `a\n<br>\nb`', '<b*c*d>', '*a <h://e*f>']) {
    assert.equal(lines(shapesOf(text)), lines(shapesOfNode(new Parser().parse(text))), JSON.stringify(text))
  }
})

test('has lists of another kind in a numbered item, if they are indented by two columns or more', () => {
  const nested = [
    'list',
    1,
    [
      ['text', [['a', 0]]],
      [
        'list',
        '-',
        [
          ['text', [['b', 0]]],
          ['list', '-', [['text', [['c', 0]]]]],
        ],
        [['text', [['d', 0]]]],
      ],
    ],
    [['text', [['e', 0]]]],
  ]
  assert.equal(shapesOf('1. a\n  - b\n    - c\n  - d\n2. e'), [nested])
  assert.equal(shapesOf('1. a\n   - b\n     - c\n   - d\n2. e'), [nested])
})

test('has mathematics and unknown entities as written', () => {
  const text = 'Is \\(x_1 * y_2 * z\\), $a*b*c$ and $$x_*y_*$$ &unknown; more than $5, *or* $6?'
  const shape = [
    ['text', [[text.slice(0, text.indexOf('*or*')), 0]]],
    ['text', [['or', EMPHASIS]]],
  ]
  const [[, texts]] = shapesOf(text) as [[string, TextShape[]]]
  assert.equal(texts.slice(0, 2), [...(shape[0][1] as TextShape[]), ...(shape[1][1] as TextShape[])])
  assert.equal(shapesOf('\\[\nx\n=\n*y*\n\\]\n*z*'), [
    ['html', '\\[\nx\n=\n*y*\n\\]'],
    ['text', [['z', EMPHASIS]]],
  ])
})

test('has emphasis between letters of Chinese and punctuation', () => {
  assert.equal(shapesOf('これは**「重要」**です'), [
    [
      'text',
      [
        ['これは', 0],
        ['「重要」', STRONG],
        ['です', 0],
      ],
    ],
  ])
})

function shapesOfToken(token: Token): BlockShape[] {
  const inner = () => joined(((token as Tokens.Generic).tokens ?? []).flatMap((one) => textsOfToken(one, 0)))
  switch (token.type) {
    case 'space':
    case 'checkbox':
      return []
    case 'paragraph':
    case 'text':
      return [['text', inner()]]
    case 'heading':
      return [['heading', token.depth, inner()]]
    case 'code':
      return [['code', (token.lang ?? '').split(' ')[0], token.text]]
    case 'html':
      return [['html', token.text.trim()]]
    case 'blockquote':
      return [['quote', ...(token.tokens ?? []).flatMap(shapesOfToken)]]
    case 'list': {
      const { ordered, start, items } = token as Tokens.List
      return [['list', ordered ? start : '-', ...items.map(({ tokens }) => tokens.flatMap(shapesOfToken))]]
    }
    case 'table': {
      const { header, align, rows } = token as Tokens.Table
      const cells = (row: Tokens.TableCell[]) =>
        row.map(({ tokens }) => joined(tokens.flatMap((one) => textsOfToken(one, 0))))
      const names = { left: 'left', right: 'right', center: 'centre' }
      return [['table', align.map((one) => names[one ?? 'left']), cells(header), ...rows.map(cells)]]
    }
    case 'hr':
      return [['rule']]
    default:
      throw new Error(`no rule for ${token.type}`)
  }
}

const LOOKS: Record<string, number> = {
  strong: STRONG,
  em: EMPHASIS,
  emph: EMPHASIS,
  del: STRUCK,
  link: LINK,
  image: LINK,
}

function textsOfToken(token: Token, looks: number): TextShape[] {
  const look = looks | (LOOKS[token.type] ?? 0)
  if (token.type === 'codespan') return [[token.text, look | CODE]]
  if (token.type === 'br') return [['\n', look]]
  const { tokens, text, raw } = token as Tokens.Generic
  if (tokens) return tokens.flatMap((one) => textsOfToken(one, look))
  return [[['escape', 'link', 'image'].includes(token.type) ? text : raw, look]]
}

function childrenOf(node: Node): Node[] {
  const children: Node[] = []
  for (let child = node.firstChild; child; child = child.next) children.push(child)
  return children
}

function shapesOfNode(document: Node): BlockShape[] {
  return childrenOf(document).map(shapeOfNode)
}

function shapeOfNode(node: Node): BlockShape {
  const texts = () => joined(childrenOf(node).flatMap((child) => textsOfNode(child, 0)))
  switch (node.type) {
    case 'paragraph':
      return ['text', texts()]
    case 'heading':
      return ['heading', node.level, texts()]
    case 'code_block':
      return ['code', (node.info ?? '').split(' ')[0], (node.literal ?? '').replace(/\n$/, '')]
    case 'html_block':
      return ['html', (node.literal ?? '').trim()]
    case 'block_quote':
      return ['quote', ...childrenOf(node).map(shapeOfNode)]
    case 'list':
      return [
        'list',
        node.listType === 'ordered' ? node.listStart : '-',
        ...childrenOf(node).map((item) => childrenOf(item).map(shapeOfNode)),
      ]
    case 'thematic_break':
      return ['rule']
    default:
      throw new Error(`no rule for ${node.type}`)
  }
}

function textsOfNode(node: Node, looks: number): TextShape[] {
  const look = looks | (LOOKS[node.type] ?? 0)
  if (node.type === 'softbreak' || node.type === 'linebreak') return [['\n', look]]
  if (node.literal !== null) return [[node.literal, look | (node.type === 'code' ? CODE : 0)]]
  return childrenOf(node).flatMap((child) => textsOfNode(child, look))
}

test.run()
