import type { Model } from '../../api/model.js'
import type { EncodeAsyncOptions } from '../../api/text.js'
import { type Prompt, type Said, writePrompt } from '../../engine/session/prompt.js'
import type { SessionMask } from '../../engine/session/shared/nearest-session.js'
import { Busy, UserError } from '../../ground/errors.js'
import { sha256Hex } from '../../ground/platform/checksums.js'
import { type ExpertMask, layerMasks } from '../../model/config/expert-mask.js'
import { checkInterventions } from '../../model/config/intervention.js'
import { maskSpecs, parseMask } from '../../model/config/mask-spec.js'
import { systemDropped } from '../../text/chat-frame.js'
import { ToolError } from '../../text/prompt/asked.js'
import { refused, refusedParam } from '../common/api-error.js'
import type { ServerContext } from '../http/context.js'
import type { BegunAnswer } from '../http/respond.js'
import type { ChoiceSpec } from '../run/choice.js'
import { answerBytes, Choices, checkCount, checkSpecs } from '../run/choices.js'
import { tokenizerOf } from '../run/context.js'
import type { Ticket } from '../run/queue.js'
import { type GapTokens, gapPrompt, requireGapTokens } from './fill-in-middle.js'
import type { ChatRequest, CompletionRequest, Constraint } from './request.js'

export interface BegunChat extends BegunAnswer {
  request: ChatRequest
  prompt: Prompt
}

export interface BegunCompletion extends BegunAnswer {
  request: CompletionRequest
  prompts: Echoed[]
}

/** A prompt's ids and, for `echo`, its text; empty for ids that are not echoed. */
export interface Echoed {
  tokens: number[]
  text: string
}

/**
 * Writes the prompt of a conversation, and checks all that the request asks for. Rejects with an ApiError, or with a
 * UserError if the model cannot do that.
 */
export async function beginChat(context: ServerContext, request: ChatRequest, ticket: Ticket): Promise<BegunChat> {
  const { constraint, tools } = request
  const mask = maskOf(request, context)
  checkLength(constraint, context)
  const prompt = await chatPrompt(context, request, ticket.signal)
  const { ids, reading, stop, limits } = prompt
  const begun = await begin(context, request, {
    specs: [{ prompt: ids, reading }],
    stop: [...stop, ...(request.options.stop ?? [])],
    ...{ ticket, mask, form: { guide: limits.guide }, param: constraint?.param ?? (tools && 'tools') },
    hasCalls: (reading.tools ?? []).length > 0,
  })
  return { request, prompt, ...begun }
}

/** Encodes prompts and checks all that the request asks for. Rejects with an ApiError or a UserError. */
export async function beginCompletion(
  context: ServerContext,
  request: CompletionRequest,
  ticket: Ticket,
): Promise<BegunCompletion> {
  const mask = maskOf(request, context)
  checkLength(request.constraint, context)
  const gap = request.suffix ? await requireGapTokens(context) : undefined
  const prompts = await promptsOf(request, gap, context, ticket.signal)
  const { param, ...form } = request.constraint ?? {}
  const begun = await begin(context, request, {
    specs: prompts.map(({ tokens: prompt }) => ({ prompt, reading: PLAIN })),
    stop: [...(request.options.stop ?? []), ...(gap?.ends ?? [])],
    scorePrompt: request.echo && request.report.logprobs !== undefined,
    ...{ ticket, mask, form, param },
  })
  return { request, prompts, ...begun }
}

/** All of a completion is text. */
export const PLAIN = { prompt: '', isAnswer: false, isTurn: false }

interface Written {
  ticket: Ticket
  mask?: SessionMask
  specs: Pick<ChoiceSpec, 'prompt' | 'reading'>[]
  stop: string[]
  scorePrompt?: boolean
  /** Form of the answer, and the field of the body that asks for it. */
  form: Parameters<Model['checkConstraint']>[0]
  param?: string
  hasCalls?: boolean
}

