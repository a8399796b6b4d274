import { Busy, UserError } from '../../ground/errors.js'
import type { GuideLimits } from './guide-limits.js'
import { canBeTakenOver, closeGuide, failGuide, toldOf } from './guide-memory.js'
import type { FollowReply, FollowRequest, GuideText, PreparedGrammar } from './protocol.js'
import type { OwnedThread, ThreadEnd, ThreadEvents } from './watched-thread.js'
import type { Work } from './work-marks.js'

/*
 * Guides are followed in two lanes, each with one thread: quick guides, and guides that need much computing. A guide
 * that turns out slow continues in the slow lane. A thread that is busy with one place of a text for too long is
 * ended, and its other guides continue in a new one, which hears their texts again.
 */

/** Seconds after which a slow form may be tried again. */
const RETRY_AFTER = 10

interface Guide {
  readonly id: number
  readonly text: GuideText
  /** Name of its form, for messages. */
  readonly name: string
  lane: 'quick' | 'slow'
  /** Milliseconds that it has computed in the quick lane. */
  spent: number
  at?: Lane
  /** Set until it has its first limits. */
  opening?: { resolve(): void; reject(error: unknown): void }
}

interface Lane {
  readonly kind: Guide['lane']
  readonly thread: OwnedThread
  readonly guides: Map<number, Guide>
}

export class FollowedGuides {
  private readonly lanes: { quick?: Lane; slow?: Lane } = {}
  /** Replaces the quick lane at once, after one had to end. */
  private spare?: Lane
  private readonly slowGrammars = new WeakSet<PreparedGrammar>()
  private count = 0
  private isClosed = false

  constructor(
    private readonly start: (events: ThreadEvents<FollowReply>) => OwnedThread,
    private readonly limits: Omit<GuideLimits, 'oldestMs' | 'waiting'>,
  ) {}

  /** Starts the thread of quick guides, while their first grammar is prepared. */
  startAhead(): void {
    this.lanes.quick ??= this.startLane('quick')
  }

  /** Resolves, once a guide has limits, with a function that frees it. Rejects with the reason why it has none. */
  async open(text: GuideText, name: string, signal?: AbortSignal): Promise<() => void> {
    const lane = text.grammars.some((grammar) => this.slowGrammars.has(grammar)) ? 'slow' : 'quick'
    const guide: Guide = { id: ++this.count, text, name, lane, spent: 0 }
    const abort = () => guide.opening?.reject(signal?.reason)
    signal?.addEventListener('abort', abort)
    try {
      await new Promise<void>((resolve, reject) => {
        guide.opening = { resolve, reject }
        this.place(guide)
      })
    } catch (error) {
      this.free(guide)
      throw error
    } finally {
      signal?.removeEventListener('abort', abort)
    }
    return () => this.free(guide)
  }

  /** Ends all threads, and fails the guides that are open. */
  async close(): Promise<void> {
    this.isClosed = true
    await Promise.all([...Object.values(this.lanes), this.spare].map((lane) => lane?.thread.end()))
  }

  private free(guide: Guide): void {
    closeGuide(guide.text.memory)
    this.take(guide)
  }

  private place(guide: Guide): void {
    const slow = this.lanes.slow?.guides.size ?? 0
    if (guide.lane === 'slow' && guide.opening && slow >= this.limits.slowTexts) {
      guide.opening.reject(new Busy(`${guide.name}: too many slow forms at once; try again later`, RETRY_AFTER))
      return
    }
    this.lanes[guide.lane] ??= this.laneOf(guide.lane)
    const lane = this.lanes[guide.lane] as Lane
    lane.guides.set(guide.id, guide)
    guide.at = lane
    attend(lane)
    lane.thread.post({ kind: 'follow', id: guide.id, ...guide.text } satisfies FollowRequest)
  }

  private laneOf(kind: Lane['kind']): Lane {
    const { spare } = this
    if (kind === 'slow' || !spare) return this.startLane(kind)
    this.spare = undefined
    return spare
  }

  private startLane(kind: Lane['kind']): Lane {
    const lane: Lane = {
      kind,
      guides: new Map(),
      thread: this.start({
        received: (reply) => this.received(lane, reply),
        working: (work) => this.working(lane, work),
        ended: (end) => this.ended(lane, end),
      }),
    }
    if (kind === 'slow') lane.thread.letWait()
    return lane
  }

