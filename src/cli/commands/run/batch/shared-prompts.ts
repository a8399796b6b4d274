import type { Model } from '../../../../api/model.js'
import { commonPrefix } from '../../../../common-prefix.js'
import { NoRoom } from '../../../../errors.js'
import { HeldSession, LEAST_SHARED } from '../../../../server/run/held-session.js'

/**
 * Sessions of a batch. A prompt that begins like one that another session has or reads shares that beginning, so it is
 * read once and takes memory once.
 */
export class SharedPrompts {
  /** Oldest first. */
  private readonly running = new Set<HeldSession>()
  /** The latest one that has ended. */
  private last?: HeldSession
  /** Tokens of all prompts so far, and those of them that another prompt had read. */
  readonly tokens = { all: 0, shared: 0 }

  constructor(private readonly model: Pick<Model, 'createSession'>) {}

  /** Runs `use` with a session that has a part of the prompt, `cached` tokens, and may be empty. */
  async with<T>(prompt: readonly number[], use: (held: HeldSession) => Promise<T>, signal: AbortSignal): Promise<T> {
    const source = this.nearest(prompt)
    const held = new HeldSession(this.model.createSession(), prompt, 0)
    this.running.add(held)
    try {
      if (source) await this.share(held, source, signal)
      this.tokens.all += prompt.length
      this.tokens.shared += held.cached
      return await use(held)
    } catch (error) {
      // The session that is kept must not keep another from running.
      if (!(error instanceof NoRoom) || !this.last) throw error
      this.drop()
      held.session.dispose()
      held.session = this.model.createSession()
      this.tokens.shared -= held.cached
      held.cached = 0
      return await use(held)
    } finally {
      this.running.delete(held)
      held.end()
      this.keep(held)
    }
  }

  /** Frees the session that is kept for later prompts. */
  drop(): void {
    this.last?.session.dispose()
    this.last = undefined
  }

  private async share(held: HeldSession, source: HeldSession, signal: AbortSignal): Promise<void> {
    const length = commonPrefix(source.prompt, held.prompt, held.prompt.length - 1)
    await source.reached(length, signal)
    // Its memory may be free by now, or the engine may have none for another session.
    const fork = await source.session.fork({ length, waits: false }).catch(() => undefined)
    if (fork) held.replaceBy(fork)
  }

  private nearest(prompt: readonly number[]): HeldSession | undefined {
    let best: HeldSession | undefined
    let most = LEAST_SHARED - 1
    for (const one of [...(this.last ? [this.last] : []), ...this.running]) {
      const common = commonPrefix(one.prompt, prompt, prompt.length - 1)
      if (common > most) [best, most] = [one, common]
    }
    return best
  }

  private keep(held: HeldSession): void {
    const isUseful = held.session.length >= LEAST_SHARED
    if (!isUseful) return held.session.dispose()
    this.drop()
    this.last = held
  }
}
