import type { GenerateOptions, GenerationResult, PromptProgress } from '../../api/generation.js'
import { eventsOf } from '../../api/generation-events.js'
import type { Session } from '../../api/session.js'
import { readAhead } from './read-ahead.js'
import type { AnswerWatcher, RunningAnswer } from './running-answer.js'

interface AnswerRun {
  /** Tokens before the answer that the session has not read. */
  fresh: readonly number[]
  /** Number of tokens at their end whose experts were not reported before. */
  unreported: number
  watcher: AnswerWatcher
}

/** Has a session read a prompt and write an answer, token by token, with their experts. */
export async function runAnswer(
  session: Session,
  answer: RunningAnswer,
  { fresh, unreported, watcher }: AnswerRun,
  options: GenerateOptions,
): Promise<GenerationResult | undefined> {
  const { signal, context } = options
  const rest = await readAhead(session, fresh, { unreported, watcher, signal, context })
  const onPromptProgress = (progress: PromptProgress) => watcher.progress(progress)
  const generation = session.generate(rest, { ...options, routes: true, probabilities: true, onPromptProgress })
  for await (const { step, result } of eventsOf(generation)) {
    if (!step) return result
    signal?.throwIfAborted()
    answer.add(step)
  }
  return undefined
}