  /** Takes a guide out of its lane. Of threads without guides only the one for quick guides stays. */
  private take(guide: Guide): void {
    const lane = guide.at
    guide.at = undefined
    if (!lane?.guides.delete(guide.id) || this.lanes[lane.kind] !== lane) return
    attend(lane)
    if (lane.guides.size > 0) return
    if (lane.kind === 'slow') return this.end(lane)
    void this.spare?.thread.end()
    this.spare = undefined
  }

  private received(lane: Lane, reply: FollowReply): void {
    const guide = lane.guides.get(reply.id)
    if (!guide) return
    if (reply.kind === 'left') {
      this.take(guide)
      this.resume(guide)
      return
    }
    if (reply.error === undefined) guide.opening?.resolve()
    else guide.opening?.reject(new UserError(reply.error))
    guide.opening = undefined
    attend(lane)
  }

  private working(lane: Lane, { who, ms, newMs }: Work): void {
    const { quickMs, textMs, tokenMs, mostMs } = this.limits
    if (ms >= (lane.kind === 'quick' ? quickMs : mostMs)) return this.end(lane)
    const guide = lane.guides.get(who)
    if (!guide || guide.lane === 'slow') return
    guide.spent += newMs
    if (guide.spent < textMs + tokenMs * toldOf(guide.text.memory)) return
    this.slowDown(guide)
    lane.thread.post({ kind: 'leave', id: who } satisfies FollowRequest)
  }

  private slowDown(guide: Guide): void {
    guide.lane = 'slow'
    // Of several grammars any may be the slow one.
    const { grammars } = guide.text
    if (grammars.length === 1) this.slowGrammars.add(grammars[0])
  }

  /** Ends a lane's thread. New guides get a new one at once. */
  private end(lane: Lane): void {
    if (this.lanes[lane.kind] === lane) delete this.lanes[lane.kind]
    void lane.thread.end()
  }

  private ended(lane: Lane, { who, error }: ThreadEnd): void {
    if (this.lanes[lane.kind] === lane) delete this.lanes[lane.kind]
    for (const guide of [...lane.guides.values()].sort(byTrust)) {
      if (guide.id === who && lane.kind === 'quick') this.slowDown(guide)
      const failure = this.failureOf(guide, lane, { who, error })
      if (failure === undefined) this.resume(guide)
      else fail(guide, failure)
    }
    // The next one may have to end soon, too.
    if (!this.isClosed && lane.kind === 'quick' && lane.guides.size > 0) this.spare ??= this.startLane('quick')
  }

  /** Reason why a guide fails with its thread; undefined if it continues. */
  private failureOf({ id, name }: Guide, { kind }: Lane, { who, error }: ThreadEnd): string | undefined {
    if (this.isClosed) return 'the model has been disposed'
    // A thread that fails without work would fail again.
    if (who === 0 && error !== undefined) return `the thread of forms failed: ${error}`
    if (id !== who || kind === 'quick') return undefined
    const limit = `${this.limits.mostMs / 1000} seconds of computing`
    return `${name}: ${error === undefined ? `it took more than ${limit} for one token` : `it failed: ${error}`}`
  }

  private resume(guide: Guide): void {
    const { memory } = guide.text
    if (canBeTakenOver(memory)) this.place(guide)
    else fail(guide, `${guide.name}: the text is too long to continue in another thread`)
  }
}

function fail({ text, opening }: Guide, failure: string): void {
  failGuide(text.memory, failure)
  opening?.reject(new UserError(failure))
}

/** Watches a lane's thread while it has guides, and keeps the process alive while it opens one. */
function attend({ thread, guides }: Lane): void {
  thread.attend(
    guides.size > 0,
    [...guides.values()].some(({ opening }) => opening),
  )
}

/** In the order of trust: last those whose texts have begun, before them the newest. A thread begins with the last. */
function byTrust(a: Guide, b: Guide): number {
  const [begunA, begunB] = [a, b].map(({ text }) => (toldOf(text.memory) > 0 ? 1 : 0))
  return begunA - begunB || a.id - b.id
}
