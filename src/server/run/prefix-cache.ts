import type { Model } from '../../api/model.js'
import type { Session } from '../../api/session.js'
import { commonPrefix } from '../../common-prefix.js'
import { ApiError } from '../common/api-error.js'
import type { Limits } from '../common/limits.js'
import type { CacheMemory } from './cache-memory.js'
import type { KeptPrompts } from './kept-prompts.js'
import type { RequestMask } from './request-mask.js'

/** Time until sessions at rest are saved: longer than most pauses between two requests of a conversation. */
const SAVE_AFTER_MS = 20_000

/** A session in use. */
export interface HeldSession {
  readonly session: Session
  /** Tokens at the beginning of the prompt that the session had already. */
  readonly cached: number
  /** Tokens of the prompt that have been read so far. */
  read: number
  /** Tokens that it has memory for. */
  room: number
}

export interface TakeOptions {
  /** Run all of the prompt, so take a new session. */
  runAll: boolean
  /** Experts that the session must not use. */
  mask?: RequestMask
  /** Tokens whose memory must be left for others. Default 0. */
  spare?: number
}

/** All sessions of a server: those in use, and those at rest, kept for later prompts with the same beginning. */
export class PrefixCache {
  /** Least recently used first. */
  private resting: Session[] = []
  private readonly held = new Set<HeldSession>()
  /** Mask of each session that has one: its cache is of no use with another mask. */
  private readonly masks = new WeakMap<Session, RequestMask>()
  /** Work with the disk, one after the other. */
  private work: Promise<void> = Promise.resolve()
  private timer?: NodeJS.Timeout

  constructor(
    private readonly model: Pick<Model, 'createSession'>,
    private readonly limits: Pick<Limits, 'keptSequences' | 'keptTokens'>,
    private readonly memory: Pick<CacheMemory, 'tokensFor' | 'sequenceTokens' | 'note' | 'look' | 'ready'>,
    /** Caches on the disk. Default: none. */
    private readonly disk?: KeptPrompts,
  ) {}

  /** Number of sessions at rest, and of their tokens together. */
  get kept(): { sequences: number; tokens: number } {
    return { sequences: this.resting.length, tokens: sum(this.resting, ({ length }) => length) }
  }

  /** Resolves once `take` may be called. */
  ready(): Promise<void> {
    return this.memory.ready()
  }

  /** Tokens of a prompt that a session at rest already has. */
  cachedOf(prompt: readonly number[], mask?: RequestMask): number {
    return this.nearest(prompt, mask)?.cached ?? 0
  }

  /** Loads the cache of a prompt's beginning from the disk, if it has more than those in memory and there is room. */
  async fetch(prompt: readonly number[], mask?: RequestMask): Promise<void> {
    const { disk } = this
    const find = () => disk?.find(prompt, this.cachedOf(prompt, mask), mask)
    if (!disk || !(await find())) return
    await this.inTurn(async () => {
      // Another request may have loaded it meanwhile.
      const found = await find()
      const room = found?.stored.tokens.length ?? 0
      if (!found || room > this.limits.keptTokens || !this.hasRoom(room)) return
      const held = { session: this.create(mask), cached: 0, read: room, room }
      this.held.add(held)
      try {
        await disk.load(found.stored, held.session, mask)
      } finally {
        this.give(held)
      }
    })
  }

  /** Saves the sessions at rest on the disk, the latest first. */
  async save(): Promise<void> {
    clearTimeout(this.timer)
    this.timer = undefined
    for (const session of [...this.resting].reverse()) {
      await this.inTurn(async () => {
        if (this.resting.includes(session)) await this.disk?.save(session, this.masks.get(session))
      })
    }
  }

