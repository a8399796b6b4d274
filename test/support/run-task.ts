import type { SavedSequence } from '#molm/api/session.js'
import { Stopped, type Task } from '#molm/engine/demand.js'
import { runMicroBatch } from '#molm/engine/micro-batch.js'
import { exportSequence } from '#molm/engine/saved-sequence.js'
import type { Sequence } from '#molm/engine/sequence.js'
import { type Decoder, MAX_BATCH } from '#molm/nn/decoder.js'

/** Runs a task alone to its end. Returns its reply, or throws its error. */
export function runTask<T>(model: Decoder, task: Task<T>): T {
  let step = task.next(0)
  while (!step.done) {
    const demand = step.value
    if (!demand) {
      step = task.next(0)
      continue
    }
    const count = Math.min(demand.tokens.length, MAX_BATCH)
    const [error] = demand.stopped() ? [new Stopped('stopped')] : runMicroBatch(model, [{ demand, count }])
    step = error === undefined ? task.next(count) : task.throw(error)
  }
  return step.value
}

/** Saves a sequence. */
export function exportOf(sequence: Sequence): SavedSequence {
  return runTask(sequence.model, exportSequence(sequence, new Int32Array(1)))
}
