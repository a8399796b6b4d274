import { Busy, UserError } from '../../ground/errors.js'
import type { Task } from './lane-task.js'
import type { OwnedThread, ThreadEnd, ThreadEvents, Work } from './watched-thread.js'

/*
 * Forms are prepared, and texts followed, in two lanes with a thread each. A task begins in the quick lane, and
 * continues in the slow lane if it computes for long. A thread that computes too long for one task is ended, and its
 * other tasks begin again in a new one.
 */

/** Milliseconds of one computation, such as a place in a text, in the quick lane. After more its task is slow. */
const QUICK_MS = 250
/** Milliseconds of one computation in the slow lane. More is an error. */
const MOST_MS = 10_000
/** Most slow tasks that wait or run. One more is refused, unless its text has begun. */
const MOST_SLOW = 8
/** Seconds after which a refused task may be tried again. */
const RETRY_AFTER = 10

export interface LaneOptions {
  /** Tasks that a thread has at once. */
  atOnce: number
  /** The ends of messages about a form: too many are slow, its computing took too long, its thread failed. */
  tooMany: string
  tooLong: string
  failed: string
}

export interface TaskReply {
  id: number
  /** Whether the thread has left the task to another thread. */
  hasLeft?: boolean
}

interface Lane<Reply> {
  kind: 'quick' | 'slow'
  readonly thread: OwnedThread
  readonly tasks: Map<number, Task<Reply>>
}

export class Lanes<Reply extends TaskReply> {
  private readonly lanes: { quick?: Lane<Reply>; slow?: Lane<Reply> } = {}
  /** Replaces the quick lane at once, after one had to end. */
  private spare?: Lane<Reply>
  /** All lanes whose threads have not ended. */
  private readonly started = new Set<Lane<Reply>>()
  private readonly waiting: Record<'quick' | 'slow', Task<Reply>[]> = { quick: [], slow: [] }
  /** Clients that have had turns in the quick lane, the latest at the end. */
  private readonly served = new Set<string>()
  private count = 0
  private isClosed = false

  constructor(
    private readonly start: (events: ThreadEvents<Reply>) => OwnedThread,
    private readonly options: LaneOptions,
  ) {}

  /** Starts the quick lane's thread, so that the first task finds it. */
  startAhead(): void {
    this.lanes.quick ??= this.startLane('quick')
  }

  add(task: Task<Reply>): void {
    task.id = ++this.count
    this.place(task)
  }

  /** Takes a task away. */
  remove(task: Task<Reply>): void {
    for (const waiting of Object.values(this.waiting)) {
      if (waiting.includes(task)) waiting.splice(waiting.indexOf(task), 1)
    }
    // The thread may be computing a result that no caller waits for.
    for (const lane of this.started) if (lane.tasks.has(task.id)) this.take(lane, task, task.isAwaited)
  }

  /** Ends all threads, and fails the tasks that are there. */
  async close(): Promise<void> {
    this.isClosed = true
    for (const task of Object.values(this.waiting).flatMap((waiting) => waiting.splice(0))) task.fail(disposed())
    await Promise.all([...this.started].map(({ thread }) => thread.end()))
  }

  private place(task: Task<Reply>): void {
    if (this.isClosed) return task.fail(disposed())
    const slow = (this.lanes.slow?.tasks.size ?? 0) + this.waiting.slow.length
    if (task.isSlow && task.isAwaited && slow >= MOST_SLOW) {
      return task.fail(new Busy(`${task.name}: ${this.options.tooMany}; try again later`, RETRY_AFTER))
    }
    const kind = task.isSlow ? 'slow' : 'quick'
    this.waiting[kind].push(task)
    this.advance(kind)
  }

  private advance(kind: Lane<Reply>['kind']): void {
    const waiting = this.waiting[kind]
    while ((this.lanes[kind]?.tasks.size ?? 0) < this.options.atOnce) {
      const task = kind === 'slow' ? waiting[0] : this.nextOf(waiting)
      if (!task) return
      waiting.splice(waiting.indexOf(task), 1)
      this.run(kind, task)
    }
  }

  private run(kind: Lane<Reply>['kind'], task: Task<Reply>): void {
    this.lanes[kind] ??= this.laneOf(kind)
    const lane = this.lanes[kind]
    lane.tasks.set(task.id, task)
    attend(lane)
    lane.thread.post({ id: task.id, ...task.request })
  }

  /**
   * The next task for the quick lane. Clients take turns, and have one task there at a time that has no result yet. So the
   * many forms of one client delay another client by one form at a time. A client's smallest form comes first, since it
   * delays the others least.
   */
  private nextOf(all: readonly Task<Reply>[]): Task<Reply> | undefined {
    const running = [...(this.lanes.quick?.tasks.values() ?? [])].filter(({ isAwaited }) => isAwaited)
    const waiting = all.filter(
      ({ client, isAwaited }) =>
        !isAwaited || client === undefined || running.every((other) => other.client !== client),
    )
    if (waiting.length === 0) return undefined
    const served = [...this.served]
    const turnOf = ({ client }: Task<Reply>) => (client === undefined ? -1 : served.indexOf(client))
    const next = waiting.reduce((first, task) =>
      (turnOf(task) - turnOf(first) || task.size - first.size) < 0 ? task : first,
    )
    if (all.length === 1) this.served.clear()
    if (next.client !== undefined) {
      this.served.delete(next.client)
      this.served.add(next.client)
    }
    return next
  }