  /**
   * Takes a session with memory for `room` tokens. It is the session at rest with the same mask that has most of `prompt`, if
   * that is more than half of the session's own tokens, and then cut to the part in common; the prompt's last token always remains to be run.
   * Otherwise, or with `runAll`, it is a new session. Drops sessions at rest to make memory. Returns undefined if there is
   * not enough until others end, or less than `spare` tokens' memory would be left. Throws an ApiError if there will never
   * be enough.
   */
  take(prompt: readonly number[], room: number, { runAll, mask, spare }: TakeOptions): HeldSession | undefined {
    const near = runAll ? undefined : this.nearest(prompt, mask)
    if (!this.makeMemory(room, near?.session, spare)) return undefined
    const { session, cached } = near ?? { session: this.create(mask), cached: 0 }
    this.resting = this.resting.filter((other) => other !== session)
    session.truncate(cached)
    const held = { session, cached, read: cached, room }
    this.held.add(held)
    return held
  }

  /** Gives a session in use memory for `room` tokens. Throws an ApiError if there is not enough. */
  extend(held: HeldSession, room: number): void {
    if (!this.makeMemory(room, held.session)) throw noMemory('there is not enough memory to continue this answer')
    held.room = room
  }

  /** Puts a session at rest, and drops the least recently used ones beyond the limits. */
  give(held: HeldSession): void {
    this.memory.note(this.filled)
    this.held.delete(held)
    if (held.session.length === 0) return held.session.dispose()
    this.resting.push(held.session)
    const { keptSequences, keptTokens } = this.limits
    while (this.kept.sequences > keptSequences || this.kept.tokens > keptTokens) this.dropOldest()
    // An engine that has failed rejects; its next request reports that.
    if (this.disk) this.timer ??= setTimeout(() => this.save().catch(() => undefined), SAVE_AFTER_MS).unref()
    // Experts may have been read since then. Asking now saves the next request a wait.
    this.memory.look().catch(() => undefined)
  }

  /** Drops all sessions at rest. Returns false if there were none. */
  drop(): boolean {
    const had = this.resting.length > 0
    while (this.resting.length > 0) this.dropOldest()
    return had
  }

  /** Makes memory for a session of `room` tokens; false if there is not enough. */
  private hasRoom(room: number): boolean {
    try {
      return this.makeMemory(room)
    } catch (error) {
      if (error instanceof ApiError) return false
      throw error
    }
  }

  private inTurn(task: () => Promise<void>): Promise<void> {
    const done = this.work.then(task)
    this.work = done.catch(() => undefined)
    return done
  }

  private create(own?: RequestMask): Session {
    if (!own) return this.model.createSession()
    const session = this.model.createSession({ mask: own.mask })
    this.masks.set(session, own)
    return session
  }

  private dropOldest(): void {
    this.resting.shift()?.dispose()
  }

  /** Number of tokens in all caches. */
  private get filled(): number {
    return this.kept.tokens + sum([...this.held], ({ session, read }) => Math.max(session.length, read))
  }

  /**
   * Drops sessions at rest until there is memory for a session of `room` tokens in addition to those in use. `own` is that
   * session, if it exists. Returns false if there is not enough, or less than `spare` tokens' memory would be left. Throws an
   * ApiError if there would not be enough for this session alone.
   */
  private makeMemory(room: number, own?: Session, spare = 0): boolean {
    this.memory.note(this.filled)
    const more = this.memory.sequenceTokens
    const most = this.memory.tokensFor(room + more) - more
    if (room > most) {
      throw noMemory(`the prompt and its answer need memory for ${room} tokens; there is enough for ${most}`)
    }
    const inUse = room + sum([...this.held], (other) => (other.session === own ? 0 : more + other.room))
    if (inUse + spare > most) return false
    const others = this.resting.filter((session) => session !== own)
    let atRest = sum(others, ({ length }) => more + length)
    for (const session of others) {
      if (inUse + atRest <= most) break
      atRest -= more + session.length
      this.resting = this.resting.filter((other) => other !== session)
      session.dispose()
    }
    return true
  }

  /** Session at rest with most of a prompt; of several with as much, the shortest, which loses least. */
  private nearest(prompt: readonly number[], mask?: RequestMask): { session: Session; cached: number } | undefined {
    let best: { session: Session; cached: number } | undefined
    for (const session of this.resting) {
      if (this.masks.get(session)?.key !== mask?.key) continue
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
