import { stripVTControlCharacters } from 'node:util'
import { cellWidth } from '../../ground/output/cell-width.js'
import { isUnread } from '../conversation/answers/read-again.js'
import type { Chat } from '../conversation/chat-state.js'
import { inputLines } from '../input/lines.js'
import { heightBelow, sideRooms } from '../map/all-layers.js'
import type { Room } from '../map/fold.js'
import type { MapOptions } from '../map/frame.js'
import { mapLines, walkBelow } from '../map/lines.js'
import { RunningMarkdown } from '../markdown/running-markdown.js'
import { answerLines, questionLines, statusLine, suggestionLines, tail } from './live-lines.js'
import type { WindowSize } from './terminal.js'
import { JOINED } from './transcript.js'

/** Lines of the live area, from top to bottom. They are always fewer than the window's rows, and none is wider. */
export interface View {
  /** The end of the text, with the map at its right if there is room for both. */
  text: string[]
  map: string[]
  /** During a walk, the chosen layer and its experts. */
  token: string[]
  /** A blank line, unless the window is low. */
  air: string[]
  question: string[]
  suggestions: string[]
  input: string[]
  status: string[]
}

export interface Layout {
  textWidth: number
  /** Room of the map, if it is beside the text. */
  side?: Room
  /** Number of finished lines that stay in the live area, beside the map. */
  held: number
  /** Draws the live area with these finished lines. */
  view(held: readonly string[]): View
}

/** Rows of a window that has a map and a walk without compromises. */
const ROOMY = 24
/**
 * Minimum lines of text above a map, in windows from 24 and from 30 rows on, or a third of the rows if that is more; in a
 * lower window, a quarter of the rows.
 */
const LEAST_TEXT = { low: 10, high: 12 }
/** The same during a walk: its lines come from the text, not from the map. */
const LEAST_TEXT_OF_WALK = 6
/** Minimum lines of a map, so that it has a title and a legend, even if that is more than a third of a low window. */
const LEAST_MAP = 6
/** Minimum lines of a walk below the map; in a low window the map gives them. */
const LEAST_WALK = 3
const LEAST_COLUMNS = 60
const BETWEEN = 3
/** Rows below a map beside the text: input, status, a blank line, the cursor's row, and some more. */
const BELOW_SIDE = 9

/** Columns of a line. The last column of the window stays free, or some terminals would break the line. */
export function lineWidth({ columns }: Pick<WindowSize, 'columns'>): number {
  return Math.max(1, columns - 1)
}

/** Shares out a window among text, map and the parts below. `running` has drawn the running answer so far. */
export function layoutOf(chat: Chat, { columns, rows }: WindowSize, running = new RunningMarkdown()): Layout {
  const { map, painter } = chat
  const width = lineWidth({ columns })
  const { room, air: wholeAir, ...lower } = lowerParts(chat, width, rows)
  const below = { width, height: mostBelow(rows, room) }
  const most = { width: width - BETWEEN - LEAST_COLUMNS, height: rows - BELOW_SIDE }
  // A map beside the text is better only if it leaves more of the text in view than a map below.
  const left = width * (room - 1 - heightBelow(map, below.height))
  const side = sideRooms(map, most).find(({ width: taken }) => (width - BETWEEN - taken) * room >= left)
  const textWidth = side ? width - BETWEEN - side.width : width
  const forMap = side ? { ...side, height: Math.min(side.height, room) } : below
  const drawn = mapLines(map, forMap, painter, optionsOf(chat))
  const isBeside = side !== undefined
  // A walk takes its lines from the text.
  const text = rows < ROOMY ? Math.floor(rows / 4) : LEAST_TEXT_OF_WALK
  const above = isBeside ? Math.max(drawn.length, text) : drawn.length + text + 1
  const forWalk = { width, height: Math.max(LEAST_WALK, room - above) }
  const roomy = walkBelow(map, forMap, painter, forWalk)
  // The blank line goes before anything that a reader needs.
  const air = roomy.isComplete ? wholeAir : []
  const freed = wholeAir.length - air.length
  const walk = freed > 0 ? walkBelow(map, forMap, painter, { width, height: forWalk.height + freed }) : roomy
  const token = walk.lines.slice(0, Math.max(0, room + freed))
  const forText = room + freed - token.length
  // In a low window the walk takes lines from the map, too.
  const height = isBeside || rows >= ROOMY ? forText : forText - Math.floor(rows / 4)
  const shown = drawn.length <= height ? drawn : mapLines(map, { ...forMap, height }, painter, optionsOf(chat))
  const answer = answerLines(chat, textWidth, rows, running)
  // Lines that the running answer pushes out of sight go to the scrollback.
  const free = answer.length > 0 ? Math.max(0, forText - answer.length) : Math.min(side?.height ?? 0, forText)
  const view = (held: readonly string[]): View => {
    const lines = side
      ? beside(tail([...held, ...answer], forText), shown, textWidth + BETWEEN)
      : aboveMap(chat, tail(answer, forText - shown.length - 1))
    return { text: lines, map: side ? [] : shown, token, air, ...lower, status: [statusLine(chat, width)] }
  }
  return { textWidth, side, held: side ? free : 0, view }
}

