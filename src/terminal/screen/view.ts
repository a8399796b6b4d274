import { stripVTControlCharacters } from 'node:util'
import { formatBytes, plural } from '../../ground/numbers.js'
import { cellWidth, fit } from '../../ground/output/cell-width.js'
import type { ColourDepth } from '../../ground/output/colours.js'
import { styled } from '../../ground/output/style.js'
import { printable } from '../../ground/printable.js'
import type { Chat } from '../conversation/chat-state.js'
import { inputLines } from '../input/lines.js'
import { heightBelow } from '../map/all-layers.js'
import type { Room } from '../map/fold.js'
import type { MapOptions } from '../map/head.js'
import { mapLines, sideRooms, walkBelow } from '../map/lines.js'
import { RunningMarkdown } from '../markdown/running-markdown.js'
import { questionLines, textLines, thoughtLines, workLines } from './running-lines.js'
import type { WindowSize } from './terminal.js'
import { JOINED } from './transcript.js'

/** Lines of the live area, from top to bottom. They are always fewer than the window's rows, and none is wider. */
export interface View {
  /** The end of the text, with the map at its right if there is room for both. */
  text: string[]
  /** The map, if it is below the text. */
  map: string[]
  /** During a walk, the chosen layer and its experts. */
  token: string[]
  /** A blank line, unless the window is low. */
  air: string[]
  /** The question whether a tool may run. */
  question: string[]
  suggestions: string[]
  input: string[]
  status: string
}

/** The parts below text and map. */
type LowerParts = Pick<View, 'input' | 'question' | 'suggestions' | 'token' | 'air'>

/** How a window is shared out. */
export interface Layout {
  textWidth: number
  /** Room of the map, if it is beside the text. */
  side?: Room
  /** Number of finished lines that stay in the live area, beside the map. */
  held: number
  /** Rows for text and map. */
  room: number
  map: string[]
  /** The last lines of the running answer. */
  answer: string[]
  lower: LowerParts
}

/** Maximum suggestions to show at once. */
const MOST_SUGGESTIONS = 6
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

/** Shares out a window among text, map and the parts below. `running` has drawn the running answer so far. */
export function layoutOf(chat: Chat, { columns, rows }: WindowSize, running = new RunningMarkdown()): Layout {
  const { map, painter } = chat
  const width = lineWidth({ columns })
  const lower = lowerParts(chat, width, rows)
  // The status has a row, and so has the cursor.
  const { input, question, suggestions, air } = lower
  const room = rows - 2 - input.length - question.length - suggestions.length - air.length
  const most = { width: width - BETWEEN - LEAST_COLUMNS, height: rows - BELOW_SIDE }
  // A map beside the text is better only if it leaves more of the text in view than a map below.
  const left = width * (room - 1 - heightBelow(map, mostBelow(rows, room)))
  const side = sideRooms(map, most).find(({ width: taken }) => (width - BETWEEN - taken) * room >= left)
  const textWidth = side ? width - BETWEEN - side.width : width
  const forMap = side ? { ...side, height: Math.min(side.height, room) } : { width, height: mostBelow(rows, room) }
  const drawn = mapLines(map, forMap, painter, optionsOf(chat))
  const isBeside = side !== undefined
  const { lower: whole, left: forText } = addWalk(chat, lower, drawn, { width, rows, room, forMap, isBeside })
  // In a low window the walk takes lines from the map, too.
  const height = isBeside || rows >= ROOMY ? forText : forText - Math.floor(rows / 4)
  const fits = drawn.length <= height
  const shown = fits ? drawn : mapLines(map, { ...forMap, height }, painter, optionsOf(chat))
  const answer = answerLines(chat, textWidth, rows, running)
  const layout = { textWidth, side, room: forText, map: shown, answer, lower: whole }
  if (!side) return { ...layout, held: 0 }
  // Lines that the running answer pushes out of sight go to the scrollback.
  return { ...layout, held: answer.length > 0 ? Math.max(0, forText - answer.length) : Math.min(side.height, forText) }
}