async function begin(
  context: ServerContext,
  request: ChatRequest | CompletionRequest,
  { ticket, mask, specs: written, stop, scorePrompt = false, form, param, hasCalls }: Written,
): Promise<BegunAnswer> {
  const { options, n = 1, isStream = false, room, report } = request
  const { logprobs, routes, packedRoutes } = report
  const specs = written.map(({ prompt, reading }): ChoiceSpec => {
    // An answer has at least one token.
    const left = room && Math.max(1, room - prompt.length)
    return {
      prompt,
      reading,
      options: { ...options, stop, maxTokens: options.maxTokens ?? left, logprobs: logprobs ?? 0, ...form },
      scorePrompt,
      routes: routes !== undefined,
      promptRoutes: routes === 'all',
      progress: isStream && report.progress,
      mask,
    }
  })
  checkSpecs(specs, n, context)
  const { signal, client } = ticket
  if (param !== undefined) await checkForm(context.model, { ...form, signal, client }, param)
  const scores = logprobs === undefined ? 0 : 1 + logprobs
  // Packed experts are held until the end, in a stream, too.
  const bytes = answerBytes(specs, { n, scores, isStream: isStream && !packedRoutes, hasCalls }, context)
  return { choices: new Choices(context, specs, n, ticket), bytes }
}

/**
 * Reads a request's mask and interventions; undefined if it has none. `always` is the mask of all requests. Throws an
 * ApiError if they are wrong, or if both masks leave too few experts.
 */
export function maskOf(
  { mask: specs = [], interventions = [] }: Pick<ChatRequest, 'mask' | 'interventions'>,
  { model: { config }, mask: always }: { model: Pick<Model, 'config'>; mask?: ExpertMask },
): SessionMask | undefined {
  if (specs.length === 0 && interventions.length === 0) return undefined
  let field: 'mask' | 'interventions' = 'interventions'
  try {
    checkInterventions(interventions, config)
    field = 'mask'
    const mask = { ...parseMask(specs, config), ...(interventions.length > 0 && { interventions }) }
    layerMasks(always ? [always, mask] : [mask], config)
    const changes = interventions.length > 0 ? ` ${sha256Hex(Buffer.from(JSON.stringify(interventions)))}` : ''
    return { mask, key: maskSpecs(mask).join(' ') + changes }
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    throw refused(field, error.message, 'invalid_value')
  }
}

/** Throws an ApiError if a constraint is too long to be read. */
export function checkLength(constraint: Constraint | undefined, { limits }: Pick<ServerContext, 'limits'>): void {
  if (!constraint) return
  const { param, schema, grammar, regex } = constraint
  const { length } = grammar ?? regex ?? JSON.stringify(schema)
  if (length <= limits.constraintCharacters) return
  const message = `"${param}" has ${length} characters; the limit is ${limits.constraintCharacters}`
  throw refusedParam(param, message, 'too_large')
}

/** Checks the form of an answer before a stream begins, since its status cannot change later. */
async function checkForm(model: Model, form: Written['form'], param: string): Promise<void> {
  try {
    await model.checkConstraint(form)
  } catch (error) {
    if (!(error instanceof UserError) || error instanceof Busy) throw error
    throw refusedParam(param, error.phrase)
  }
}

/** A conversation. Without a template, the system text comes first and without a name, as in the terminal. */
function saidOf({ messages, args }: ChatRequest, { system = '' }: Pick<ServerContext, 'system'>): Said {
  const [first, ...others] = messages
  const isSystem = first.role === 'system' && others.length > 0
  return isSystem ? { messages: others, system: first.content || system, args } : { messages, system, args }
}

/** Writes the prompt of a conversation. Rejects with an ApiError or a UserError. */
export async function chatPrompt(context: ServerContext, request: ChatRequest, signal: AbortSignal): Promise<Prompt> {
  const { chatTemplate, generationDefaults, tokenizer } = context.model
  const model = { chatTemplate, generationDefaults, tokenizer, name: context.id }
  const { constraint: { param, ...form } = {}, think, thinkBudget, tools, toolChoice, parallelToolCalls } = request
  const asking = { think, thinkBudget, tools, toolChoice, parallelToolCalls, ...form }
  try {
    const prompt = await writePrompt(model, saidOf(request, context), asking, { encode: encoderOf(context), signal })
    return prompt.dropsSystem ? { ...prompt, notes: [...prompt.notes, systemDropped(context.id)] } : prompt
  } catch (error) {
    throw tools && error instanceof ToolError ? refused('tools', error.phrase) : error
  }
}

async function promptsOf(
  { prompts: given, suffix = '', echo, n = 1 }: CompletionRequest,
  gap: GapTokens | undefined,
  context: ServerContext,
  signal: AbortSignal,
): Promise<Echoed[]> {
  const encode = encoderOf(context)
  checkCount(given.length, n, context)
  const prompts: Echoed[] = []
  for (const one of given) {
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
