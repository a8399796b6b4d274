import type { GenerationResult, Step } from '../../../../api/generation.js'
import { settle } from '../../../../api/generation-options.js'
import type { Model } from '../../../../api/model.js'
import type { Tokenizer } from '../../../../api/text.js'
import { textOf } from '../../../../engine/session/answer.js'
import { writePrompt } from '../../../../engine/session/prompt.js'
import type { PrefixCache } from '../../../../engine/session/shared/prefix-cache.js'
import { generateShared } from '../../../../engine/session/shared/shared-generation.js'
import { type Answered, takeTurn } from '../../../../engine/session/turn.js'
import { NoRoom, UserError } from '../../../../ground/errors.js'
import type { Awake } from '../../../../insight/usage/awake.js'
import { expertsOf } from '../../../../insight/usage/layers-json.js'
import { systemDropped } from '../../../../text/chat-frame.js'
import { callsJson } from '../../../../text/message-json.js'
import { noRoomMessage } from '../../../io/errors.js'
import { awakeCountFor } from '../awake-count.js'
import { isComplete } from '../complete-value.js'
import { saidIn } from '../said.js'
import { logprobsOf } from '../summary.js'
import { asFlags } from '../warnings.js'
import type { Ask, BatchRequest, RequestId } from './request.js'
import type { RetryAlone } from './retry-alone.js'

/**
 * A line of the output: the object of `run --json`, without timings and memory. Those depend on the other lines, and
 * without them the same input gives the same file.
 */
export interface BatchAnswer {
  id: RequestId
  /** Hashes of the line and of the options: `LINE-OPTIONS`. They show a later run what has changed. */
  request: string
  model: string
  prompt_tokens: number
  tokens: number[]
  text: string
  reasoning_content?: string
  tool_calls?: ReturnType<typeof callsJson>
  finish_reason: GenerationResult['finishReason']
  seed: number
  logprobs?: ReturnType<typeof logprobsOf>[]
  experts?: ReturnType<typeof expertsOf>[]
  awake?: Awake
}

/** A line of the output for a request that cannot be answered. */
export interface BatchError {
  id: RequestId
  error: string
}

export type BatchResult = BatchAnswer | BatchError

/** The context of all answers. */
export interface Answering {
  model: Model
  /** Hash of the options of the command line. */
  options: string
  tokenizer: Tokenizer
  signal: AbortSignal
  /** Sessions of the requests. */
  prefixCache: PrefixCache
  /** Runs the requests, which share the memory of the model. */
  retryAlone: RetryAlone
  /** Called with each note on a request, such as that the chat template ignores its system text. */
  onNote(note: string): void
  /** Called with each answer; it is not complete if it ends within the form that it must have. */
  onAnswer(answered: Answered, isComplete: boolean): void
}

/** Answers a request. An error of the request becomes its result. Rejects when aborted, or if the model fails. */
export async function answer({ id, hash, ask }: BatchRequest, answering: Answering): Promise<BatchResult> {
  try {
    if (ask instanceof UserError) throw ask
    const said = await answering.retryAlone.run(
      () => generated(ask, answering),
      (error) => error instanceof NoRoom,
    )
    return { id, request: `${hash}-${answering.options}`, ...said }
  } catch (error) {
    if (answering.signal.aborted || !(error instanceof UserError)) throw error
    return { id, error: error instanceof NoRoom ? noRoomMessage(error, '`context`') : error.message }
  }
}

async function generated(ask: Ask, answering: Answering): Promise<Omit<BatchAnswer, 'id' | 'request'>> {
  const { model, tokenizer, signal, prefixCache, onNote } = answering
  const { settings, experts, stats = false, prefill, raw: isRaw, tools } = ask
  const isConversation = ask.isConversation || tools !== undefined
  const said = saidIn(ask.prompt, { ...ask, isRaw, isConversation }, model)
  const turn = takeTurn({
    asking: ask,
    tools: () => tools ?? [],
    write: (_, asking) => writePrompt(model, said, asking, { signal }),
    generate: ({ ids }, options) => generateShared(prefixCache, ids, options),
    generation: { ...settings, seed: seedFor(settings, model), routes: experts || stats, signal },
  })
  const awake = awakeCountFor(ask, model)
  const steps: Step[] = []
  let text = prefill
  for await (const event of turn) {
    if (event.kind === 'prompt') {
      if (event.prompt.dropsSystem) onNote(`warning: ${systemDropped(model.name)}`)
      for (const note of event.prompt.notes) onNote(asFlags(note))
    } else if (event.kind === 'token') {
      text += textOf(event.events, 'content')
      awake?.add(event.step)
      if (experts || settings.logprobs !== undefined) steps.push(event.step)
    } else if (event.kind === 'answer') {
      const { result, message, events, promptTokens } = event
      answering.onAnswer(event, isComplete(event, ask))
      return {
        model: model.name,
        prompt_tokens: promptTokens,
        tokens: result.tokens,
        text: text + textOf(events, 'content'),
        ...(message.thinking && { reasoning_content: message.thinking }),
        ...(message.toolCalls?.length && { tool_calls: callsJson(message.toolCalls) }),
        finish_reason: result.finishReason,
        seed: result.seed,
        ...(settings.logprobs !== undefined && { logprobs: steps.map((step) => logprobsOf(step, tokenizer)) }),
        ...(experts && { experts: steps.map(expertsOf) }),
        ...(awake && { awake: awake.counts }),
      }
    }
  }
  throw new Error('a turn ended without an answer')
}

/** An answer at temperature 0 does not depend on its seed: a fixed one gives the same line in every run. */
function seedFor(settings: Ask['settings'], { generationDefaults }: Model): number | undefined {
  const { temperature } = settle(settings, generationDefaults)
  return settings.seed ?? (temperature === 0 ? 0 : undefined)
}
