import type { Model } from '../../api/model.js'
import type { EncodeAsyncOptions } from '../../api/text.js'
import { type Prompt, writePrompt } from '../../engine/session/prompt.js'
import { Busy, UserError } from '../../ground/errors.js'
import { systemDropped } from '../../text/chat-frame.js'
import { refused } from '../common/api-error.js'
import type { ServerContext } from '../http/context.js'
import { withFields } from '../http/errors.js'
import type { BegunAnswer } from '../http/respond.js'
import { answerBytes } from '../run/answer-bytes.js'
import type { ChoiceSpec } from '../run/choice.js'
import { Choices, checkCount, checkSpecs } from '../run/choices.js'
import { tokenizerOf } from '../run/context.js'
import type { Ticket } from '../run/queue.js'
import { formOf, maskOf, routesOf, saidOf, thinkingOf, toolsOf } from './asked.js'
import type { ChatBody, CompletionBody } from './fields.js'
import { type GapTokens, gapPrompt, requireGapTokens } from './fill-in-middle.js'
import { samplingOf } from './sampling-fields.js'

export interface BegunChat extends BegunAnswer {
  prompt: ChatPrompt
}

export interface BegunCompletion extends BegunAnswer {
  prompts: Echoed[]
}

/** A prompt's ids and, for `echo`, its text; empty for ids that are not echoed. */
export interface Echoed {
  tokens: number[]
  text: string
}

interface BeginOptions {
  ticket: Ticket
  /** Most tokens of prompt and answer together if the body has no `max_tokens`. */
  room?: number
}

/**
 * Writes the prompt of a conversation, and checks all that the request asks for. Rejects with an ApiError, or with a
 * UserError if the model cannot do that.
 */
export async function beginChat(
  context: ServerContext,
  body: ChatBody,
  { ticket, room }: BeginOptions,
): Promise<BegunChat> {
  const mask = maskOf(body, context)
  const { field, ...form } = formOf(body, context)
  const tools = toolsOf(body, context)
  const { args, ...thinking } = thinkingOf(body)
  const asking = { ...thinking, ...tools, ...form }
  const { system = '' } = context
  const said = saidOf(body)
  const prompt = await chatPrompt(context, { ...said, system: said.system || system, args }, asking, ticket.signal)
  const { ids, reading, stop } = prompt
  const { guide } = prompt.limits
  const { top_logprobs: top = 0, logprobs, max_completion_tokens: maxTokens = body.max_tokens } = body
  const limits = { maxTokens, stop: [...stop, ...(body.stop ?? [])], logprobs: top, guide }
  const begun = await begin(context, body, {
    specs: [{ prompt: ids, reading, options: limits, scorePrompt: false, mask }],
    ...{ ticket, room, form: { guide }, field: field ?? (tools.tools && 'tools') },
    scores: logprobs ? 1 + top : 0,
    hasCalls: (reading.tools ?? []).length > 0,
  })
  return { prompt, ...begun }
}

/** Encodes prompts and checks all that the request asks for. Rejects with an ApiError or a UserError. */
export async function beginCompletion(
  context: ServerContext,
  body: CompletionBody,
  { ticket, room }: BeginOptions,
): Promise<BegunCompletion> {
  const mask = maskOf(body, context)
  const { field, ...form } = formOf(body, context)
  const gap = await gapOf(body, context)
  const prompts = await promptsOf(body, gap, context, ticket.signal)
  const { max_tokens: maxTokens, logprobs, echo = false } = body
  const limits = { maxTokens, stop: [...(body.stop ?? []), ...(gap?.ends ?? [])], logprobs: logprobs ?? 0, ...form }
  const scorePrompt = echo && logprobs !== undefined
  const begun = await begin(context, body, {
    specs: prompts.map(({ tokens: prompt }) => ({ prompt, reading: PLAIN, options: limits, scorePrompt, mask })),
    ...{ ticket, room, form, field },
    scores: logprobs === undefined ? 0 : 1 + logprobs,
  })
  return { prompts, ...begun }
}

/** All of a completion is text. */
export const PLAIN = { prompt: '', isAnswer: false, isTurn: false }

interface Written extends BeginOptions {
  specs: Omit<ChoiceSpec, 'routes'>[]
  /** Form of the answer, and the field that asks for it. */
  form: Parameters<Model['checkConstraint']>[0]
  field?: string
  /** Log-probabilities of each token. */
  scores: number
  hasCalls?: boolean
}

