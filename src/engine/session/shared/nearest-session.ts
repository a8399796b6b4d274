import type { Session } from '../../../api/session.js'
import { commonPrefix } from '../../../ground/common-prefix.js'
import type { ExpertMask } from '../../../model/config/expert-mask.js'
import { type HeldSession, LEAST_SHARED, type SharedBeginning } from './held-session.js'

/** Experts that a session's tokens must not use. */
export interface SessionMask {
  mask: ExpertMask
  /** Text that is equal for masks of the same experts. */
  key: string
}

/** Sessions that may have the beginning of a prompt. */
export interface Candidates {
  readonly resting: readonly Session[]
  /** Those in use, oldest first. */
  readonly held: Iterable<HeldSession>
  /** Mask of each session that has one. */
  readonly masks: WeakMap<Session, SessionMask>
}

/** Whether a session is taken rather than shared: it is at rest and loses less than half of its tokens. */
export function isToTake({ session, tokens, held }: SharedBeginning): boolean {
  return !held && 2 * tokens > session.length
}

/**
 * Session with most of a prompt and the same mask. A session at rest to take comes first unless another has much more; of
 * several with as much, the shortest, which loses least.
 */
export function nearestSession(
  prompt: readonly number[],
  mask: SessionMask | undefined,
  { resting, held, masks }: Candidates,
): SharedBeginning | undefined {
  let taken: SharedBeginning | undefined
  let shared: SharedBeginning | undefined
  for (const session of resting) {
    if (masks.get(session)?.key !== mask?.key) continue
    const near = { session, tokens: commonPrefix(session.tokens, prompt, prompt.length - 1) }
    if (isToTake(near)) {
      const isBetter = !taken || near.tokens > taken.tokens || session.length < taken.session.length
      if (near.tokens >= (taken?.tokens ?? 0) && isBetter) taken = near
    } else if (near.tokens > (shared?.tokens ?? 0)) {
      shared = near
    }
  }
  for (const one of held) {
    if (masks.get(one.session)?.key !== mask?.key) continue
    const tokens = commonPrefix(one.prompt, prompt, prompt.length - 1)
    if (tokens > (shared?.tokens ?? 0)) shared = { session: one.session, tokens, held: one }
  }
  return shared && shared.tokens >= LEAST_SHARED + (taken?.tokens ?? 0) ? shared : taken
}

/** Session of an older request with the same mask that reads the same beginning, and has not been tried. */
export function earlierReader(
  { session: own, prompt, cached }: HeldSession,
  tried: ReadonlySet<Session>,
  mask: SessionMask | undefined,
  { held, masks }: Candidates,
): SharedBeginning | undefined {
  for (const one of held) {
    if (one.session === own) return undefined
    if (tried.has(one.session) || masks.get(one.session)?.key !== mask?.key) continue
    const tokens = commonPrefix(one.prompt, prompt, prompt.length - 1)
    if (tokens >= cached + LEAST_SHARED) return { session: one.session, tokens, held: one }
  }
  return undefined
}
