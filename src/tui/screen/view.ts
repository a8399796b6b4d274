import { stripVTControlCharacters } from 'node:util'
import { cellWidth, fit } from '../../terminal/cell-width.js'
import type { ColourDepth } from '../../terminal/colours.js'
import { styled } from '../../terminal/style.js'
import { wrapTail } from '../../terminal/wrap.js'
import type { ChatView } from '../conversation/chat-view.js'
import { inputLines } from '../input/lines.js'
import { heightBelow } from '../map/all-layers.js'
import type { Room } from '../map/fold.js'
import type { MapOptions } from '../map/head.js'
import { mapLines, sideRooms } from '../map/lines.js'
import { tokenDetails } from '../map/token-details.js'
import { statusLine } from './status-line.js'
import type { WindowSize } from './terminal.js'

/** Lines of the live area, from top to bottom. They are always fewer than the window's rows, and none is wider. */
export interface View {
  /** The end of the text, with the map at its right if there is room for both. */
  text: string[]
  /** The map, if it is below the text. */
  map: string[]
  /** Details of the selected token. */
  token: string[]
  /** A blank line, unless the window is low. */
  air: string[]
  suggestions: string[]
  input: string[]
  status: string
}

/** The parts below text and map. */
type LowerParts = Pick<View, 'input' | 'suggestions' | 'token' | 'air'>

/** How a window is shared out. */
export interface Layout {
  /** Columns of the text. */
  textWidth: number
  /** Room of the map, if it is beside the text. */
  side?: Room
  /** Number of finished lines that stay in the live area, beside the map. */
  held: number
  /** Rows for text and map. */
  room: number
  /** The last lines of the running answer. */
  answer: string[]
  lower: LowerParts
}

/** Maximum suggestions to show at once. */
const MOST_SUGGESTIONS = 6
/**
 * Minimum lines of text above a map, in windows from 24 and from 30 rows on; in a lower window, a quarter of the rows.
 */
const LEAST_TEXT = { low: 10, high: 12 }
/** Minimum lines of a map, so that it has a title and a legend, even if that is more than a third of a low window. */
const LEAST_MAP = 6
/** Minimum columns of the text beside a map. */
const LEAST_COLUMNS = 60
/** Columns between text and map. */
const BETWEEN = 3
/** Rows below a map beside the text: input, status, a blank line, the cursor's row, and some more. */
const BELOW_SIDE = 9

/** Columns of a line. The last column of the window stays free, or some terminals would break the line. */
export function lineWidth({ columns }: Pick<WindowSize, 'columns'>): number {
  return Math.max(1, columns - 1)
}

/** Shares out a window among text, map and the parts below. */
export function layoutOf(chat: ChatView, { columns, rows }: WindowSize): Layout {
  const width = lineWidth({ columns })
  const lower = lowerParts(chat, width, rows)
  // The status has a row, and so has the cursor.
  const room = rows - 2 - lower.input.length - lower.suggestions.length - lower.token.length - lower.air.length
  const most = { width: width - BETWEEN - LEAST_COLUMNS, height: rows - BELOW_SIDE }
  // A map beside the text is better only if it leaves more of the text in view than a map below.
  const left = width * (room - 1 - heightBelow(chat.map, mostBelow(rows, room)))
  const side = sideRooms(chat.map, most).find(({ width: taken }) => (width - BETWEEN - taken) * room >= left)
  const textWidth = side ? width - BETWEEN - side.width : width
  const answer = answerLines(chat, textWidth, rows)
  const layout = { textWidth, side, room, answer, lower }
  if (!side) return { ...layout, held: 0 }
  // Lines that the running answer pushes out of sight go to the scrollback.
  return { ...layout, held: answer.length > 0 ? Math.max(0, room - answer.length) : Math.min(side.height, room) }
}

/** Draws the live area in a window of this size; `held` are the finished lines that are still in it. */
export function viewOf(
  chat: ChatView,
  size: WindowSize,
  held: readonly string[] = [],
  layout: Layout = layoutOf(chat, size),
): View {
  const { textWidth, side, room, answer, lower } = layout
  const { map, painter } = chat
  const width = lineWidth(size)
  const status = styled(statusLine(chat, width), 'dim', painter.depth)
  if (side) {
    const drawn = mapLines(map, { ...side, height: Math.min(side.height, room) }, painter, optionsOf(chat))
    const text = tail([...held, ...answer], room)
    while (text.length < drawn.length) text.push('')
    return { text: beside(text, drawn, textWidth + BETWEEN), map: [], ...lower, status }
  }
  const height = mostBelow(size.rows, room)
  const drawn = mapLines(map, { width, height }, painter, optionsOf(chat))
  const shown = tail(answer, room - drawn.length - 1)
  return { text: shown.length > 0 ? [...shown, ''] : shown, map: drawn, ...lower, status }
}

