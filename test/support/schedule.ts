import type { Task } from '#molm/engine/run/reading/demand.js'
import { Scheduler } from '#molm/engine/run/scheduler.js'
import type { Decoder } from '#molm/model/layers/decoder.js'

/** A task for a scheduler on this thread. */
export interface Scheduled {
  task: Task
  /** Number of micro-batches to run before it is added. Default 0. */
  after?: number
  /** Default: its own lane. */
  lane?: string
  stopped?: () => boolean
  isWanted?: () => boolean
}

export interface Outcome {
  value?: unknown
  error?: unknown
  /** Number of micro-batches that had run when it ended. */
  endedAt: number
}

/** Runs tasks together until all have ended or are no longer wanted. Calls `between` before each micro-batch. */
export function schedule(
  model: Decoder,
  tasks: readonly Scheduled[],
  between: (scheduler: Scheduler) => void = () => undefined,
): { outcomes: (Outcome | undefined)[]; scheduler: Scheduler } {
  const scheduler = new Scheduler(model)
  const outcomes: (Outcome | undefined)[] = tasks.map(() => undefined)
  const toCome = new Set(tasks.keys())
  let round = 0
  const poll = () => {
    for (const i of toCome) {
      const { task, after = 0, lane = `lane ${i}`, stopped = () => false, isWanted = () => true } = tasks[i]
      if (after > round) continue
      toCome.delete(i)
      const end = (outcome: Partial<Outcome>) => {
        outcomes[i] = { ...outcome, endedAt: scheduler.counts.microBatches }
      }
      scheduler.add({
        lane,
        task,
        stopped,
        isWanted,
        done: (value) => end({ value }),
        failed: (error) => end({ error }),
      })
    }
    round++
    between(scheduler)
  }
  while (scheduler.step(poll) || toCome.size > 0);
  return { outcomes, scheduler }
}

/** Reply of a task that has succeeded. */
export function replyOf<T>(outcome?: Outcome): T {
  if (!outcome || outcome.error !== undefined) throw new Error(`no reply: ${outcome?.error}`)
  return outcome.value as T
}
