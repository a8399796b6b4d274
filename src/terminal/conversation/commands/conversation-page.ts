import type { ChatMessage } from '../../../api/text.js'
import { UsageError } from '../../../ground/errors.js'
import type { Turn } from '../../../insight/pictures/blocks/figure.js'
import { renderHtml } from '../../../insight/pictures/html/html.js'
import { MOST_TOKENS } from '../../../insight/pictures/html/html-sections.js'
import { modelTitle } from '../../../insight/pictures/kinds/caption.js'
import { drawUsage } from '../../../insight/pictures/kinds/usage-figure.js'
import { readerOf } from '../../../insight/usage/text-routes.js'
import { maskInWords, maskState } from '../../../model/config/mask-spec.js'
import type { MappedToken } from '../../map/token-map.js'
import { textOfTokens } from '../answers/colouring.js'
import { isUnread, readAgain } from '../answers/read-again.js'
import type { Chat } from '../chat-state.js'

/** A page that plays the tokens of the map, and has what the experts say that the user asked about. */
export async function conversationPage(chat: Chat, title: string): Promise<string> {
  if (isUnread(chat)) await readAgain(chat)
  const { map, model, conversation } = chat
  const { mask, messages, parts } = conversation
  const tokens = map.tokens.slice(-MOST_TOKENS)
  if (tokens.length === 0) throw new UsageError('the map has no tokens yet: ask something first')
  const text = textOfTokens(title, tokens, model)
  const figure = drawUsage([text], { atlas: map.atlas, title: `${title} · ${modelTitle(readerOf(model))}` })
  const { sentences = [] } = figure
  return renderHtml({
    ...figure,
    turns: turnsOf(tokens, [{ role: 'system', content: parts.system }, ...messages]),
    sentences: mask ? [...sentences, `${maskState(mask)} when this was saved: ${maskInWords(mask)}`] : sentences,
    lenses: tokens.flatMap(({ lens }, token) => (lens ? [{ text, token, lens }] : [])),
  })
}

/**
 * Finds the messages among tokens. What their template adds, such as names of roles, is in none. Calls of tools are as the
 * model wrote them: the rest of its answer.
 */
export function turnsOf(
  tokens: readonly Pick<MappedToken, 'text' | 'isQuestion'>[],
  messages: readonly Pick<ChatMessage, 'role' | 'content' | 'thinking' | 'toolCalls'>[],
): Turn[] {
  const ends: number[] = []
  let text = ''
  for (const token of tokens) {
    text += token.text
    ends.push(text.length)
  }
  const turns: Turn[] = []
  let end = 0
  const add = (role: string, words: string, isThought = false) => {
    const found = words === '' ? -1 : text.indexOf(words, end)
    if (found < 0) return
    end = found + words.length
    // A token may be of two messages, or of a message and its template.
    const from = Math.max(
      turns.at(-1)?.to ?? 0,
      ends.findIndex((to) => to > found),
    )
    const to = ends.findIndex((to) => to >= end) + 1
    if (to > from) turns.push({ role, isThought, from, to })
  }
  for (const { role, content, thinking = '', toolCalls = [] } of messages) {
    add(role, thinking.trim(), true)
    add(role, content.trim())
    if (toolCalls.length === 0) continue
    const first = ends.findIndex((to, i) => to > end && tokens[i].isQuestion !== true)
    const last = tokens.findIndex(({ isQuestion }, i) => i > first && isQuestion)
    if (first >= 0) add(role, text.slice(Math.max(end, ends[first - 1] ?? 0), ends.at(last < 0 ? -1 : last - 1)).trim())
  }
  return turns
}
