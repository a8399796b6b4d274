import { formatBytes } from '../numbers.js'
import { printable } from '../printable.js'
import { cellWidth, fit } from './cell-width.js'
import type { Chat } from './chat.js'
import { inputLines } from './input-lines.js'
import { mapHeight, mapLines } from './map-lines.js'
import { styled } from './style.js'
import { tokenLines } from './token-lines.js'
import { wrapTail } from './wrap.js'

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
/** Lines of the answer that stay visible before the map gets more room. */
const LEAST_ANSWER = 2

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
  const answerLines = wrapTail(chat.answer, width, rows)
  const isAnswering = chat.state === 'answering'
  const kept = isAnswering ? Math.min(LEAST_ANSWER, answerLines.length) + 1 : 1
  const wanted = Math.min(mapHeight(map, painter.depth !== 'none'), room - kept)
  const lines = take(mapLines(map, { width, height: wanted }, painter))
  const answer = isAnswering ? tail(answerLines, room - 1) : []
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
    `context ${conversation.length}/${model.config.trainedContext}`,
    ...(memory ? [`${formatBytes(memory.weightsBytes)} weights`] : []),
    ...(chat.map.mode === 'off' ? [] : [`map ${chat.map.mode}`]),
    '/help',
  ]
  return parts.join(' · ')
}
