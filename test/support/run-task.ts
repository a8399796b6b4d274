import { type GenerationSettings, settle } from '#molm/api/generation-options.js'
import type { CacheTensor } from '#molm/api/session.js'
import type { CacheDescription, CacheRequest } from '#molm/engine/run/messages/cache-request.js'
import type { ForwardReply, ForwardRequest, GenerateRequest } from '#molm/engine/run/messages/protocol.js'
import { runMicroBatch } from '#molm/engine/run/micro-batch.js'
import { Stopped, type Task } from '#molm/engine/run/reading/demand.js'
import { CacheTransfers } from '#molm/engine/run/sequences/cache-transfer.js'
import { Sequence } from '#molm/engine/run/sequences/sequence.js'
import { type Decoder, MAX_BATCH } from '#molm/model/layers/decoder.js'

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

/** Request to read tokens. It reports the logits of the last one alone, unless `more` says otherwise. */
export function forwardOf(tokens: ArrayLike<number>, more: Partial<ForwardRequest> = {}): ForwardRequest {
  const looks = { logits: 'last', routes: false, probabilities: false, hidden: false } as const
  return { kind: 'forward', session: 0, tokens: Int32Array.from(tokens), ...looks, ...more }
}

/** Request to write a text after a prompt. */
export function generateOf(
  prompt: ArrayLike<number>,
  settings: Partial<GenerationSettings>,
  more: Partial<GenerateRequest> = {},
): GenerateRequest {
  const looks = { eos: [], routes: false, probabilities: false }
  return {
    kind: 'generate',
    session: 0,
    prompt: Int32Array.from(prompt),
    settings: settle(settings),
    ...looks,
    ...more,
  }
}

/** Has a sequence read tokens, alone. */
export function read(sequence: Sequence, tokens: ArrayLike<number>, more?: Partial<ForwardRequest>): ForwardReply {
  return runTask(sequence.model, sequence.forward(forwardOf(tokens, more), new Int32Array(1)))
}

/** A sequence with all that its cache holds. */
export interface SequenceCopy extends Pick<CacheDescription, 'tokens' | 'oldest' | 'checkpoints'> {
  /** Bytes of the cache's tensors. */
  tensors: Uint8Array[]
}

type Step = CacheRequest extends infer R ? (R extends unknown ? Omit<R, 'kind' | 'session'> : never) : never

/** Takes steps of an export or import. */
function transferOf(sequence: Sequence): <T>(step: Step) => T {
  const transfers = new CacheTransfers()
  return <T>(step: Step) => {
    const request = { kind: 'cache', session: 0, ...step } as CacheRequest
    return runTask(sequence.model, transfers.run(sequence, request, new Int32Array(1))) as T
  }
}

/** Exports a sequence. */
export function exportOf(sequence: Sequence): SequenceCopy {
  const take = transferOf(sequence)
  const { version, tensors, ...copy } = take<CacheDescription>({ step: 'describe' })
  return {
    ...copy,
    tensors: tensors.map(({ shape: [rows] }, tensor) =>
      take<Uint8Array>({ step: 'read', version, tensor, from: 0, rows }),
    ),
  }
}

/** A new sequence with an exported cache. */
export function importOf(model: Decoder, { tensors, ...copy }: SequenceCopy): Sequence {
  const sequence = new Sequence(model)
  const take = transferOf(sequence)
  for (const [tensor, { shape }] of take<CacheTensor[]>({ step: 'begin', ...copy }).entries()) {
    take({ step: 'write', tensor, from: 0, rows: shape[0], bytes: tensors[tensor] })
  }
  take({ step: 'end', isComplete: true })
  return sequence
}
