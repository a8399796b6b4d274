import type { Session } from '../../../api/session.js'

export interface SessionSize {
  session: Session
  tokens: number
}

/** Positions of a page of the cache. Only full pages are shared. */
const PAGE = 32

/** Counts the tokens that sessions share in memory with the sessions that they were forked from. */
export class SharedTokens {
  /** Number of the first tokens that two sessions share; each pair has two entries. */
  private readonly pairs = new Map<Session, Map<Session, number>>()

  /** Records that a session shares its first tokens with `source`, and so with all that this one shares tokens with. */
  fork(session: Session, source: Session, tokens: number): void {
    const full = fullPages(tokens)
    for (const [other, count] of [...this.of(source), [source, full] as const]) {
      this.set(session, other, Math.min(full, count))
    }
  }

  /** Records that a session has at most its first tokens any more. */
  cut(session: Session, tokens: number): void {
    const full = fullPages(tokens)
    for (const [other, count] of this.of(session)) this.set(session, other, Math.min(full, count))
  }

  drop(session: Session): void {
    this.cut(session, 0)
    this.pairs.delete(session)
  }

  /** Records that `session` has the place of `former`. */
  replace(former: Session, session: Session): void {
    for (const [other, count] of this.of(former)) this.set(session, other, count)
    this.drop(former)
  }

  /** Most tokens that a session shares with one of `others`. */
  common(session: Session, others: readonly SessionSize[]): number {
    const shared = this.of(session)
    return others.reduce((most, other) => Math.max(most, Math.min(shared.get(other.session) ?? 0, other.tokens)), 0)
  }

  /** Tokens of all sessions together; tokens that several share count once. */
  together(sessions: readonly SessionSize[]): number {
    return sessions.reduce((sum, one, i) => {
      return sum + one.tokens - Math.min(one.tokens, this.common(one.session, sessions.slice(0, i)))
    }, 0)
  }

  private of(session: Session): Map<Session, number> {
    return this.pairs.get(session) ?? new Map()
  }

  private set(a: Session, b: Session, tokens: number): void {
    for (const [one, other] of [
      [a, b],
      [b, a],
    ]) {
      const shared = this.of(one)
      if (tokens > 0) shared.set(other, tokens)
      else shared.delete(other)
      if (shared.size > 0) this.pairs.set(one, shared)
      else this.pairs.delete(one)
    }
  }
}

/** Tokens in full pages, of the first `tokens` ones. */
export function fullPages(tokens: number): number {
  return tokens - (tokens % PAGE)
}
