import { UserError } from '../errors.js'
import type { GenerateOptions, GenerationResult, Step } from '../generation/types.js'
import { GENERATION_OPTIONS } from '../generation-options.js'
import type { Ticket } from './queue.js'
import { type ReadPrompt, readPrompt } from './read-prompt.js'
import type { Serving } from './serving.js'
import type { HeldSession } from './sessions.js'

/** What is asked of one sequence. */
export interface SequenceAsk {
  /** At least one token, and room for more within the limits. */
  prompt: readonly number[]
  options: Omit<GenerateOptions, 'signal' | 'routes' | 'probabilities' | 'onPromptProgress'>
  /** Score the prompt's tokens too. */
  scorePrompt: boolean
  /** Tell the experts of each token, those of the prompt among them. */
  routes: boolean
}

/** What comes of it: the prompt, once it has been read where it is asked about, then a step for each token. */
export type SequenceEvent = ({ kind: 'prompt' } & ReadPrompt) | { kind: 'step'; step: Step }

export interface SequenceEnd {
  result: Pick<GenerationResult, 'finishReason' | 'text' | 'tokens'>
  /** Tokens of the prompt that an earlier request had left in the cache. */
  cached: number
}

/** Waits for its turn and runs a sequence, in a session that has as much of the prompt as any. */
export async function* runSequence(
  serving: Serving,
  ask: SequenceAsk,
  ticket: Ticket,
): AsyncGenerator<SequenceEvent, SequenceEnd> {
  const { sessions, metrics } = serving
  const entered = performance.now()
  const release = await ticket.slot()
  metrics.queued(performance.now() - entered)
  try {
    for (let mayRetry = true; ; mayRetry = false) {
      let isBegun = false
      const held = sessions.take(ask.prompt, ask.scorePrompt || ask.routes)
      try {
        const events = runIn(held, serving, ask, ticket.signal)
        for (let next = await events.next(); ; next = await events.next()) {
          if (next.done) return next.value
          isBegun = true
          yield next.value
        }
      } catch (error) {
        // Caches at rest must not keep anybody from running.
        const mayBeRoom = error instanceof UserError && !isBegun && mayRetry
        if (!mayBeRoom || !sessions.drop()) throw error
      } finally {
        sessions.give(held)
      }
    }
  } finally {
    release()
  }
}

async function* runIn(
  held: HeldSession,
  { model, limits, metrics }: Serving,
  { prompt, options, scorePrompt, routes }: SequenceAsk,
  signal: AbortSignal,
): AsyncGenerator<SequenceEvent, SequenceEnd> {
  const { session, cached, tokens } = held
  const started = performance.now()
  const maxTokens = Math.min(
    options.maxTokens ?? model.generationDefaults.maxTokens ?? (GENERATION_OPTIONS.maxTokens.default as number),
    limits.contextTokens - prompt.length,
  )
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

  const steps = session.generate(rest, { ...options, maxTokens, routes, signal })
  tokens.push(...rest)
  let lastAt = started
  try {
    for (;;) {
      const { done, value } = await steps.next()
      if (done) return { result: value, cached }
      tokens.push(value.token)
      const now = performance.now()
      metrics.generated(now - lastAt, value.index === 0)
      lastAt = now
      yield { kind: 'step', step: value }
    }
  } finally {
    // Left early: what the engine computed ahead is taken back before the session is given to anybody else.
    await steps.return(undefined as never)
  }
}
