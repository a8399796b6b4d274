import type { Decoder } from '../nn/decoder.js'
import { type Demand, Stopped, type Task, type Turn } from './demand.js'
import { runMicroBatch } from './micro-batch.js'
import { shareOut } from './share-out.js'

/** A request under way, as the scheduler sees it. */
export interface Job {
  /** Jobs of one lane are done strictly one after the other. */
  lane: string
  task: Task
  /** Whether nobody wants it any more. */
  stopped(): boolean
  /** Whether its reader is ready for more. */
  isWanted(): boolean
  done(value: unknown): void
  failed(error: unknown): void
}

/** A job at the head of its lane. */
interface Running {
  job: Job
  /** Absent where it waits for nothing but its turn. */
  demand?: Demand
  servedAt: number
}

/** What has been run so far. */
export interface BatchCounts {
  /** Requests that are running tokens now. */
  sequencesRunning: number
  microBatches: number
  tokensProcessed: number
  /** Tokens of the last micro-batch. */
  lastBatchTokens: number
}

/** Tokens of prompts in a micro-batch with decode steps: what those wait for at most. */
const SLICE = 64

/**
 * Continuous batching: what all requests want of the model at a time goes through it together, so that weights are read once
 * for all of them. A request joins and leaves between any two micro-batches.
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

  /**
   * Works until every job is done or waits for its reader, or until `isPaused`; `poll` is called before each micro-batch, and
   * may add jobs.
   */
  work(poll: () => void, isPaused: () => boolean = () => false): void {
    do {
      poll()
      this.beginWhatCan()
    } while (!isPaused() && this.runBatch())
  }

  get counts(): BatchCounts {
    const { microBatches, tokensProcessed, lastBatchTokens } = this
    const sequencesRunning = [...this.running.values()].filter(({ demand }) => demand).length
    return { sequencesRunning, microBatches, tokensProcessed, lastBatchTokens }
  }

  /** Carries the first job of every lane to where it needs the model; what needs none is done then. */
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

  /** Runs one micro-batch, and gives a turn to those who wait for no more; false where nobody wants any. */
  private runBatch(): boolean {
    const ready = [...this.running.values()].filter(({ job }) => job.isWanted() || job.stopped())
    const stopped = ready.filter(({ job }) => job.stopped())
    for (const running of stopped) this.fail(running, new Stopped('stopped'))
    const waiting = ready.filter((running) => !stopped.includes(running))
    if (waiting.length === 0 || !this.model) return stopped.length > 0

    const turns = waiting.filter(({ demand }) => !demand)
    this.serve(this.model, waiting)
    for (const running of turns) this.advance(running, () => running.job.task.next(0))
    return true
  }

  private serve(model: Decoder, waiting: readonly Running[]): void {
    const tokens = waiting.map(({ demand, servedAt }) => ({ tokens: demand?.tokens.length ?? 0, servedAt }))
    const counts = shareOut(tokens, SLICE)
    const served = waiting.flatMap((running, i) => {
      return running.demand && counts[i] > 0 ? { running, demand: running.demand, count: counts[i] } : []
    })
    if (served.length === 0) return
    this.microBatches++
    this.lastBatchTokens = counts.reduce((sum, count) => sum + count, 0)
    this.tokensProcessed += this.lastBatchTokens
    const errors = runMicroBatch(model, served)
    for (const [i, { running, count }] of served.entries()) {
      running.servedAt = this.microBatches
      if (errors[i] !== undefined) this.fail(running, errors[i])
      else this.advance(running, () => running.job.task.next(count))
    }
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
