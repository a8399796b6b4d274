import type { GenerationResult, PromptProgress, Step } from '../../../../api/generation.js'
import { eventsOf, resultOf } from '../../../../api/generation-events.js'
import type { Model } from '../../../../api/model.js'
import type { Tokenizer } from '../../../../api/text.js'
import { NoRoom, UserError } from '../../../../errors.js'
import type { Awake } from '../../../../experts/awake.js'
import { expertsOf } from '../../../../experts/layers-json.js'
import { settle } from '../../../../generation-options.js'
import type { HeldSession } from '../../../../server/run/held-session.js'
import { AnswerReader } from '../../../../text/answer-reader.js'
import { systemDropped } from '../../../../text/chat-frame.js'
import { callsJson } from '../../../../text/message-json.js'
import { noRoomMessage } from '../../../io/errors.js'
import { type AwakeCount, awakeCountFor } from '../awake-count.js'
import { isComplete } from '../complete-value.js'
import { renderPrompt } from '../render-prompt.js'
import { textOf } from '../run-writer.js'
import { logprobsOf } from '../summary.js'
import { asFlags } from '../warnings.js'
import type { Ask, BatchRequest, RequestId } from './request.js'
import type { RetryAlone } from './retry-alone.js'
import type { SharedPrompts } from './shared-prompts.js'

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
  prompts: SharedPrompts
  /** Runs the requests, which share the memory of the model. */
  retryAlone: RetryAlone
  /** Called with each note on a request, such as that the chat template ignores its system text. */
  onNote(note: string): void
  /** Called if an answer ends within the form that it must have. */
  onCutOff(): void
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
  const { model, tokenizer, signal } = answering
  const { prompt, settings, experts, stats = false, prefill } = ask
  const frame = await renderPrompt(model, prompt, ask, { ...ask, stop: settings.stop, signal })
  if (frame.dropsSystem) answering.onNote(`warning: ${systemDropped(model.name)}`)
  for (const note of frame.notes) answering.onNote(asFlags(note))
  const ids = await tokenizer.encodeAsync(frame.text, { ...frame.encoding, signal })
  const begun = async (held: HeldSession): Promise<Omit<BatchAnswer, 'id' | 'request'>> => {
    const awake = awakeCountFor(ask, model)
    const seed = seedFor(settings, model)
    const onPromptProgress = ({ processed }: PromptProgress) => {
      held.read = held.cached + processed
    }
    const listening = { signal, onPromptProgress }
    const options = { ...settings, ...frame.limits, seed, stop: frame.stop, routes: experts || stats, ...listening }
    const steps = held.session.generate(ids.slice(held.cached), options)
    const keeps = experts || settings.logprobs !== undefined
    const { kept, result } = await allSteps(steps, keeps, awake)
    const reader = new AnswerReader(frame.reading)
    const events = [...reader.add(result.text), ...reader.end(result.finishReason === 'length')]
    const { message } = reader
    if (!isComplete({ message, result }, ask)) answering.onCutOff()
    return {
      model: model.name,
      prompt_tokens: ids.length,
      tokens: result.tokens,
      text: prefill + textOf(events, 'content'),
      ...(message.thinking && { reasoning_content: message.thinking }),
      ...(message.toolCalls?.length && { tool_calls: callsJson(message.toolCalls) }),
      finish_reason: result.finishReason,
      seed: result.seed,
      ...(settings.logprobs !== undefined && { logprobs: kept.map((step) => logprobsOf(step, tokenizer)) }),
      ...(experts && { experts: kept.map(expertsOf) }),
      ...(awake && { awake: awake.counts }),
    }
  }
  return answering.prompts.with(ids, begun, signal)
}

/** An answer at temperature 0 does not depend on its seed: a fixed one gives the same line in every run. */
function seedFor(settings: Ask['settings'], { generationDefaults }: Model): number | undefined {
  const { temperature } = settle(settings, generationDefaults)
  return settings.seed ?? (temperature === 0 ? 0 : undefined)
}

/** Runs a generation to its end. Collects its steps with `keep`, and counts their experts; else the result is enough. */
async function allSteps(
  generation: AsyncGenerator<Step, GenerationResult>,
  keep: boolean,
  awake: AwakeCount | undefined,
): Promise<{ kept: Step[]; result: GenerationResult }> {
  if (!keep && !awake) return { kept: [], result: await resultOf(generation) }
  const kept: Step[] = []
  let last: GenerationResult | undefined
  for await (const { step, result } of eventsOf(generation)) {
    if (step && keep) kept.push(step)
    if (step) awake?.add(step)
    last = result
  }
  return { kept, result: last as GenerationResult }
}