/** Joins the end of a text with the lines of a map at its right, from `column` on. */
function beside(text: readonly string[], map: readonly string[], column: number): string[] {
  const filled = [...text, ...Array<string>(Math.max(0, map.length - text.length)).fill('')]
  const first = filled.length - map.length
  return filled.map((line, row) => {
    const other = map[row - first]
    return other ? line + ' '.repeat(column - cellWidth(stripVTControlCharacters(line))) + other : line
  })
}

/** The text above a map, and a blank line: the text may end with a finished line without one. */
function aboveMap({ items }: Chat, text: string[]): string[] {
  const last = items.at(-1)
  return text.length === 0 && !(last && JOINED.has(last.kind)) ? [] : [...text, '']
}

/** Maximum lines of a map below the text; `room` are the lines for both, of the window's `rows`. */
function mostBelow(rows: number, room: number): number {
  if (rows < ROOMY) return Math.min(Math.max(LEAST_MAP, Math.floor(rows / 3) + 1), room - Math.floor(rows / 4))
  const text = Math.max(rows < 30 ? LEAST_TEXT.low : LEAST_TEXT.high, Math.floor(rows / 3))
  // 1 is the blank line below the text.
  return room - 1 - text
}

export function linesOf({ text, map, token, air, question, suggestions, input, status }: View): string[] {
  return [...text, ...map, ...token, ...air, ...question, ...suggestions, ...input, ...status]
}

/** Draws the parts below text, map and walk; `room` is left. The input gets its lines first, the blank line last. */
function lowerParts(chat: Chat, width: number, rows: number) {
  // The status has a row, and so has the cursor.
  let room = rows - 2
  const take = (lines: string[]): string[] => {
    const taken = lines.slice(0, Math.max(0, room))
    room -= taken.length
    return taken
  }
  const input = take(inputLines(chat.input, width, Math.max(1, Math.floor(rows / 4)), chat.placeholder))
  const question = take(questionLines(chat, width))
  const suggestions = take(suggestionLines(chat, width))
  const air = rows >= 16 ? take(['']) : []
  return { question, suggestions, input, air, room }
}

function optionsOf(chat: Chat): MapOptions {
  const isStreaming = chat.state === 'answering'
  // When nothing moves, the map shows a single token, without a trail.
  const fades = chat.replay.isOn || (isStreaming && chat.map.selected === undefined)
  return { fades, isStreaming, keys: keysOfMap(chat) }
}

/** Hints at the keys that work on the map now, longest first. */
function keysOfMap(chat: Chat): string[] {
  const { map, input, state } = chat
  if (chat.replay.isOn) return ['any key stops']
  if (input.text !== '' || (map.tokens.length === 0 && !isUnread(chat)) || state !== 'idle') return []
  if (map.selected === undefined) return map.hasWalked ? [] : ['← → walk over the tokens', '← → walk']
  const { cursor } = map
  const x = cursor && (map.isMasked(cursor.kind, cursor.layer, cursor.expert) ? ' · x on' : ' · x off')
  const keys = `${x ?? ''} · m what matters`
  return [`↑ ↓ layers · Tab experts${keys} · Esc ends`, `↑ ↓ layers${keys}`, '↑ ↓ layers · m matters', '↑ ↓ layers']
}
