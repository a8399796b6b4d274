/** A pending call that changes the tokens of its session. */
export interface PlannedChange {
  add(tokens: ArrayLike<number>): void
  done(): void
  /** The call has failed and changed nothing. */
  failed(): void
}

interface Change {
  /** Most earlier tokens that stay. */
  keep: number
  added: number[]
  isDone: boolean
}

/**
 * Tokens in a session's cache, as they will be when all pending calls are done. Calls take effect in the order they
 * were made; one that fails is left out.
 */
export class SessionTokens {
  private readonly settled: number[] = []
  private readonly pending: Change[] = []

  get length(): number {
    return this.pending.reduce((length, { keep, added }) => Math.min(length, keep) + added.length, this.settled.length)
  }

  /** All ids. The next change may alter the list. */
  get ids(): readonly number[] {
    if (this.pending.length === 0) return this.settled
    const ids = [...this.settled]
    for (const change of this.pending) apply(change, ids)
    return ids
  }

  /** Registers a call that keeps at most `keep` earlier tokens (default: all) and appends others. */
  plan({ keep = Number.POSITIVE_INFINITY, added = [] }: { keep?: number; added?: ArrayLike<number> }): PlannedChange {
    const change: Change = { keep, added: [], isDone: false }
    append(change.added, added)
    this.pending.push(change)
    return {
      add: (tokens) => append(change.added, tokens),
      done: () => {
        change.isDone = true
        this.settle()
      },
      failed: () => {
        this.pending.splice(this.pending.indexOf(change), 1)
        this.settle()
      },
    }
  }

  private settle(): void {
    while (this.pending[0]?.isDone) {
      apply(this.pending[0], this.settled)
      this.pending.shift()
    }
  }
}

function apply({ keep, added }: Change, ids: number[]): void {
  ids.length = Math.min(ids.length, keep)
  append(ids, added)
}

// One by one: spreading a long text would overflow the stack.
function append(ids: number[], more: ArrayLike<number>): void {
  for (let i = 0; i < more.length; i++) ids.push(more[i])
}
