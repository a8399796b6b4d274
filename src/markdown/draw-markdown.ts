import { harmless } from '../terminal/cell-width.js'
import { BlockParser } from './block-parser.js'
import { blockLines } from './draw-blocks.js'
import type { Paper } from './run-lines.js'

/** Draws a whole Markdown text as lines for a terminal. Control characters in it are replaced. */
export function drawMarkdown(text: string, paper: Paper): string[] {
  const parser = new BlockParser()
  let at = 0
  // A line end at the end begins no line.
  for (const line of harmless(text).replace(/\n$/, '').split('\n')) {
    parser.add(line, at)
    at += line.length + 1
  }
  return blockLines(parser.blocks, paper)
}
