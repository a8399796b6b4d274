import { cellWidth, fit } from '../../terminal/cell-width.js'
import type { HelpRow } from '../conversation/items.js'

const TERM_GAP = 2
const COLUMN_GAP = 3

/** Rows of terms and meanings as lines of at most `width` columns; side by side in two columns if both fit. */
export function tableLines(rows: readonly HelpRow[], width: number): string[] {
  const half = Math.ceil(rows.length / 2)
  const [left, right] = [column(rows.slice(0, half)), column(rows.slice(half))]
  const leftWidth = widest(left)
  if (leftWidth + COLUMN_GAP + widest(right) > width) return column(rows).map((line) => fit(line, width))
  return left.map((line, i) => `${line.padEnd(leftWidth + COLUMN_GAP)}${right[i] ?? ''}`.trimEnd())
}

function column(rows: readonly HelpRow[]): string[] {
  const width = widest(rows.map(([term]) => term)) + TERM_GAP
  return rows.map(([term, meaning]) => term.padEnd(width) + meaning)
}

function widest(texts: readonly string[]): number {
  return Math.max(0, ...texts.map(cellWidth))
}
