import type { RoutedToken } from '../../api/wire.js'
import type { ExpertsPanel } from '../experts/experts-panel.js'
import { GrowingText } from '../markdown/growing-text.js'
import type { AnswerChunk } from '../requests/api.js'
import { piecesOf, type TextPiece } from '../requests/pieces.js'
import type { PageModel } from '../requests/routes.js'
import type { Exchange } from './exchange.js'

/** The tokens of the prompt of an answer, with their experts. Rejects if the server does not report them. */
export async function promptOf(chunks: AsyncIterable<AnswerChunk>): Promise<readonly RoutedToken[]> {
  let prompt: readonly RoutedToken[] | undefined
  for await (const chunk of chunks) prompt ??= chunk.prompt
  if (prompt) return prompt
  throw new Error('the conversation is too long for the server to report its experts')
}

/** Divides the texts of exchanges into the tokens of a prompt that has all of them, and counts the experts of answers. */
export function showAgain(
  exchanges: readonly Exchange[],
  prompt: readonly RoutedToken[],
  { panel, model, mask }: { panel: ExpertsPanel; model: PageModel; mask?: readonly string[] },
): void {
  const ids = prompt.map(({ token }) => token)
  for (const { exchange, texts } of placesOf(exchanges, prompt)) {
    const { answer, turns } = exchange
    const own = new GrowingText('answer', model)
    for (const [i, pieces] of texts.entries()) {
      const isAnswer = i === turns.length
      const body = isAnswer ? answer.body : turns[i].text
      if (!pieces) continue
      const number = (at: number) => {
        const place = { ids, at, mask }
        return isAnswer ? panel.count(prompt[at], own, place) : panel.add(prompt[at], place)
      }
      body.replace(pieces.map(({ text, token }) => ({ text, token: number(token) })))
      body.end()
    }
    answer.hasTextsOnly = false
  }
}

/** Pieces of the messages and the answer of each exchange; undefined for a text that the prompt lacks. */
function placesOf(exchanges: readonly Exchange[], prompt: readonly RoutedToken[]) {
  const tokens = prompt.map(({ text }, token): TextPiece => ({ text, token }))
  const found = exchanges.toReversed().map((exchange) => {
    const { answer, turns } = exchange
    // JSON is set out in lines as it comes.
    const texts = [...turns.map(({ text }) => text.text), answer.isJson ? '' : answer.body.text]
    const pieces = texts.toReversed().map((text) => {
      const own = piecesOf(text, tokens)
      // The same text may be there twice, and earlier messages come first.
      if (own) tokens.length = own[0].token
      return own
    })
    return { exchange, texts: pieces.reverse() }
  })
  return found.reverse()
}
