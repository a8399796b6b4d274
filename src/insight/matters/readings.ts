import type { Session } from '../../api/session.js'
import { inOrder } from '../../ground/in-order.js'
import { sequencesAtOnce } from '../texts/reading.js'

/** Sequences that run in company. */
const AT_ONCE = 16

/** Readings of an answer that are done, and all of them. */
export interface ReadingCounts {
  done: number
  of: number
}

/** Readings of an answer, each with another change of the model. Several run at once, and all are counted. */
export class Readings {
  private done = 0

  constructor(
    /** Tokens of a reading. */
    private readonly length: number,
    private readonly of: number,
    private readonly onProgress?: (readings: ReadingCounts) => void,
  ) {}

  /** Reads with each change, and yields in order what comes of it. */
  async *each<Change, Result>(changes: Iterable<Change>, read: (change: Change) => Promise<Result>) {
    const work = async (change: Change) => ({ change, result: await read(change) })
    for await (const one of inOrder(changes, work, { parallel: sequencesAtOnce(this.length, AT_ONCE) })) {
      this.done++
      this.onProgress?.({ done: this.done, of: this.of })
      yield one
    }
  }
}

export type Reading = Awaited<ReturnType<typeof readAnswer>>

/** Reads an answer after its prompt: its likeliest tokens, and the log-probability of the tokens that count. */
export async function readAnswer(
  session: Session,
  prompt: readonly number[],
  tokens: readonly number[],
  { token, signal }: { token?: number; signal?: AbortSignal } = {},
) {
  const read = [...prompt, ...tokens.slice(0, token)]
  // The token after the last one shows whether the answer ends there. Its target does not count.
  const targets = token === undefined ? [...tokens, 0] : [tokens[token]]
  const result = await session.forward(read, { logits: 'none', targets, routes: true, signal })
  const { routes, logprobs = new Float64Array(0), likeliest = new Int32Array(0) } = result
  const counted = logprobs.subarray(0, token === undefined ? tokens.length : 1)
  return { routes, likeliest, logprob: counted.reduce((sum, logprob) => sum + logprob, 0) }
}
