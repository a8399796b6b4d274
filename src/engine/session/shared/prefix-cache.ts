import type { Model } from '../../../api/model.js'
import type { Session } from '../../../api/session.js'
import { NoMemory } from '../../../ground/errors.js'
import { Queue } from '../../../ground/queue.js'
import { HeldSession, type SharedBeginning } from './held-session.js'
import { type Candidates, earlierReader, isToTake, nearestSession, type SessionMask } from './nearest-session.js'
import { fullPages, type SessionSize, SharedTokens } from './shared-tokens.js'

/** Time until sessions at rest are saved: longer than most pauses between two requests of a conversation. */
const SAVE_AFTER_MS = 20_000

/** Bounds of the memory for tokens. */
export interface TokenMemory {
  /** Tokens that all caches may have together; `wanted` more would do. */
  tokensFor(wanted: number): number
  /** Tokens that take as much memory as the windows and running states of a sequence. */
  readonly sequenceTokens: number
  /** Records the number of tokens that are in caches now. */
  note(tokens: number): void
  /** Reads the state of the memory again. */
  look(): Promise<void>
  /** Resolves once `tokensFor` can be called. */
  ready(): Promise<void>
}

const ENDLESS: TokenMemory = {
  tokensFor: () => Infinity,
  sequenceTokens: 0,
  note() {},
  async look() {},
  async ready() {},
}

/** Caches of prompts in files. */
export interface DiskCache<Stored extends { tokens: { length: number } } = { tokens: { length: number } }> {
  /** The cache that shares most tokens with a prompt, if it saves enough reading; `known` tokens are in memory. */
  find(prompt: readonly number[], known: number, mask?: SessionMask): Promise<{ stored: Stored } | undefined>
  load(stored: Stored, session: Session, mask?: SessionMask): Promise<void>
  save(session: Session, mask?: SessionMask): Promise<void>
}

export interface TakeOptions {
  /** Run all of the prompt, so take a new session. */
  runAll: boolean
  mask?: SessionMask
  /** Tokens whose memory must be left for others. Default 0. */
  spare?: number
}

/** Sessions of a model that many prompts share: those in use, and those at rest, kept for later prompts with the same beginning. */
export class PrefixCache implements Candidates {
  /** Least recently used first. */
  resting: readonly Session[] = []
  /** In the order of their beginning. */
  readonly held = new Set<HeldSession>()
  private readonly shared = new SharedTokens()
  /** Mask of each session that has one: its cache is of no use with another mask. */
  readonly masks = new WeakMap<Session, SessionMask>()
  /** Work with the disk, one after the other. */
  private readonly work = new Queue()
  private timer?: ReturnType<typeof setTimeout>

  constructor(
    private readonly model: Pick<Model, 'createSession'>,
    /** Most sessions at rest, and most of their tokens together. */
    private readonly limits: { keptSequences: number; keptTokens: number },
    private readonly memory: TokenMemory = ENDLESS,
    /** Caches on the disk. Default: none. */
    private readonly disk?: DiskCache,
  ) {}

  /** Number of sessions at rest, and of their tokens together. Tokens that several share count once. */
  get kept(): { sequences: number; tokens: number } {
    return { sequences: this.resting.length, tokens: this.shared.together(this.resting.map(sizeOf)) }
  }

  /** Resolves once `take` may be called. */
  ready(): Promise<void> {
    return this.memory.ready()
  }

  /** Tokens of a prompt that a session already has. */
  cachedOf(prompt: readonly number[], mask?: SessionMask): number {
    const { tokens = 0, held } = nearestSession(prompt, mask, this) ?? {}
    // A request that waits for another to read its beginning is not a quick one.
    return held ? Math.min(tokens, held.read) : tokens
  }

