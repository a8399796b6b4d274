import type { Limits } from '../common/limits.js'

/*
 * At most twice `parallel` sequences run, in places of three kinds:
 *
 * - `parallel` long places, given to sequences in the order of their asking, and kept to the end. While others wait, a request
 *   gets at most half of them. Places beyond its half, which it got while nothing waited, are not counted against others.
 * - Half as many quick places, for sequences of at most `quickTokens`, prompt and answer together. The last free one is only
 *   for sequences of an eighth of that. So a short request waits for other short ones only.
 * - The other half are trial places, for prompts of at most four times `quickTokens` whose answer may become long. Most
 *   answers stay short, whatever `max_tokens` says. One that does not pauses after `quickTokens` and waits in line for a long
 *   place, with its cache.
 *
 * Quick and trial places are for requests without a running or pausing sequence. The smallest sequence comes first, and
 * every fourth time the oldest.
 */

export type PlaceKind = 'long' | 'quick' | 'trial'

/** The work of one sequence. */
export interface Work {
  /** Maximum tokens of its answer. */
  answer: number
  /** Tokens of its prompt that no cache has now. Called seldom, since it may be slow. */
  unread(): number
  /** Called when a place is free. Takes memory for the sequence; returns false to wait until another sequence ends. */
  admit?: (kind: PlaceKind) => boolean
}

/** A request's use of places. */
export interface Holder {
  /** Number of its sequences in places of each kind. */
  readonly held: Record<PlaceKind, number>
  /** Number of its sequences that have run and wait for a place to continue. */
  pausing: number
}

/** A sequence that waits for a place. */
export interface Waiting {
  readonly holder: Holder
  readonly work: Work
  readonly isPausing: boolean
  /** Last result of `work.unread`. */
  unread?: number
}

/** Every fourth quick or trial place goes to the sequence that has waited longest. */
const OLDEST_EVERY = 4

/** Decides which sequence gets the next place. */
export class Places {
  /** Quick and trial places given so far. */
  private readonly given = { quick: 0, trial: 0 }

  constructor(
    private readonly limits: Pick<Limits, 'parallel' | 'quickTokens'>,
    private readonly requests: Iterable<Holder>,
  ) {}

  /** Sequences in places of some kinds. */
  taken(...kinds: PlaceKind[]): number {
    let sum = 0
    for (const { held } of this.requests) for (const kind of kinds) sum += held[kind]
    return sum
  }

  /** First sequence of `among` that may have a long place. `waiting` has all that wait, in order. */
  nextLong<W extends Waiting>(waiting: readonly W[], among: readonly W[] = waiting): W | undefined {
    const { parallel } = this.limits
    const { half } = this
    const taken = [...this.requests].reduce((sum, { held }) => sum + Math.min(held.long, half), 0)
    const all = this.taken('long')
    return among.find(({ holder }) => {
      if (holder.held.long < half) return taken < parallel
      return all < parallel && waiting.every((other) => other.holder === holder)
    })
  }

  /** Sequence that gets the next quick or trial place. */
  nextShort<W extends Waiting>(kind: 'quick' | 'trial', waiting: readonly W[]): W | undefined {
    const { parallel, quickTokens } = this.limits
    const places = kind === 'quick' ? this.half : parallel - this.half
    const free = places - this.taken(kind)
    if (free <= 0) return undefined
    const isLastQuick = kind === 'quick' && free === 1 && places > 1
    const most = isLastQuick ? quickTokens / 8 : quickTokens
    const isFitting = kind === 'quick' ? (entry: W) => this.isQuick(entry, most) : (entry: W) => this.isTrial(entry)
    const idle = waiting.filter(({ holder }) => holder.pausing === 0 && runningOf(holder) === 0)
    const isOldestNext = (this.given[kind] + 1) % OLDEST_EVERY === 0
    for (;;) {
      const fitting = idle.filter(isFitting)
      if (fitting.length === 0) return undefined
      const next = isOldestNext ? fitting[0] : fitting.reduce((a, b) => (this.sizeOf(b) < this.sizeOf(a) ? b : a))
      // Caches come and go while it waits, so count again before it gets the place.
      const former = next.unread
      next.unread = next.work.unread()
      if (next.unread === former) return next
    }
  }

  /** Counts a place as given. */
  give(kind: PlaceKind, holder: Holder): void {
    holder.held[kind]++
    if (kind !== 'long') this.given[kind]++
  }

  private isQuick(entry: Waiting, most: number): boolean {
    return entry.work.answer <= most && unreadOf(entry) + entry.work.answer <= most
  }

  private isTrial(entry: Waiting): boolean {
    const { quickTokens } = this.limits
    return !this.isQuick(entry, quickTokens) && unreadOf(entry) <= 4 * quickTokens
  }

  private sizeOf(entry: Waiting): number {
    return unreadOf(entry) + Math.min(entry.work.answer, this.limits.quickTokens)
  }

  private get half(): number {
    return Math.ceil(this.limits.parallel / 2)
  }
}

/** Number of a request's running sequences. */
export function runningOf({ held }: Holder): number {
  return held.long + held.quick + held.trial
}

function unreadOf(entry: Waiting): number {
  entry.unread ??= entry.work.unread()
  return entry.unread
}
