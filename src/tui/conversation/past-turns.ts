import type { ChatMessage } from '../../api/text.js'
import { callInWords, resultInWords } from './call-words.js'
import type { ChatItem } from './items.js'

/** Maximum characters of a result that is opened. */
const MOST_RESULT = 20_000

/** The items that show a message of an earlier conversation; its thoughts are folded. */
export function itemsOf({
  role,
  content,
  thinking = '',
  toolCalls = [],
}: ChatMessage): Pick<ChatItem, 'kind' | 'text'>[] {
  if (role === 'tool') return [{ kind: 'result', text: resultInWords(content) }]
  if (role !== 'assistant') return [{ kind: role === 'user' ? 'user' : 'note', text: content }]
  const calls = toolCalls.map((call) => ({ kind: 'call' as const, text: callInWords(call) }))
  return [
    ...(thinking.trim() === '' ? [] : [{ kind: 'thought' as const, text: 'thought' }]),
    ...(content === '' && calls.length > 0 ? [] : [{ kind: 'answer' as const, text: content }]),
    ...calls,
  ]
}

/** Lines of the work before an answer: thoughts, calls and their results. */
export function trailOf({ role, content, thinking = '', toolCalls = [] }: ChatMessage): string[] {
  if (role !== 'tool') return [...(thinking.trim() === '' ? [] : [thinking.trim()]), ...toolCalls.map(callInWords)]
  const more = content.length - MOST_RESULT
  return [`→ ${more > 0 ? `${content.slice(0, MOST_RESULT)} … ${more} more characters` : content.trim()}`]
}
