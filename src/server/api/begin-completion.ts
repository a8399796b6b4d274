import { ApiError } from '../common/api-error.js'
import type { ServerContext } from '../http/context.js'
import { answerBytes } from '../run/answer-memory.js'
import { Choices, checkCount, checkSpecs } from '../run/choices.js'
import { tokenizerOf } from '../run/context.js'
import { requestMask } from '../run/request-mask.js'
import type { Ticket } from '../run/ticket.js'
import { roomLeft } from './begin-chat.js'
import { checkForm } from './check-form.js'
import type { CompletionBody } from './completion-body.js'
import { constraintOf } from './constraint-fields.js'
import { encodePrompt } from './encode-prompt.js'
import { type GapTokens, gapPrompt, requireGapTokens } from './fill-in-middle.js'
import { isProgressAsked, optionsOf, routesAsked } from './request-options.js'

/** A prompt's ids and, for `echo`, its text; empty for ids that are not echoed. */
export interface Prompt {
  tokens: number[]
  text: string
}

/** A request whose prompts have been encoded, ready to run. */
export interface BegunCompletion {
  prompts: Prompt[]
  choices: Choices
  /** Maximum bytes of the response. */
  bytes: number
}

/**
 * Encodes prompts and checks all that the request asks for. `room` bounds the tokens of prompt and answer together if the
 * body has no `max_tokens`. Rejects with an ApiError or a UserError.
 */
export async function beginCompletion(
  context: ServerContext,
  body: CompletionBody,
  ticket: Ticket,
  room?: number,
): Promise<BegunCompletion> {
  const n = body.n ?? 1
  const mask = requestMask(body.mask, context)
  const { field, ...constraint } = constraintOf(body, context)
  const gap = await gapOf(body, context)
  const prompts = await promptsOf(body, gap, context, ticket.signal)
  const { logprobs, echo = false } = body
  const stop = [...(body.stop ?? []), ...(gap?.ends ?? [])]
  const options = { ...optionsOf(body), ...constraint, stop, logprobs: logprobs ?? 0 }
  const specs = prompts.map(({ tokens: prompt }) => {
    const maxTokens = body.max_tokens ?? roomLeft(room, prompt)
    const scorePrompt = echo && logprobs !== undefined
    const asked = { ...routesAsked(body), progress: isProgressAsked(body), mask }
    return { prompt, reading: PLAIN, options: { ...options, maxTokens }, scorePrompt, ...asked }
  })
  checkSpecs(specs, n, context)
  await checkForm(context.model, { ...constraint, signal: ticket.signal }, field)
  const scores = logprobs === undefined ? 0 : 1 + logprobs
  const bytes = answerBytes(specs, { n, scores, isStream: body.stream ?? false }, context)
  return { prompts, choices: new Choices(context, specs, n, ticket), bytes }
}

/** All of a completion is text. */
const PLAIN = { prompt: '', isAnswer: false, isTurn: false }

/** Tokens for a body with a suffix. Rejects with an ApiError if the model has none. */
async function gapOf({ suffix = '', echo }: CompletionBody, context: ServerContext): Promise<GapTokens | undefined> {
  if (suffix === '') return undefined
  if (!echo) return requireGapTokens(context)
  throw new ApiError(400, '"echo" and "suffix" exclude each other; send one of them', { param: 'echo' })
}

async function promptsOf(
  body: CompletionBody,
  gap: GapTokens | undefined,
  context: ServerContext,
  signal: AbortSignal,
): Promise<Prompt[]> {
  const { prompt: given, suffix = '', echo, n = 1 } = body
  const isMany = Array.isArray(given) && typeof given[0] !== 'number'
  const all = (isMany ? given : [given]) as (string | number[])[]
  checkCount(all.length, n, context)
  const prompts: Prompt[] = []
  for (const one of all) {
    if (gap) prompts.push({ tokens: await gapPrompt(context, gap, [one, suffix], signal), text: '' })
    else if (typeof one !== 'string')
      prompts.push({ tokens: one, text: echo ? await echoOf(one, context, signal) : '' })
    else prompts.push({ tokens: await encodePrompt(context, one, { signal }), text: one })
  }
  return prompts
}

/** Text of a prompt's ids; empty for a prompt that will be refused for its length. */
async function echoOf(tokens: number[], context: ServerContext, signal: AbortSignal): Promise<string> {
  if (tokens.length >= context.limits.contextTokens) return ''
  return (await tokenizerOf(context)?.decodeAsync(tokens, { signal })) ?? ''
}
