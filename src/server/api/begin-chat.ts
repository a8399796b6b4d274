import type { ServerContext } from '../http/context.js'
import { answerBytes } from '../run/answer-memory.js'
import { Choices, checkSpecs } from '../run/choices.js'
import { requestMask } from '../run/request-mask.js'
import type { Ticket } from '../run/ticket.js'
import type { ChatBody } from './chat-body.js'
import { type ChatPrompt, chatPrompt } from './chat-prompt.js'
import { checkForm } from './check-form.js'
import { isProgressAsked, optionsOf, routesAsked } from './request-options.js'

/** A request whose prompt has been written, ready to run. */
export interface BegunChat {
  prompt: ChatPrompt
  choices: Choices
  /** Maximum bytes of the response. */
  bytes: number
}

/**
 * Writes the prompt of a conversation, and checks all that the request asks for. `room` bounds the tokens of prompt and answer
 * together if the body has no `max_tokens`. Rejects with an ApiError or a UserError.
 */
export async function beginChat(
  context: ServerContext,
  body: ChatBody,
  ticket: Ticket,
  room?: number,
): Promise<BegunChat> {
  const { signal } = ticket
  const mask = requestMask(body.mask, context)
  const written = await chatPrompt(body, context, signal)
  const {
    ids: prompt,
    reading,
    asks,
    limits: { guide },
  } = written
  const stop = [...written.stop, ...(body.stop ?? [])]
  const maxTokens = body.max_completion_tokens ?? body.max_tokens ?? roomLeft(room, prompt)
  const options = { ...optionsOf(body), maxTokens, stop, logprobs: body.top_logprobs ?? 0, guide }
  const spec = {
    prompt,
    reading,
    options,
    scorePrompt: false,
    ...routesAsked(body),
    progress: isProgressAsked(body),
    mask,
  }
  const n = body.n ?? 1
  checkSpecs([spec], n, context)
  const scores = body.logprobs ? 1 + options.logprobs : 0
  await checkForm(context.model, { guide, signal }, asks)
  const hasCalls = (reading.tools ?? []).length > 0
  const bytes = answerBytes([spec], { n, scores, isStream: body.stream ?? false, hasCalls }, context)
  return { prompt: written, choices: new Choices(context, [spec], n, ticket), bytes }
}

/** Tokens that an answer may have after a prompt; at least one. */
export function roomLeft(room: number | undefined, prompt: readonly number[]): number | undefined {
  return room === undefined ? undefined : Math.max(1, room - prompt.length)
}
