import { formatBytes } from '../numbers.js'
import { printable } from '../printable.js'
import { cellWidth, fit } from '../terminal/cell-width.js'
import type { ColourDepth } from '../terminal/colours.js'
import { styled } from '../terminal/style.js'
import { wrapTail } from '../terminal/wrap.js'
import type { Chat } from './chat.js'
import { inputLines } from './input-lines.js'
import { mapHeight, mapLines } from './map-lines.js'
import { tokenLines } from './token-lines.js'

/** Size of the window, in characters. */
export interface WindowSize {
  columns: number
  rows: number
}

/** Lines of the live area, from top to bottom: always fewer than the window has, and none wider than it. */
export interface View {
  answer: string[]
  map: string[]
  token: string[]
  suggestions: string[]
  input: string[]
  status: string
}

/** Suggestions shown at once. */
const MOST_SUGGESTIONS = 6
/** The map takes a third of the window at most, and leaves the conversation this many lines, or a quarter of a low one. */
const LEAST_CONVERSATION = 10
/** Depths in which a token that fades can be told from one that is weak. */
const FADING = new Set<ColourDepth>(['truecolor', '256'])

/** What the live area shows in a window of this size. */
export function viewOf(chat: Chat, { columns, rows }: WindowSize): View {
  const { map, painter } = chat
  // The last column stays free, lest a terminal break the line; so does the last row, where the cursor waits.
  const width = Math.max(1, columns - 1)
  let room = rows - 1 - 1
  const take = <T>(lines: T[], most = room): T[] => {
    const taken = lines.slice(0, Math.max(0, Math.min(most, room)))
    room -= taken.length
    return taken
  }
  const input = take(inputLines(chat.editor, width, Math.max(1, Math.floor(rows / 4))))
  const suggestions = take(suggestionLines(chat, width), MOST_SUGGESTIONS)
  const token = take(tokenLines(map, width))
  const isAnswering = chat.state === 'answering'
  const kept = Math.min(LEAST_CONVERSATION, Math.floor(rows / 4))
  const height = mapHeight(map, Math.min(Math.floor(rows / 3), room - kept))
  // What is looked at when nothing moves is one token, not a trail of them.
  const fades = isAnswering && map.selected === undefined && FADING.has(painter.depth)
  const lines = take(mapLines(map, { width, height }, painter, { fades, keys: keysOfMap(chat) }))
  const answer = isAnswering ? tail(wrapTail(chat.answer, width, rows), room - 1) : []
  return {
    answer: answer.length > 0 && room > answer.length ? [...answer, ''] : answer,
    map: lines,
    token,
    suggestions,
    input,
    status: styled(fit(statusLine(chat), width), 'dim', painter.depth),
  }
}

/** All lines in order. */
export function linesOf({ answer, map, token, suggestions, input, status }: View): string[] {
  return [...answer, ...map, ...token, ...suggestions, ...input, status]
}

/** The keys that look closer, while they do: with nothing written, once there is something to look at. */
function keysOfMap({ map, editor, state }: Chat): string | undefined {
  if (editor.text !== '' || map.tokens.length === 0 || state !== 'idle') return undefined
  return map.selected === undefined ? '← → tokens' : '← → tokens, ↑ ↓ layers'
}

function tail<T>(lines: readonly T[], count: number): T[] {
  return count > 0 ? lines.slice(-count) : []
}

function suggestionLines({ suggestions, painter }: Chat, width: number): string[] {
  const widest = Math.max(0, ...suggestions.map(({ label }) => cellWidth(label)))
  return suggestions.map(({ label, summary }) => {
    return styled(fit(`  ${label.padEnd(widest)}  ${summary}`, width), 'dim', painter.depth)
  })
}

/** Model, packing, speed, context, memory: the most important first, since a narrow window cuts the end off. */
function statusLine(chat: Chat): string {
  const { model, conversation, state, lastAnswer, memory, leaving } = chat
  if (leaving) return 'Ctrl-C again leaves'
  const speed = lastAnswer?.tokensPerSecond
  const parts = [
    `${printable(model.name)} ${model.info.quant}`,
    ...(state === 'answering' ? ['answering'] : state === 'working' ? ['working'] : []),
    ...(speed === undefined ? [] : [`${speed < 100 ? speed.toFixed(1) : Math.round(speed)} tok/s`]),
    `context ${conversation.length}${model.config.maxPositions === undefined ? '' : `/${model.config.maxPositions}`}`,
    ...(memory ? [`${formatBytes(memory.weightsBytes)} weights`] : []),
    ...(chat.map.mode === 'off' || chat.map.kinds.length === 0 ? [] : [`map ${chat.map.mode}`]),
    '/help',
  ]
  return parts.join(' · ')
}
