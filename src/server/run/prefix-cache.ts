import type { Model } from '../../api/model.js'
import type { Session } from '../../api/session.js'
import { commonPrefix } from '../../common-prefix.js'
import { ApiError } from '../shared/api-error.js'
import type { Limits } from '../shared/limits.js'
import type { CacheMemory } from './cache-memory.js'

/** A session in use, with the tokens of a prompt that its cache has already. */
export interface HeldSession {
  readonly session: Session
  /** The beginning of the prompt that need not be run. */
  readonly cached: number
  /** Tokens of the prompt that have been read. */
  read: number
  /** Tokens that there is memory for. */
  room: number
}

/** The sessions of a server: those in use, and those at rest, whose caches serve later prompts with the same beginning. */
export class PrefixCache {
  /** Least recently used first. */
  private resting: Session[] = []
  private readonly held = new Set<HeldSession>()

  constructor(
    private readonly model: Pick<Model, 'createSession'>,
    private readonly limits: Pick<Limits, 'keptSequences' | 'keptTokens'>,
    private readonly memory: Pick<CacheMemory, 'tokensFor' | 'note' | 'look' | 'ready'>,
  ) {}

  /** Sequences at rest, and their tokens together. */
  get kept(): { sequences: number; tokens: number } {
    return { sequences: this.resting.length, tokens: sum(this.resting, ({ length }) => length) }
  }

  /** Resolves once sessions may be taken. */
  ready(): Promise<void> {
    return this.memory.ready()
  }

  /** Tokens of a prompt that a session at rest would save. */
  cachedOf(prompt: readonly number[]): number {
    return this.nearest(prompt)?.cached ?? 0
  }

  /**
   * A session with memory for `room` tokens: the one at rest that begins most like `prompt`, if that is more than half of
   * its own tokens, cut to what they have in common and to one token less than the prompt, whose last has to be run; else
   * a new one, as also if all of the prompt is to be run. Sessions at rest are dropped if there is no memory otherwise.
   * Undefined if memory has to be waited for, or less than that of `spare` tokens would be left. Throws an ApiError if there
   * would never be enough.
   */
  take(prompt: readonly number[], room: number, runAll: boolean, spare = 0): HeldSession | undefined {
    const near = runAll ? undefined : this.nearest(prompt)
    if (!this.makeMemory(room, near?.session, spare)) return undefined
    const { session, cached } = near ?? { session: this.model.createSession(), cached: 0 }
    this.resting = this.resting.filter((other) => other !== session)
    session.truncate(cached)
    const held = { session, cached, read: cached, room }
    this.held.add(held)
    return held
  }

  /** Makes sure of memory for `room` tokens of a session in use. Throws an ApiError if there is not enough. */
  extend(held: HeldSession, room: number): void {
    if (!this.makeMemory(room, held.session)) throw noMemory('there is no memory for more of this answer now')
    held.room = room
  }

  /** Lets a session rest, and drops others if that makes too many. */
  give(held: HeldSession): void {
    this.memory.note(this.filled)
    this.held.delete(held)
    if (held.session.length === 0) return held.session.dispose()
    this.resting.push(held.session)
    const { keptSequences, keptTokens } = this.limits
    while (this.kept.sequences > keptSequences || this.kept.tokens > keptTokens) this.dropOldest()
    // Experts may have been read since; ask now, so that the next request need not wait.
    this.memory.look().catch(() => undefined)
  }

  /** Gives the memory of all sessions at rest back; false if there were none. */
  drop(): boolean {
    const had = this.resting.length > 0
    while (this.resting.length > 0) this.dropOldest()
    return had
  }

  private dropOldest(): void {
    this.resting.shift()?.dispose()
  }

  /** Tokens that are in all caches now. */
  private get filled(): number {
    return this.kept.tokens + sum([...this.held], ({ session, read }) => Math.max(session.length, read))
  }

  /**
   * Whether the memory is enough for a session of `room` tokens beside the others in use; those at rest are dropped for it.
   * `own` is that session, in use or at rest, if it exists. False also if less than that of `spare` tokens were left
   * for others. Throws an ApiError if the memory would not be enough for this one alone.
   */
  private makeMemory(room: number, own?: Session, spare = 0): boolean {
    this.memory.note(this.filled)
    const most = this.memory.tokensFor(room)
    if (room > most) {
      throw noMemory(`the prompt and its answer need memory for ${room} tokens; there is enough for ${most}`)
    }
    const inUse = room + sum([...this.held], (other) => (other.session === own ? 0 : other.room))
    if (inUse + spare > most) return false
    const others = this.resting.filter((session) => session !== own)
    let atRest = sum(others, ({ length }) => length)
    for (const session of others) {
      if (inUse + atRest <= most) break
      atRest -= session.length
      this.resting = this.resting.filter((other) => other !== session)
      session.dispose()
    }
    return true
  }

  /** The session at rest of most use to a prompt; of several of the same use, the one that loses least by it. */
  private nearest(prompt: readonly number[]): { session: Session; cached: number } | undefined {
    let best: { session: Session; cached: number } | undefined
    for (const session of this.resting) {
      const { length } = session
      const cached = commonPrefix(session.tokens, prompt, prompt.length - 1)
      if (2 * cached <= length || cached < (best?.cached ?? 0)) continue
      if (!best || cached > best.cached || length < best.session.length) best = { session, cached }
    }
    return best
  }
}

export function noMemory(message: string): ApiError {
  return new ApiError(503, message, { code: 'no_memory' })
}

function sum<T>(entries: readonly T[], of: (entry: T) => number): number {
  return entries.reduce((total, entry) => total + of(entry), 0)
}
