import type { Model, Session } from '../generation/types.js'
import type { Limits } from './limits.js'

/** A session that is in use, with the tokens of a prompt that its cache has already. */
export interface HeldSession {
  session: Session
  /** The beginning of the prompt that need not be run. */
  cached: number
  /** What the cache has when the session is given back, and perhaps more. */
  tokens: number[]
}

/** Sessions at rest, whose caches serve the next requests that begin with the same tokens. */
export class Sessions {
  /** Longest at rest first. */
  private resting: { session: Session; tokens: number[] }[] = []

  constructor(
    private readonly model: Pick<Model, 'createSession'>,
    private readonly limits: Pick<Limits, 'keptSequences' | 'keptTokens'>,
  ) {}

  /** Sequences at rest, and their tokens together. */
  get kept(): { sequences: number; tokens: number } {
    const tokens = this.resting.reduce((sum, { tokens }) => sum + tokens.length, 0)
    return { sequences: this.resting.length, tokens }
  }

  /**
   * The session that begins most like `prompt`, cut to what they have in common, and to one token less than the prompt,
   * whose last has to be run. A new one where none has anything in common, or where all of the prompt is to be run.
   */
  take(prompt: readonly number[], runAll: boolean): HeldSession {
    let best = -1
    let cached = 0
    for (const [at, { tokens }] of runAll ? [] : this.resting.entries()) {
      const common = commonPrefix(tokens, prompt, prompt.length - 1)
      if (common > cached) [best, cached] = [at, common]
    }
    if (best < 0) return { session: this.model.createSession(), cached: 0, tokens: [] }
    const [{ session, tokens }] = this.resting.splice(best, 1)
    session.truncate(cached)
    return { session, cached, tokens: tokens.slice(0, cached) }
  }

  /** Lets a session rest, and others go where that makes too many. */
  give({ session, tokens }: HeldSession): void {
    const { length } = session
    if (length === 0 || length > tokens.length) return session.dispose()
    this.resting.push({ session, tokens: tokens.slice(0, length) })
    const { keptSequences, keptTokens } = this.limits
    while (this.kept.sequences > keptSequences || this.kept.tokens > keptTokens) this.resting.shift()?.session.dispose()
  }

  /** Gives the memory of all sessions at rest back; false where there were none. */
  drop(): boolean {
    const dropped = this.resting
    this.resting = []
    for (const { session } of dropped) session.dispose()
    return dropped.length > 0
  }
}

function commonPrefix(a: readonly number[], b: readonly number[], most: number): number {
  const end = Math.min(most, a.length)
  let length = 0
  while (length < end && a[length] === b[length]) length++
  return length
}