  private laneOf(kind: Lane<Reply>['kind']): Lane<Reply> {
    const { spare } = this
    if (kind === 'slow' || !spare) return this.startLane(kind)
    this.spare = undefined
    return spare
  }

  private startLane(kind: Lane<Reply>['kind']): Lane<Reply> {
    const lane: Lane<Reply> = {
      kind,
      tasks: new Map(),
      thread: this.start({
        received: (reply) => this.received(lane, reply),
        working: (work) => this.working(lane, work),
        ended: (end) => this.ended(lane, end),
      }),
    }
    if (kind === 'slow') lane.thread.letWait()
    this.started.add(lane)
    return lane
  }

  /** Takes a task out of its lane. Of threads without tasks only the one for quick tasks stays. */
  private take(lane: Lane<Reply>, task: Task<Reply>, mayCompute = false): void {
    lane.tasks.delete(task.id)
    if (this.lanes[lane.kind] !== lane) return
    const isLast = lane.tasks.size === 0
    if (isLast && (lane.kind === 'slow' || mayCompute)) this.end(lane)
    else attend(lane)
    if (isLast && lane.kind === 'quick') {
      void this.spare?.thread.end()
      this.spare = undefined
    }
    this.advance(lane.kind)
  }

  private received(lane: Lane<Reply>, reply: Reply): void {
    const task = lane.tasks.get(reply.id)
    if (!task) return
    if (reply.hasLeft || task.received(reply)) this.take(lane, task)
    else attend(lane)
    if (reply.hasLeft) this.move(task, lane.kind)
    // The client of a text that has its first limits may have others that wait.
    this.advance(lane.kind)
  }

  private working(lane: Lane<Reply>, { who, ms, newMs }: Work): void {
    const task = lane.tasks.get(who)
    if (ms >= (lane.kind === 'quick' ? QUICK_MS : MOST_MS)) this.overdue(lane, task)
    else if (task && !task.isSlow) {
      task.spent += newMs
      if (task.spent < task.allowance) return
      task.slowDown()
      lane.thread.post({ id: who, leave: true })
    }
  }

  private overdue(lane: Lane<Reply>, task: Task<Reply> | undefined): void {
    if (lane.kind === 'slow' || !task || lane.tasks.size > 1 || this.lanes.slow) return this.end(lane)
    // A thread with this task alone need not begin it again.
    task.slowDown()
    lane.kind = 'slow'
    lane.thread.letWait()
    this.lanes.slow = lane
    this.lanes.quick = undefined
    this.advance('quick')
  }

  private end(lane: Lane<Reply>): void {
    this.lanes[lane.kind] = undefined
    void lane.thread.end()
    // Once it has ended, its other tasks come before all that wait.
    if (lane.tasks.size <= 1) this.advance(lane.kind)
  }

  private ended(lane: Lane<Reply>, end: ThreadEnd): void {
    this.started.delete(lane)
    if (this.lanes[lane.kind] === lane) this.lanes[lane.kind] = undefined
    if (this.spare === lane) this.spare = undefined
    for (const task of lane.tasks.values()) {
      if (task.id === end.who && lane.kind === 'quick') task.slowDown()
      const failure = this.failureOf(task, lane, end)
      if (failure === undefined) this.move(task, lane.kind)
      else task.fail(failure)
    }
    // The next thread may have to end soon, too.
    if (!this.isClosed && lane.kind === 'quick' && lane.tasks.size > 0) this.spare ??= this.startLane('quick')
    this.advance(lane.kind)
  }

  /** Reason why a task fails with its thread; undefined if it continues. */
  private failureOf(
    { id, name }: Task<Reply>,
    { kind }: Lane<Reply>,
    { who, error }: ThreadEnd,
  ): UserError | undefined {
    if (this.isClosed) return disposed()
    // A thread that fails without work would fail again.
    if (who === 0 && error !== undefined) return new UserError(`the thread of forms failed: ${error}`)
    if (id !== who || kind === 'quick') return undefined
    const { tooLong, failed } = this.options
    if (error !== undefined) return new UserError(`${name}: ${failed}: ${error}`)
    return new UserError(`${name}: it took more than ${MOST_MS / 1000} seconds of computing ${tooLong}`)
  }

  /** Continues a task in another thread: at once, or in line for the slow lane. */
  private move(task: Task<Reply>, from: Lane<Reply>['kind']): void {
    if (!task.canMove) task.fail(new UserError(`${task.name}: the text is too long to continue in another thread`))
    else if (task.isSlow && from === 'quick') this.place(task)
    else this.run(from, task)
  }
}

function disposed(): UserError {
  return new UserError('the model has been disposed')
}

/** Watches a lane's thread while it has tasks, and keeps the process alive while one is awaited. */
function attend<Reply>({ thread, tasks }: Lane<Reply>): void {
  thread.attend(
    tasks.size > 0,
    [...tasks.values()].some(({ isAwaited }) => isAwaited),
  )
}
