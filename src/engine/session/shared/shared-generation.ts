import type { GenerateOptions, GenerationResult, PromptProgress, Step } from '../../../api/generation.js'
import { eventsOf } from '../../../api/generation-events.js'
import { NoMemory, NoRoom } from '../../../ground/errors.js'
import type { PrefixCache } from './prefix-cache.js'

/** A generation after a prompt, and what it saves. */
export interface Generation {
  steps: AsyncGenerator<Step, GenerationResult>
  /** Tokens of the prompt that need not be read; known with the first step. */
  readonly cachedTokens: number
}

/**
 * Generates after a prompt in the session that has most of it, which then rests for later prompts. If the engine has no
 * room, sessions at rest are dropped, and a new session tries once more.
 */
export function generateShared(cache: PrefixCache, prompt: readonly number[], options: GenerateOptions): Generation {
  const generation = { cachedTokens: 0, steps: steps() }
  async function* steps(): AsyncGenerator<Step, GenerationResult> {
    for (let mayRetry = true; ; mayRetry = false) {
      const held = cache.take(prompt, prompt.length, { runAll: false })
      if (!held) throw new NoMemory('there is not enough memory for this prompt now')
      let hasBegun = false
      try {
        await cache.share(held, undefined, options.signal)
        generation.cachedTokens = held.cached
        const onPromptProgress = (progress: PromptProgress) => {
          held.read = held.cached + progress.processed
          options.onPromptProgress?.(progress)
        }
        const running = held.session.generate(prompt.slice(held.session.length), { ...options, onPromptProgress })
        for await (const { step, result } of eventsOf(running)) {
          if (!step) return result
          hasBegun = true
          yield step
        }
      } catch (error) {
        if (!(error instanceof NoRoom) || hasBegun || !mayRetry || !cache.drop()) throw error
      } finally {
        cache.give(held)
      }
    }
  }
  return generation
}