/** The room that a walk shares with text and map. */
interface WalkRoom {
  /** Columns of the window. */
  width: number
  rows: number
  /** Rows for text, map and walk. */
  room: number
  forMap: Room
  isBeside: boolean
}

/** Adds the lines of a walk to the lower parts. Returns also the rows that are left for text and map. */
function addWalk(
  { map, painter }: Chat,
  lower: LowerParts,
  drawn: readonly string[],
  { width, rows, room, forMap, isBeside }: WalkRoom,
): { lower: LowerParts; left: number } {
  if (map.selected === undefined) return { lower, left: room }
  const text = rows < ROOMY ? Math.floor(rows / 4) : LEAST_TEXT_OF_WALK
  const above = isBeside ? Math.max(drawn.length, text) : drawn.length + text + 1
  const height = Math.max(LEAST_WALK, room - above)
  const roomy = walkBelow(map, forMap, painter, { width, height })
  // The blank line goes before anything that a reader needs.
  const air = roomy.isComplete ? lower.air : []
  const freed = lower.air.length - air.length
  const walk = freed > 0 ? walkBelow(map, forMap, painter, { width, height: height + freed }) : roomy
  const token = walk.lines.slice(0, Math.max(0, room + freed))
  return { lower: { ...lower, token, air }, left: room + freed - token.length }
}

/** Draws the live area in a window of this size; `held` are the finished lines that are still in it. */
export function viewOf(
  chat: Chat,
  size: WindowSize,
  held: readonly string[] = [],
  layout: Layout = layoutOf(chat, size),
): View {
  const { textWidth, side, room, map, answer, lower } = layout
  const status = styled(statusLine(chat, lineWidth(size)), 'dim', chat.painter.depth)
  if (side) {
    const text = tail([...held, ...answer], room)
    while (text.length < map.length) text.push('')
    return { text: beside(text, map, textWidth + BETWEEN), map: [], ...lower, status }
  }
  const shown = tail(answer, room - map.length - 1)
  // A blank line separates the map from the text above it, which may be a finished line without one.
  const last = chat.items.at(-1)
  const isApart = shown.length === 0 && !(last && JOINED.has(last.kind))
  return { text: isApart ? [] : [...shown, ''], map, ...lower, status }
}

/** Joins a text with lines at the right of its end, from `column` on. */
function beside(text: readonly string[], right: readonly string[], column: number): string[] {
  const first = text.length - right.length
  return text.map((line, row) => {
    const other = right[row - first]
    return other ? line + ' '.repeat(column - cellWidth(stripVTControlCharacters(line))) + other : line
  })
}

/** Maximum lines of a map below the text; `room` are the lines for both, of the window's `rows`. */
function mostBelow(rows: number, room: number): number {
  if (rows < ROOMY) return Math.min(Math.max(LEAST_MAP, Math.floor(rows / 3) + 1), room - Math.floor(rows / 4))
  const text = Math.max(rows < 30 ? LEAST_TEXT.low : LEAST_TEXT.high, Math.floor(rows / 3))
  // 1 is the blank line below the text.
  return room - 1 - text
}

/** All lines of a view, in order. */
export function linesOf({ text, map, token, air, question, suggestions, input, status }: View): string[] {
  return [...text, ...map, ...token, ...air, ...question, ...suggestions, ...input, status]
}

/** Draws the parts below text and map, apart from a walk. The input gets its lines first, the blank line last. */
function lowerParts(chat: Chat, width: number, rows: number): LowerParts {
  let room = rows - 2
  const take = (lines: string[], most = room): string[] => {
    const taken = lines.slice(0, Math.max(0, Math.min(most, room)))
    room -= taken.length
    return taken
  }
  const input = take(inputLines(chat.input, width, Math.max(1, Math.floor(rows / 4)), chat.placeholder))
  const question = take(questionLines(chat, width))
  const suggestions = take(suggestionLines(chat, width), MOST_SUGGESTIONS + 1)
  const air = rows >= 16 ? take(['']) : []
  return { input, question, suggestions, token: [], air }
}