/** Joins a text with lines at the right of its end, from `column` on. */
function beside(text: readonly string[], right: readonly string[], column: number): string[] {
  const first = text.length - right.length
  return text.map((line, row) => {
    const other = right[row - first]
    return other ? line + ' '.repeat(column - visibleWidth(line)) + other : line
  })
}

/** Maximum lines of a map below the text; `room` are the lines for both, of the window's `rows`. */
function mostBelow(rows: number, room: number): number {
  // 1 is the blank line below the text.
  const text = rows < 24 ? Math.floor(rows / 4) : 1 + (rows < 30 ? LEAST_TEXT.low : LEAST_TEXT.high)
  return Math.min(Math.max(LEAST_MAP, Math.floor(rows / 3) + 1), room - text)
}

/** All lines of a view, in order. */
export function linesOf({ text, map, token, air, suggestions, input, status }: View): string[] {
  return [...text, ...map, ...token, ...air, ...suggestions, ...input, status]
}

/** Draws the parts below text and map. The input gets its lines first, the blank line last. */
function lowerParts(chat: ChatView, width: number, rows: number): LowerParts {
  let room = rows - 2
  const take = (lines: string[], most = room): string[] => {
    const taken = lines.slice(0, Math.max(0, Math.min(most, room)))
    room -= taken.length
    return taken
  }
  const input = take(inputLines(chat.input, width, Math.max(1, Math.floor(rows / 4)), chat.placeholder))
  const suggestions = take(suggestionLines(chat, width), MOST_SUGGESTIONS + 1)
  const token = take(tokenDetails(chat.map, width))
  const air = rows >= 16 ? take(['']) : []
  return { input, suggestions, token, air }
}

/** The last lines of the running answer, or the progress of reading its prompt. */
function answerLines(chat: ChatView, width: number, rows: number): string[] {
  if (chat.state !== 'answering') return []
  if (chat.reading !== undefined && chat.answer === '')
    return [styled(fit(chat.reading, width), 'dim', chat.painter.depth)]
  return tail(wrapTail(chat.answer, width, rows), rows)
}

function optionsOf(chat: ChatView): MapOptions {
  const isStreaming = chat.state === 'answering'
  // When nothing moves, the map shows a single token, without a trail.
  const fades = chat.isPlaying || (isStreaming && chat.map.selected === undefined)
  return { fades, isStreaming, keys: keysOfMap(chat) }
}

/** Hint at the keys that work on the map now; undefined if there are none. */
function keysOfMap({ map, input, state, isPlaying, isUnread }: ChatView): string | undefined {
  if (isPlaying) return 'any key stops'
  if (input.text !== '' || (map.tokens.length === 0 && !isUnread) || state !== 'idle') return undefined
  if (map.selected === undefined) return map.hasWalked ? undefined : '← → walk over the tokens'
  return '↑ ↓ layers · Esc ends'
}

function tail<T>(lines: readonly T[], count: number): T[] {
  return count > 0 ? lines.slice(-count) : []
}

/** The suggestions around the chosen one, and the number of the others. */
function suggestionLines({ input, painter }: ChatView, width: number): string[] {
  const { suggestions, chosen } = input
  const widest = Math.max(0, ...suggestions.map(({ label }) => cellWidth(label)))
  const first = Math.min(
    Math.max(0, (chosen ?? 0) - MOST_SUGGESTIONS + 1),
    Math.max(0, suggestions.length - MOST_SUGGESTIONS),
  )
  const lines = suggestions.slice(first, first + MOST_SUGGESTIONS).map(({ label, summary }, i) => {
    const isChosen = first + i === chosen
    const line = fit(`${isChosen ? '›' : ' '} ${label.padEnd(widest)}  ${summary}`.trimEnd(), width)
    return isChosen ? line : dim(line, painter.depth)
  })
  const others = suggestions.length - lines.length
  return others > 0 ? [...lines, dim(fit(`  … ${others} more`, width), painter.depth)] : lines
}

function dim(text: string, depth: ColourDepth): string {
  return styled(text, 'dim', depth)
}

function visibleWidth(line: string): number {
  return cellWidth(stripVTControlCharacters(line))
}
