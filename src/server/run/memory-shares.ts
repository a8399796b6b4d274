import type { Limits } from '../common/limits.js'

const MIB = 2 ** 20

/** Further bytes of a busy process: buffers of connections, and garbage. */
const BUSY_BYTES = 32 * MIB
/** A body is a buffer, then a text, then the values in it; some of these wait for the garbage collector. */
const BODY_COPIES = 2
const LEAST_MARGIN = 32 * MIB
/** Bodies and answers may each take at least this. */
const LEAST_SHARE = MIB

export type Shares = Pick<Limits, 'bodyBytes' | 'bodiesBytes' | 'answerBytes' | 'answersBytes'>

/** The limits, lowered if little memory is free: of `free` bytes, bodies get a sixteenth and answers an eighth. */
export function sharesWithin(limits: Shares, free: number): Shares {
  const share = (most: number, part: number) => Math.min(most, Math.max(LEAST_SHARE, Math.floor(free / part)))
  const bodiesBytes = share(limits.bodiesBytes, 16)
  const answersBytes = share(limits.answersBytes, 8)
  const bodyBytes = Math.min(limits.bodyBytes, bodiesBytes)
  const answerBytes = Math.min(limits.answerBytes, answersBytes)
  return { bodyBytes, bodiesBytes, answerBytes, answersBytes }
}

/** Bytes that caches leave free for everything else. */
export function marginWithin(limits: Shares, free: number): number {
  const { bodiesBytes, answersBytes } = sharesWithin(limits, free)
  return Math.max(LEAST_MARGIN, BODY_COPIES * bodiesBytes + answersBytes + Math.min(BUSY_BYTES, free / 8))
}
