import type { GenerateOptions, GenerationResult, PromptProgress, Step } from '../../api/generation.js'
import { UserError } from '../../errors.js'
import { GENERATION_OPTIONS } from '../../generation-options.js'
import { type ReadPrompt, readPrompt } from '../api/read-prompt.js'
import type { Serving } from './context.js'
import { type HeldSession, noMemory } from './prefix-cache.js'
import type { Slot, Ticket } from './ticket.js'

/** What is asked of one sequence. */
export interface SequenceAsk {
  /** At least one token, and room for more within the limits. */
  prompt: readonly number[]
  options: Omit<GenerateOptions, 'signal' | 'routes' | 'probabilities' | 'onPromptProgress'>
  /** Score the prompt's tokens too. */
  scorePrompt: boolean
  /** Report the experts of each token, those of the prompt among them. */
  routes: boolean
}

/** The prompt, once it has been read, if it is asked about; then a step for each token. */
export type SequenceEvent = ({ kind: 'prompt' } & ReadPrompt) | { kind: 'step'; step: Step }

export interface SequenceEnd {
  result: Pick<GenerationResult, 'finishReason' | 'text' | 'tokens'>
  /** Tokens of the prompt that an earlier request had left in the cache. */
  cached: number
}

/** Tokens of an answer for which memory is taken at a time: many answers are far shorter than they may be. */
const ANSWER_PART = 256
/** Tokens that the engine may be ahead of an answer's reader, and a few more. */
const AHEAD = 64

/** Waits for its turn and runs a sequence, in a session that has as much of the prompt as any. */
export async function* runSequence(
  serving: Serving,
  ask: SequenceAsk,
  ticket: Ticket,
): AsyncGenerator<SequenceEvent, SequenceEnd> {
  const { sessions, metrics, limits } = serving
  const { prompt } = ask
  const entered = performance.now()
  await sessions.ready()
  const maxTokens = mostTokens(ask, serving)
  const runAll = ask.scorePrompt || ask.routes
  const take = (spare = 0) => sessions.take(prompt, prompt.length + Math.min(maxTokens, ANSWER_PART), runAll, spare)
  let held: HeldSession | undefined
  const slot = await ticket.slot({
    answer: maxTokens,
    unread: () => prompt.length - (runAll ? 0 : sessions.cachedOf(prompt)),
    admit: (kind) => {
      // What pauses holds its memory; quick ones must have theirs meanwhile.
      held = take(kind === 'trial' ? (limits.parallel * limits.quickTokens) / 2 : 0)
      return held !== undefined
    },
  })
  metrics.queued(performance.now() - entered)
  try {
    for (let mayRetry = true; held; mayRetry = false) {
      let isBegun = false
      const events = runIn(held, maxTokens, serving, ask, ticket.signal, slot)
      try {
        for (let next = await events.next(); ; next = await events.next()) {
          if (next.done) return next.value
          isBegun = true
          yield next.value
        }
      } catch (error) {
        // Caches at rest must not keep a sequence from running.
        const mayBeRoom = error instanceof UserError && !isBegun && mayRetry
        if (!mayBeRoom || !sessions.drop()) throw error
      } finally {
        // A reader that leaves ends this generator alone; the session must be at rest before another sequence gets it.
        await events.return(undefined as never).catch(() => undefined)
        sessions.give(held)
        held = undefined
      }
      held = take()
    }
    throw noMemory('there is no memory for this request now')
  } finally {
    slot.giveBack()
  }
}

/** Most tokens that may be generated after a prompt. */
export function mostTokens(
  { prompt, options }: SequenceAsk,
  { limits, model }: Pick<Serving, 'limits' | 'model'>,
): number {
  const asked = options.maxTokens ?? model.generationDefaults.maxTokens ?? GENERATION_OPTIONS.maxTokens.default
  return Math.min(asked ?? Infinity, limits.contextTokens - prompt.length)
}

async function* runIn(
  held: HeldSession,
  maxTokens: number,
  { model, sessions, metrics }: Serving,
  { prompt, options, scorePrompt, routes }: SequenceAsk,
  signal: AbortSignal,
  slot: Slot,
): AsyncGenerator<SequenceEvent, SequenceEnd> {
  const { session, cached, tokens } = held
  const started = performance.now()
  const isRead = scorePrompt || routes
  if (isRead) {
    const top = scorePrompt ? (options.logprobs ?? 0) : undefined
    const read = await readPrompt(model, session, prompt, { top, routes, signal })
    tokens.push(...prompt.slice(0, session.length))
    yield { kind: 'prompt', ...read }
  }
  const rest = prompt.slice(session.length)
  metrics.promptRead(prompt.length, cached)
  if (maxTokens === 0) return { result: { finishReason: 'length', text: '', tokens: [] }, cached }

  const onPromptProgress = ({ processed }: PromptProgress) => {
    held.read = prompt.length - rest.length + processed
  }
  const steps = session.generate(rest, { ...options, maxTokens, routes, signal, onPromptProgress })
  tokens.push(...rest)
  let lastAt = started
  try {
    for (;;) {
      const { done, value } = await steps.next()
      if (done) return { result: value, cached }
      tokens.push(value.token)
      const isNear = tokens.length + AHEAD >= held.room && held.room < prompt.length + maxTokens
      if (isNear) sessions.extend(held, Math.min(held.room + ANSWER_PART, prompt.length + maxTokens))
      const now = performance.now()
      metrics.generated(now - lastAt, value.index === 0)
      lastAt = now
      yield { kind: 'step', step: value }
      // Its next token is not asked for before that, so the engine does not go on either.
      const isOver = value.index + 1 >= slot.answerTokens && value.index + 1 < maxTokens
      if (!isOver) continue
      await slot.goOn()
      lastAt = performance.now()
    }
  } finally {
    // Left early: what the engine computed ahead is taken back before another sequence gets the session.
    await steps.return(undefined as never)
  }
}