  /** Loads the cache of a prompt's beginning from the disk, if it has more than those in memory and there is room. */
  async fetch(prompt: readonly number[], mask?: SessionMask): Promise<void> {
    const { disk } = this
    const find = () => disk?.find(prompt, this.cachedOf(prompt, mask), mask)
    if (!disk || !(await find())) return
    await this.work.run(async () => {
      // Another request may have loaded it meanwhile.
      const found = await find()
      const room = found?.stored.tokens.length ?? 0
      if (!found || room > this.limits.keptTokens || !this.hasRoom(room)) return
      // Without a prompt, as it may turn out to be damaged.
      const held = new HeldSession(this.create(mask), [], room)
      held.read = room
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
      await this.work.run(async () => {
        if (this.resting.includes(session)) await this.disk?.save(session, this.masks.get(session))
      })
    }
  }

  /**
   * Takes a session with memory for `room` tokens: the session at rest with the same mask that has most of `prompt`. It is
   * cut to the part in common, and at least the prompt's last token remains to be run. The session is a new one with
   * `runAll`, or if the part is at most half of the session at rest, or if another session has or reads much more; in the
   * last two cases `share` gives it that beginning.
   *
   * Drops sessions at rest to make memory. Returns undefined if there is not enough until others end, or less than `spare`
   * tokens' memory would be left. Throws a NoMemory error if there will never be enough.
   */
  take(prompt: readonly number[], room: number, { runAll, mask, spare }: TakeOptions): HeldSession | undefined {
    const near = runAll ? undefined : nearestSession(prompt, mask, this)
    const isMine = near !== undefined && isToTake(near)
    const source = isMine ? undefined : near
    if (!this.makeMemory(room, { own: isMine ? near.session : undefined, source: near, spare })) {
      // A session at rest must not keep others from running.
      if (!source || source.held || !this.makeMemory(room, { spare })) return undefined
      return this.hold(new HeldSession(this.create(mask), prompt, room))
    }
    if (!isMine) {
      const held = new HeldSession(this.create(mask), prompt, room)
      held.source = source
      if (source) this.shared.fork(held.session, source.session, source.tokens)
      return this.hold(held)
    }
    const { session, tokens } = near
    this.resting = this.resting.filter((other) => other !== session)
    session.truncate(tokens)
    this.shared.cut(session, tokens)
    return this.hold(new HeldSession(session, prompt, room, tokens))
  }

  /**
   * Gives a session in use the beginning that it shares with another one. Waits until that one has read it; if it fails,
   * looks for another, and at last leaves the rest of the prompt to the session itself. Rejects if aborted.
   */
  async share(held: HeldSession, mask?: SessionMask, signal?: AbortSignal): Promise<void> {
    const tried = new Set<Session>()
    for (let { source } = held; source; source = earlierReader(held, tried, mask, this)) {
      const { session, tokens } = source
      tried.add(session)
      await source.held?.reached(tokens, signal)
      if (!this.resting.includes(session) && ![...this.held].some((other) => other.session === session)) continue
      // An engine without memory for another session refuses; this one then reads all of the prompt.
      const fork = await session.fork({ length: tokens, waits: false }).catch(() => undefined)
      if (!fork) break
      if (mask) this.masks.set(fork, mask)
      this.shared.replace(held.session, fork)
      held.replaceBy(fork)
      // The session's request may have ended meanwhile, and have read only a part, or nothing.
      const isRead = !source.held || source.held.read >= tokens
      if (isRead && fork.length > 0) break
    }
    held.source = undefined
    this.shared.cut(held.session, held.cached)
  }

  /** Gives a session in use memory for `room` tokens. Throws a NoMemory error if there is not enough. */
  extend(held: HeldSession, room: number): void {
    if (!this.makeMemory(room, { own: held.session }))
      throw new NoMemory('there is not enough memory to continue this answer')
    held.room = room
  }

  /** Puts a session at rest, and drops the least recently used ones beyond the limits. */
  give(held: HeldSession): void {
    this.memory.note(this.filled)
    this.held.delete(held)
    held.keepRead()
    held.end()
    if (held.session.length === 0) return this.dispose(held.session)
    this.resting = [...this.resting, held.session]
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
      if (error instanceof NoMemory) return false
      throw error
    }
  }

  private create(own?: SessionMask): Session {
    if (!own) return this.model.createSession()
    const session = this.model.createSession({ mask: own.mask })
    this.masks.set(session, own)
    return session
  }

  private hold(held: HeldSession): HeldSession {
    this.held.add(held)
    return held
  }

  private dropOldest(): void {
    const [oldest, ...others] = this.resting
    this.resting = others
    if (oldest) this.dispose(oldest)
  }

  private dispose(session: Session): void {
    this.shared.drop(session)
    session.dispose()
  }

  /** Number of tokens in all caches. */
  private get filled(): number {
    const inUse = [...this.held].map(({ session, read }) => ({ session, tokens: Math.max(session.length, read) }))
    return this.shared.together([...inUse, ...this.resting.map(sizeOf)])
  }

  /**
   * Drops sessions at rest until there is memory for a session of `room` tokens in addition to those in use. `own` is that
   * session, if it exists; `source` the one that it shares its beginning with. Returns false if there is not enough, or
   * less than `spare` tokens' memory would be left. Throws a NoMemory error if there would not be enough for this session alone.
   */
  private makeMemory(room: number, { own, source, spare = 0 }: MemoryNeed = {}): boolean {
    this.memory.note(this.filled)
    const more = this.memory.sequenceTokens
    const most = this.memory.tokensFor(room + more) - more
    if (room > most) {
      throw new NoMemory(`the prompt and its answer need memory for ${room} tokens; there is enough for ${most}`)
    }
    const inUse = [...this.held].filter(({ session }) => session !== own)
    const running = inUse.map(({ session, room }) => ({ session, tokens: room }))
    const isStaying = (session: Session) => session === own || session === source?.session
    let others = this.resting.filter((session) => !isStaying(session))
    const staying = this.resting.filter((session) => session !== own && isStaying(session))
    const taken = (resting: readonly Session[]) => {
      const all = [...running, ...resting.map(sizeOf)]
      const shared = Math.min(source ? fullPages(source.tokens) : room, own ? this.shared.common(own, all) : room)
      return more * all.length + this.shared.together(all) + room - (own || source ? shared : 0)
    }
    if (taken(staying) + spare > most) return false
    while (others.length > 0 && taken([...staying, ...others]) > most) {
      const [oldest] = others
      others = others.slice(1)
      this.resting = this.resting.filter((session) => session !== oldest)
      this.dispose(oldest)
    }
    return true
  }
}

/** A session that memory is made for: see `makeMemory`. */
interface MemoryNeed {
  own?: Session
  source?: SharedBeginning
  spare?: number
}

function sizeOf(session: Session): SessionSize {
  return { session, tokens: session.length }
}
