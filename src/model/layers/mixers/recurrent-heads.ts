import { Recurrence, type RecurrenceShape, recurrenceStateFloats } from '../../../kernels/calls/recurrence.js'
import { allocateSegments, type StateRows, writeSegment } from '../../../kernels/calls/state-segments.js'
import type { Rows } from '../../../kernels/memory/rows.js'
import type { StateSpan } from '../batch-cache.js'
import type { Mark } from '../cache/sequence-cache.js'
import type { Workspace } from '../workspace.js'

/** A checkpoint within the rows of a batch, and the address of the state there. */
interface Kept {
  mark: Mark
  at: number
}

/** Heads whose state is a matrix, at `stateOffset` bytes in a layer's running state (assembly/recurrence.ts). */
export class RecurrentHeads {
  /** Factors of the state before each token [T, heads], or of its rows [T, heads, keySize]; the caller writes them. */
  readonly decays: Rows
  /** Factor of each token's value [T, heads], which the caller writes. */
  readonly gains: Rows
  private readonly stateFloats: number
  private readonly offset: number
  private readonly recurrence: Recurrence
  private readonly table: number
  /** Addresses of states at checkpoints; later runs use them again. */
  private readonly spare: number[] = []

  constructor(
    private readonly workspace: Workspace,
    /** `decays` has a decay of each row. Default: one of each head. */
    { decays, ...shape }: Omit<RecurrenceShape, 'decays' | 'isByRow' | 'gains'> & { decays?: Rows },
  ) {
    const { bank, threads, maxTokens } = workspace
    this.decays = decays ?? workspace.rows(1, shape.heads)
    this.gains = workspace.rows(1, shape.heads)
    this.stateFloats = recurrenceStateFloats(shape.heads, shape.keySize, shape.valueSize)
    this.offset = shape.stateOffset
    const factors = { decays: this.decays, isByRow: decays !== undefined, gains: this.gains }
    this.recurrence = new Recurrence(bank, { ...shape, ...factors }, threads)
    this.table = allocateSegments(bank, maxTokens)
  }

  /** `skips` is the address of each head's factor of its values in the output; 0 for none. */
  run(spans: readonly StateSpan[], tokens: number, skips = 0): void {
    const { bank } = this.workspace
    const kept: Kept[] = []
    const parts = spans.flatMap((span) => this.partsOf(span, kept))
    for (const [i, part] of parts.entries()) writeSegment(bank, this.table, i, part)
    this.recurrence.run(this.table, parts.length, tokens, skips)
    for (const { mark, at } of kept) {
      const from = (at + this.offset) / 4
      mark.state.set(bank.f32.subarray(from, from + this.stateFloats), this.offset / 4)
    }
  }

  /** Cuts a sequence's rows at its checkpoints, so that the state of each is left somewhere. */
  private partsOf({ first, count, before, after, marks }: StateSpan, kept: Kept[]): StateRows[] {
    const parts: StateRows[] = []
    let [from, state] = [0, before]
    for (const mark of [...marks].sort((a, b) => a.after - b.after)) {
      if (mark.after > from) {
        const next = mark.after === count ? after : this.spareState(kept.length)
        parts.push({ first: first + from, count: mark.after - from, before: state, after: next })
        from = mark.after
        state = next
      }
      kept.push({ mark, at: state })
    }
    if (from < count) parts.push({ first: first + from, count: count - from, before: state, after })
    return parts
  }

  /** Address of a state of this run, less the offset that the kernel adds. */
  private spareState(index: number): number {
    const { bank } = this.workspace
    while (this.spare.length <= index) this.spare.push(bank.arena.allocate(this.stateFloats * 4) - this.offset)
    return this.spare[index]
  }
}
