import { BlockParser } from '#molm/terminal/markdown/block-parser.js'
import type { Block } from '#molm/terminal/markdown/blocks.js'
import { parseInlines } from '#molm/terminal/markdown/inline-parser.js'
import { ASIDE } from '#molm/terminal/markdown/inlines.js'

/** A block as a name and its parts: texts with looks, other blocks, numbers. */
export type BlockShape = unknown[]
export type TextShape = [text: string, looks: number]

/** The blocks of a text, in a form that other parsers' blocks can have, too. */
export function shapesOf(text: string): BlockShape[] {
  const parser = new BlockParser()
  let at = 0
  for (const line of text.replace(/\n$/, '').split('\n')) {
    parser.add(line, at)
    at += line.length + 1
  }
  return parser.blocks.map(shapeOf)
}

function shapeOf(block: Block): BlockShape {
  switch (block.kind) {
    case 'paragraph':
      return ['text', inlines(block.lines.join('\n'))]
    case 'heading':
      return ['heading', block.level, inlines(block.lines.join('\n'))]
    case 'code':
      return ['code', block.info.split(' ')[0], block.lines.join('\n')]
    case 'literal':
      return ['html', block.lines.join('\n').trim()]
    case 'quote':
      return ['quote', ...block.blocks.map(shapeOf)]
    case 'list':
      return ['list', block.items[0].number ?? '-', ...block.items.map(({ blocks }) => blocks.map(shapeOf))]
    case 'table': {
      const { header, alignments, rows } = block
      const cells = rows.map((row) => header.map((_, column) => inlines(row[column] ?? '')))
      return ['table', alignments, header.map(inlines), ...cells]
    }
    case 'rule':
      return ['rule']
  }
}

/** The texts of runs, without the addresses of links and the box of a task. */
function inlines(text: string): TextShape[] {
  const runs = parseInlines(text.replace(/^\[[ x]\] /, ''))
  return joined(runs.filter(({ looks }) => !(looks & ASIDE)).map(({ text, looks }): TextShape => [text, looks]))
}

/** Joins neighbours with the same looks, and drops blanks at line ends. */
export function joined(texts: TextShape[]): TextShape[] {
  const all: TextShape[] = []
  for (const [text, looks] of texts) {
    const last = all.at(-1)
    if (text === '') continue
    if (last && last[1] === looks) last[0] += text
    else all.push([text, looks])
  }
  for (const one of all) one[0] = one[0].replace(/ *\n */g, '\n')
  return all.filter(([text]) => text !== '')
}
