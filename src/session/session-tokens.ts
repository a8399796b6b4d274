/** A call that has been made and changes the tokens of its session. */
export interface PlannedChange {
  /** Adds tokens to those that the call leaves in the cache. */
  add(tokens: ArrayLike<number>): void
  /** The call has been carried out. */
  done(): void
  /** The call has failed and left the session as it was. */
  failed(): void
}

interface Change {
  /** Most of the earlier tokens that stay. */
  keep: number
  added: number[]
  isDone: boolean
}

/**
 * Tokens in a session's cache once all calls made so far are carried out, which happens in the order they were made. A
 * call that fails is taken out, and later ones count from the tokens before it.
 */
export class SessionTokens {
  private readonly settled: number[] = []
  private readonly pending: Change[] = []

  get length(): number {
    return this.pending.reduce((length, { keep, added }) => Math.min(length, keep) + added.length, this.settled.length)
  }

  /** All ids; a list that the next change may alter. */
  get ids(): readonly number[] {
    if (this.pending.length === 0) return this.settled
    const ids = [...this.settled]
    for (const change of this.pending) apply(change, ids)
    return ids
  }

  /** Notes a call that keeps at most `keep` tokens and adds others. */
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

/** One by one: a spread of a long text would overflow the stack. */
function append(ids: number[], more: ArrayLike<number>): void {
  for (let i = 0; i < more.length; i++) ids.push(more[i])
}
