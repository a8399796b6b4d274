import type { Model } from '../../api/model.js'
import type { TextColour } from '../../experts/text-colours.js'
import { type Asking, hasForm } from '../../session/prompt.js'
import type { Background } from '../../terminal/ramps.js'
import type { TokenMap } from '../map/token-map.js'
import { type AnswerToken, answerAwake } from './answer-tokens.js'
import { callInWords } from './call-words.js'
import { colourAnswer, spansWithin } from './colouring.js'
import type { ChatItem, ItemExtra, ItemSpan } from './items.js'
import { endNotes } from './notes.js'
import type { FinishedAnswer } from './running-answer.js'

interface ShownAnswer {
  model: Model
  map: TokenMap
  /** Tokens of the answer; absent if some must be read again. */
  tokens?: readonly AnswerToken[]
  /** Absent: no colours. */
  colour?: TextColour
  /** How the model was asked. */
  asking: Asking
}

interface AnswerScreen {
  readonly background: Background
  say(kind: ChatItem['kind'], text: string, extra?: ItemExtra): void
}

/** Shows the last answer to a question, with its experts, its calls and notes about its end. */
export function showAnswer(screen: AnswerScreen, answer: FinishedAnswer, shown: ShownAnswer): void {
  const { model, map, tokens, asking } = shown
  const text = answer.text.trimEnd()
  const footer = tokens && answerAwake(tokens, model.config)
  const isLiteral = hasForm(asking)
  screen.say('answer', text, { footer, spans: coloured(text, screen.background, shown), isLiteral })
  for (const call of answer.calls ?? []) screen.say('call', callInWords(call))
  if (answer.calls) screen.say('note', `${model.name} calls a tool, and the chat has none: molm chat --mcp adds some`)
  for (const note of endNotes(answer, map.answerLength, isLiteral)) screen.say('note', note)
}

function coloured(
  text: string,
  background: Background,
  { model, map, tokens, colour }: ShownAnswer,
): ItemSpan[] | undefined {
  if (!tokens || !colour) return undefined
  return spansWithin(text, colourAnswer(tokens, colour, { model, background, atlas: map.atlas }).spans)
}
