import type { GenerateOptions, GenerationResult, PromptProgress, Step } from '../../../api/generation.js'
import { eventsOf } from '../../../api/generation-events.js'
import { NoMemory, NoRoom } from '../../../ground/errors.js'
import type { HeldSession } from './held-session.js'
import type { SessionMask } from './nearest-session.js'
import type { PrefixCache } from './prefix-cache.js'

/** A generation after a prompt, and what it saves. */
export interface Generation {
  steps: AsyncGenerator<Step, GenerationResult>
  /** Tokens of the prompt that need not be read; known with the first step. */
  readonly cachedTokens: number
}

/** Generates after a prompt in the session that has most of it. */
export function generateShared(cache: PrefixCache, prompt: readonly number[], options: GenerateOptions): Generation {
  const take = () => {
    const held = cache.take(prompt, prompt.length, { runAll: false })
    if (held) return held
    throw new NoMemory('there is not enough memory for this prompt now')
  }
  const steps = inSharedSession(cache, { take, signal: options.signal }, (held) => {
    generation.cachedTokens = held.cached
    return generateIn(held, options)
  })
  const generation = { cachedTokens: 0, steps }
  return generation
}

interface SharedHooks<T> {
  /** Takes a session; `isAgain` for the second try. Throws a NoMemory if there is none. */
  take(isAgain: boolean): HeldSession
  mask?: SessionMask
  signal?: AbortSignal
  /** Whether a value, once the reader has it, rules out a second try. Default: all do. */
  isFinal?(value: T): boolean
}

/**
 * Works in a session that has the beginning of a prompt, and which then rests for later prompts. If the engine has no room,
 * sessions at rest are dropped, and another session tries once more.
 */
export async function* inSharedSession<T extends object, R extends object>(
  cache: PrefixCache,
  { take, mask, signal, isFinal = () => true }: SharedHooks<T>,
  work: (held: HeldSession) => AsyncGenerator<T, R>,
): AsyncGenerator<T, R> {
  for (let isAgain = false; ; isAgain = true) {
    const held = take(isAgain)
    let mayRetry = !isAgain
    try {
      await cache.share(held, mask, signal)
      for await (const { step, result } of eventsOf(work(held))) {
        if (!step) return result as R
        if (isFinal(step)) mayRetry = false
        yield step
      }
    } catch (error) {
      if (!(error instanceof NoRoom) || !mayRetry || !cache.drop()) throw error
    } finally {
      // The work is at rest by now, so another text may get the session.
      cache.give(held)
    }
  }
}

/** Generates after the part of the prompt that the session has. */
export function generateIn(held: HeldSession, options: GenerateOptions): AsyncGenerator<Step, GenerationResult> {
  const { session, prompt } = held
  const { length } = session
  const onPromptProgress = (progress: PromptProgress) => {
    held.read = length + progress.processed
    options.onPromptProgress?.(progress)
  }
  return session.generate(prompt.slice(length), { ...options, onPromptProgress })
}
