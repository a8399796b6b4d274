import type { ChatMessage } from '../../../api/text.js'
import { callInWords, resultInWords } from './call-words.js'
import type { ChatItem } from './items.js'

const MOST_RESULT = 20_000

/** The size of a window that is not known. */
const USUAL_SIZE = { columns: 80, rows: 24 }
/** Windows that the turns of an earlier conversation may fill. */
const MOST_WINDOWS = 2

type PastItem = Pick<ChatItem, 'kind' | 'text'>

/** The last turns that fill at most two windows, the last one in any case, and the number of the turns before. */
export function lastTurns(
  messages: readonly ChatMessage[],
  { columns, rows }: { columns: number; rows: number } = USUAL_SIZE,
): { items: PastItem[]; earlier: number } {
  const most = MOST_WINDOWS * rows
  const starts = messages.flatMap(({ role }, i) => (role === 'user' || i === 0 ? [i] : []))
  let items: PastItem[] = []
  let earlier = starts.length
  for (let room = most; earlier > 0; earlier--) {
    const turn = messages.slice(starts[earlier - 1], starts[earlier]).flatMap(itemsOf)
    const cut = turn.map(({ kind, text }) => ({ kind, text: endOf(text, most * columns, most) }))
    room -= cut.reduce((lines, { text }) => lines + 1 + rowsOf(text, columns), 0)
    if (room < 0 && items.length > 0) break
    items = [...cut, ...items]
  }
  return { items, earlier }
}

function endOf(text: string, characters: number, lines: number): string {
  const end = text.slice(-characters).split('\n').slice(-lines).join('\n')
  return end.length < text.length ? `... ${text.length - end.length} earlier characters\n${end}` : text
}

function rowsOf(text: string, columns: number): number {
  return text.split('\n').reduce((rows, line) => rows + Math.max(1, Math.ceil(line.length / columns)), 0)
}

/** The items that show a message of an earlier conversation; its thoughts are folded. */
function itemsOf({ role, content, thinking = '', toolCalls = [] }: ChatMessage): PastItem[] {
  if (role === 'tool') return [{ kind: 'result', text: resultInWords(content) }]
  if (role !== 'assistant') return [{ kind: role === 'user' ? 'user' : 'note', text: content }]
  const calls = toolCalls.map((call) => ({ kind: 'call' as const, text: callInWords(call) }))
  return [
    ...(thinking.trim() === '' ? [] : [{ kind: 'thought' as const, text: 'thought' }]),
    ...(content === '' ? [] : [{ kind: 'answer' as const, text: content }]),
    ...calls,
  ]
}

/** Lines of the work before an answer: thoughts, calls and their results. */
export function trailOf({ role, content, thinking = '', toolCalls = [] }: ChatMessage): string[] {
  if (role !== 'tool') return [...(thinking.trim() === '' ? [] : [thinking.trim()]), ...toolCalls.map(callInWords)]
  const more = content.length - MOST_RESULT
  return [`→ ${more > 0 ? `${content.slice(0, MOST_RESULT)} … ${more} more characters` : content.trim()}`]
}
