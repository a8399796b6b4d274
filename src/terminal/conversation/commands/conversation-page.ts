import { UsageError } from '../../../ground/errors.js'
import { renderHtml } from '../../../insight/pictures/html/html.js'
import { MOST_TOKENS } from '../../../insight/pictures/html/html-sections.js'
import { modelTitle } from '../../../insight/pictures/kinds/caption.js'
import { drawUsage } from '../../../insight/pictures/kinds/usage-figure.js'
import { readerOf } from '../../../insight/usage/text-routes.js'
import { maskInWords, maskState } from '../../../model/config/mask-spec.js'
import { textOfTokens } from '../answers/colouring.js'
import { isUnread, readAgain } from '../answers/read-again.js'
import type { Chat } from '../chat-state.js'

/** A page that plays the tokens of the map, and has what the experts say that the user asked about. */
export async function conversationPage(chat: Chat, title: string): Promise<string> {
  if (isUnread(chat)) await readAgain(chat)
  const { map, model, conversation } = chat
  const { mask } = conversation
  const tokens = map.tokens.slice(-MOST_TOKENS)
  if (tokens.length === 0) throw new UsageError('the map has no tokens yet: ask something first')
  const text = textOfTokens(title, tokens, model)
  const figure = drawUsage([text], { atlas: map.atlas, title: `${title} · ${modelTitle(readerOf(model))}` })
  const { sentences = [] } = figure
  return renderHtml({
    ...figure,
    sentences: mask ? [...sentences, `${maskState(mask)} when this was saved: ${maskInWords(mask)}`] : sentences,
    lenses: tokens.flatMap(({ lens }, token) => (lens ? [{ text, token, lens }] : [])),
  })
}