/** The last lines of the running answer, below the progress of reading its prompt or its thoughts. */
function answerLines(chat: Chat, width: number, rows: number, running: RunningMarkdown): string[] {
  if (chat.state !== 'answering') return []
  const { depth } = chat.painter
  if (chat.reading !== undefined && chat.answer === '') return [dim(fit(chat.reading, width), depth)]
  return tail(
    [...textLines(chat, width, rows, running), ...thoughtLines(chat, width, rows), ...workLines(chat, width)],
    rows,
  )
}

function optionsOf(chat: Chat): MapOptions {
  const isStreaming = chat.state === 'answering'
  // When nothing moves, the map shows a single token, without a trail.
  const fades = chat.isPlaying || (isStreaming && chat.map.selected === undefined)
  return { fades, isStreaming, keys: keysOfMap(chat) }
}

/** Hints at the keys that work on the map now, longest first. */
function keysOfMap({ map, input, state, isPlaying, isUnread }: Chat): string[] {
  if (isPlaying) return ['any key stops']
  if (input.text !== '' || (map.tokens.length === 0 && !isUnread) || state !== 'idle') return []
  if (map.selected === undefined) return map.hasWalked ? [] : ['← → walk over the tokens', '← → walk']
  const { cursor } = map
  const x = cursor && (map.isMasked(cursor.kind, cursor.layer, cursor.expert) ? ' · x on' : ' · x off')
  const keys = `↑ ↓ layers · Tab experts${x ?? ''}`
  return [`${keys} · Esc ends`, keys, '↑ ↓ layers · Tab experts', '↑ ↓ layers']
}

function tail<T>(lines: readonly T[], count: number): T[] {
  return count > 0 ? lines.slice(-count) : []
}

/** The suggestions around the chosen one, and the number of the others. */
function suggestionLines({ input, painter }: Chat, width: number): string[] {
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

/** The status line: model, packing, speed, context, memory, map. A narrow one drops the least needed parts. */
export function statusLine(chat: Chat, width: number): string {
  const { model, contextLength: used, activity, speed, memory, isLeaving, queued } = chat
  if (isLeaving) return fit('Ctrl-C again leaves', width)
  const masked = chat.map.maskedExperts
  const limit = model.config.maxPositions ?? (model.config.trainedContext || undefined)
  const isOver = limit !== undefined && used > limit
  const parts: { text: string; need: number }[] = [
    { text: `${printable(model.name)} ${model.info.quant}`, need: 9 },
    ...(activity === undefined ? [] : [{ text: activity, need: 10 }]),
    ...(queued === 0 ? [] : [{ text: `${plural(queued, 'message')} waiting`, need: 8 }]),
    ...(speed === undefined ? [] : [{ text: `${speed < 100 ? speed.toFixed(1) : Math.round(speed)} tok/s`, need: 4 }]),
    { text: `context ${used}${limit === undefined ? '' : `/${limit}`}${isOver ? ' !' : ''}`, need: 6 },
    ...(masked === 0 ? [] : [{ text: `${plural(masked, 'expert')} off`, need: 8 }]),
    ...(memory ? [{ text: `${formatBytes(memory.weightsBytes)} weights`, need: 1 }] : []),
    ...(chat.map.mode === 'off' || chat.map.kinds.length === 0 ? [] : [{ text: `map ${chat.map.mode}`, need: 2 }]),
    { text: '/help', need: 7 },
  ]
  const whole = () => parts.map(({ text }) => text).join(' · ')
  while (parts.length > 1 && cellWidth(whole()) > width) {
    const least = parts.reduce((found, part) => (part.need < found.need ? part : found))
    parts.splice(parts.indexOf(least), 1)
  }
  return fit(whole(), width)
}