async function begin(context: ServerContext, body: ChatBody | CompletionBody, written: Written): Promise<BegunAnswer> {
  const { ticket, room, form, field, ...answer } = written
  const { n = 1, stream: isStream = false } = body
  const specs = written.specs.map(({ options, ...spec }) => {
    // An answer has at least one token.
    const left = room === undefined ? undefined : Math.max(1, room - spec.prompt.length)
    const all = { ...samplingOf('openai', body), ...options, maxTokens: options.maxTokens ?? left }
    return { ...spec, options: all, ...routesOf(body), progress: isStream && body.return_progress }
  })
  checkSpecs(specs, n, context)
  if (field !== undefined) await checkForm(context.model, { ...form, signal: ticket.signal }, field)
  const bytes = answerBytes(specs, { ...answer, n, isStream }, context)
  return { choices: new Choices(context, specs, n, ticket), bytes }
}

/** Checks the form of an answer before a stream begins, since its status cannot change later. */
async function checkForm(model: Model, form: Written['form'], field: string): Promise<void> {
  try {
    await model.checkConstraint(form)
  } catch (error) {
    if (!(error instanceof UserError) || error instanceof Busy) throw error
    throw refused(field, withFields(error.phrase))
  }
}

/** A prompt with notes that name fields of the request. */
type ChatPrompt = Omit<Prompt, 'notes'> & { notes: string[] }

async function chatPrompt(
  context: ServerContext,
  said: Parameters<typeof writePrompt>[1],
  asking: Parameters<typeof writePrompt>[2],
  signal: AbortSignal,
): Promise<ChatPrompt> {
  const { chatTemplate, generationDefaults, tokenizer } = context.model
  const model = { chatTemplate, generationDefaults, tokenizer, name: context.id }
  try {
    const prompt = await writePrompt(model, said, asking, { encode: encoderOf(context), signal })
    const notes = prompt.dropsSystem ? [...prompt.notes, systemDropped(context.id)] : prompt.notes
    return { ...prompt, notes: notes.map(withFields) }
  } catch (error) {
    const isForTools = asking.tools && error instanceof UserError && /\btools?\b/.test(error.message)
    throw isForTools ? refused('tools', withFields(error.phrase)) : error
  }
}

/** Tokens for a body with a suffix. Rejects with an ApiError if the model has none. */
async function gapOf({ suffix = '', echo }: CompletionBody, context: ServerContext): Promise<GapTokens | undefined> {
  if (suffix === '') return undefined
  if (!echo) return requireGapTokens(context)
  throw refused('echo', '"echo" and "suffix" exclude each other; send one of them')
}

async function promptsOf(
  { prompt: given, suffix = '', echo, n = 1 }: CompletionBody,
  gap: GapTokens | undefined,
  context: ServerContext,
  signal: AbortSignal,
): Promise<Echoed[]> {
  const encode = encoderOf(context)
  const isMany = Array.isArray(given) && typeof given[0] !== 'number'
  const all = (isMany ? given : [given]) as (string | number[])[]
  checkCount(all.length, n, context)
  const prompts: Echoed[] = []
  for (const one of all) {
    if (gap) prompts.push({ tokens: await gapPrompt(context, gap, [one, suffix], { encode, signal }), text: '' })
    else if (typeof one === 'string') prompts.push({ tokens: await encode(one, { signal }), text: one })
    else prompts.push({ tokens: one, text: echo ? await echoOf(one, context, signal) : '' })
  }
  return prompts
}

/** Text of a prompt's ids; empty for a prompt that will be refused for its length. */
async function echoOf(tokens: number[], context: ServerContext, signal: AbortSignal): Promise<string> {
  if (tokens.length >= context.limits.contextTokens) return ''
  return (await tokenizerOf(context)?.decodeAsync(tokens, { signal })) ?? ''
}

/** Encodes prompts. Rejects with an ApiError, without encoding all of it, if one is too long for the context. */
function encoderOf({ model, limits }: ServerContext) {
  return async (text: string, options: EncodeAsyncOptions): Promise<number[]> => {
    // The last position is for the first token of the answer.
    const most = limits.contextTokens - 1
    const tokens = await model.tokenizer.encodeUpTo(text, most, options)
    if (tokens) return tokens
    const message = `the prompt has more than ${most} tokens; the limit is ${limits.contextTokens}, including the answer`
    throw refused('prompt', message, 'context_length_exceeded')
  }
}
