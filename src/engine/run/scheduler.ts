import type { MemoryStats } from '../../api/model.js'
import { type Decoder, MAX_BATCH } from '../../model/layers/decoder.js'
import { runMicroBatch } from './micro-batch.js'
import { type Demand, Stopped, type Task, type Turn } from './reading/demand.js'

export interface Job {
  /** Jobs in one lane run strictly one after the other. */
  lane: string
  task: Task
  stopped(): boolean
  /** Whether its reader is ready for more. */
  isWanted(): boolean
  done(value: unknown): void
  failed(error: unknown): void
}

/** A job at the head of its lane. */
interface Running {
  job: Job
  /** Absent if it waits only for its turn. */
  demand?: Demand
  /** Number of the micro-batch that served it last. */
  servedAt: number
}

type BatchCounts = Pick<MemoryStats, 'sequencesRunning' | 'microBatches' | 'tokensProcessed' | 'lastBatchTokens'>

/** Most prompt tokens in a micro-batch with decode steps, which have to wait for them. */
const SLICE = 64

/**
 * Continuous batching: the tokens that requests want to run at the same time share a micro-batch, so that weights are
 * read once for all. A request joins and leaves between any two micro-batches.
 */
export class Scheduler {
  private readonly lanes = new Map<string, Job[]>()
  private readonly running = new Map<string, Running>()
  private microBatches = 0
  private tokensProcessed = 0
  private lastBatchTokens = 0

  constructor(private readonly model?: Decoder) {}

  add(job: Job): void {
    const lane = this.lanes.get(job.lane)
    if (lane) lane.push(job)
    else this.lanes.set(job.lane, [job])
  }

  /** Runs a micro-batch, before which `poll` may add jobs. Returns false once all jobs are done or wait, or if `isPaused`. */
  step(poll: () => void, isPaused: () => boolean = () => false): boolean {
    poll()
    this.beginWhatCan()
    return !isPaused() && this.runBatch()
  }

  get counts(): BatchCounts {
    const { microBatches, tokensProcessed, lastBatchTokens } = this
    const sequencesRunning = [...this.running.values()].filter(({ demand }) => demand).length
    return { sequencesRunning, microBatches, tokensProcessed, lastBatchTokens }
  }

  /** Runs the first job of every lane up to its first demand; a job without demands ends there. */
  private beginWhatCan(): void {
    for (const [lane, jobs] of this.lanes) {
      while (jobs.length > 0 && !this.running.has(lane)) {
        const job = jobs[0]
        if (!job.isWanted() && !job.stopped()) break
        const running: Running = { job, servedAt: 0 }
        this.running.set(lane, running)
        this.advance(running, () => job.task.next(0))
      }
    }
  }

  /** Runs one micro-batch, and gives jobs without a demand their turn. Returns false if there was nothing to do. */
  private runBatch(): boolean {
    const ready = [...this.running.values()].filter(({ job }) => job.isWanted() || job.stopped())
    const stopped = ready.filter(({ job }) => job.stopped())
    for (const running of stopped) this.fail(running, new Stopped('stopped'))
    const waiting = ready.filter((running) => !stopped.includes(running))
    if (waiting.length === 0 || !this.model) return stopped.length > 0

    const turns = waiting.filter(({ demand }) => !demand)
    const isIdle = !this.serve(this.model, waiting)
    for (const running of turns) this.advance(running, () => running.job.task.next(isIdle ? 1 : 0))
    return true
  }

  /** Runs one micro-batch. Returns false if no task has tokens to run. */
  private serve(model: Decoder, waiting: readonly Running[]): boolean {
    const isAlone = waiting.length === 1
    // Drafts would delay others.
    const sizeOf = ({ tokens, drafts = 0 }: Demand) => (isAlone ? tokens.length : tokens.length - drafts)
    const tokens = waiting.map(({ demand, servedAt }) => ({ tokens: demand ? sizeOf(demand) : 0, servedAt }))
    const counts = shareOut(tokens, SLICE)
    const served = waiting.flatMap((running, i) => {
      return running.demand && counts[i] > 0 ? { running, demand: running.demand, count: counts[i] } : []
    })
    if (served.length === 0) return false
    this.microBatches++
    this.lastBatchTokens = counts.reduce((sum, count) => sum + count, 0)
    this.tokensProcessed += this.lastBatchTokens
    const started = performance.now()
    const errors = runMicroBatch(model, served)
    if (served.length === 1) served[0].demand.timed?.(served[0].count, performance.now() - started)
    for (const [i, { running, count }] of served.entries()) {
      running.servedAt = this.microBatches
      if (errors[i] !== undefined) this.fail(running, errors[i])
      else this.advance(running, () => running.job.task.next(count))
    }
    return true
  }

  private fail(running: Running, error: unknown): void {
    this.advance(running, () => running.job.task.throw(error))
  }

  private advance(running: Running, step: () => IteratorResult<Demand | Turn, unknown>): void {
    const { job } = running
    try {
      const { done, value } = step()
      if (!done) {
        running.demand = value
        return
      }
      this.leave(job)
      job.done(value)
    } catch (error) {
      this.leave(job)
      job.failed(error)
    }
  }

  private leave({ lane }: Job): void {
    this.running.delete(lane)
    const jobs = this.lanes.get(lane)
    jobs?.shift()
    if (jobs?.length === 0) this.lanes.delete(lane)
  }
}

interface Waiting {
  tokens: number
  /** Number of the micro-batch that served it last. */
  servedAt: number
}

/** Least tokens for each waiting prompt, so that none waits for another to end. Too many prompts take turns. */
const LEAST = 16

/**
 * Number of tokens of each sequence in the next micro-batch. Decode steps, of one token each, come first. Prompts get
 * the other rows: all if no decode step waits, else at most `slice`. The shortest prompt, whose answer can begin
 * soonest, gets half of them, so that many long ones do not delay it. Each other prompt gets a few; the rest goes to
 * the shortest ones.
 */
export function shareOut(waiting: readonly Waiting[], slice: number): number[] {
  const shares = new Array<number>(waiting.length).fill(0)
  const inTurn = waiting.map((_, i) => i).sort((a, b) => waiting[a].servedAt - waiting[b].servedAt)
  const steps = inTurn.filter((i) => waiting[i].tokens === 1)
  const prompts = inTurn.filter((i) => waiting[i].tokens > 1)

  const ofSteps = Math.min(steps.length, prompts.length > 0 ? MAX_BATCH - LEAST : MAX_BATCH)
  for (const i of steps.slice(0, ofSteps)) shares[i] = 1
  let room = Math.min(MAX_BATCH - ofSteps, ofSteps > 0 ? slice : MAX_BATCH)
  const give = (i: number, most: number) => {
    const more = Math.min(room, most, waiting[i].tokens - shares[i])
    shares[i] += more
    room -= more
  }
  const shortestFirst = [...prompts].sort((a, b) => waiting[a].tokens - waiting[b].tokens)
  for (const i of shortestFirst.slice(0, 1)) give(i, Math.ceil(room / 2))
  for (const i of prompts) give(i, Math.max(0, LEAST - shares[i]))
  for (const i of shortestFirst) give(i, MAX_BATCH)
  return shares
}
