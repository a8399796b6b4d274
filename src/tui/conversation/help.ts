import { cellWidth, fit } from '../../terminal/cell-width.js'
import type { Chat } from './chat.js'
import { SLASH_COMMANDS } from './slash-commands.js'

/** A term and what it means. */
export type HelpRow = readonly [term: string, meaning: string]

const TERM_GAP = 2
const COLUMN_GAP = 3

/** Rows one after the other; in two columns if both fit. No line is wider than `width`. */
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

/** What /help says: the commands. */
export function commandHelp({ options }: Chat): { rows: HelpRow[]; text: string } {
  const rows = SLASH_COMMANDS.filter(({ draws }) => !(draws && options.isPlain)).map(
    ({ name, argument, summary }): HelpRow => [`/${name}${argument === undefined ? '' : ` ${argument}`}`, summary],
  )
  return { rows, text: '/help keys lists the keys, and says what is kept of what you type.' }
}

/** What /help keys says: the keys, how turns are framed, what is kept. */
export function keyHelp({ model, options }: Chat): { rows: readonly HelpRow[]; text: string } {
  const frame = model.chatTemplate
    ? "Turns are framed by the model's chat template."
    : 'Without a chat template, turns are lines of User: and Assistant:.'
  const walk = options.isPlain ? '' : 'The walk needs an empty line. '
  const { path } = options.history
  const kept =
    path === undefined
      ? 'Nothing of what you type is kept.'
      : `What you type is kept in ${path}; --no-history or MOLM_HISTORY=0 keeps nothing.`
  return { rows: options.isPlain ? PLAIN_KEYS : KEYS, text: `${walk}${frame}\n${kept}` }
}

const KEYS: readonly HelpRow[] = [
  ['Enter', 'sends'],
  ['Alt-Enter', 'new line; also a final \\'],
  ['Tab', 'completes a command'],
  ['↑ ↓', 'what you wrote before'],
  ['Ctrl-R', 'searches it'],
  ['Ctrl-Y', 'what was deleted last'],
  ['Ctrl-L', 'draws the screen again'],
  ['Ctrl-C', 'stops; twice, leaves'],
  ['Ctrl-D, Ctrl-Z', 'leaves, suspends'],
  ['← →', 'walk over the tokens'],
  ['Ctrl-← Ctrl-→', 'walk over words'],
  ['Home, End', 'first and last token'],
  ['↑ ↓', 'the layer, in a walk'],
  ['Esc', 'ends the walk'],
]

/** Keys of a terminal that only takes lines. */
const PLAIN_KEYS: readonly HelpRow[] = [
  ['Enter', 'sends'],
  ['Ctrl-C, Ctrl-D', 'leave'],
]
