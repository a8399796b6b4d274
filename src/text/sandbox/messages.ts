/** Messages to the process: first its opening, which it prepares for all requests, then requests. */
export type Question = { opening: unknown } | { request: unknown; milliseconds: number }

/** Messages from the process: it has started and begins to prepare its opening, is ready, or answers. */
export type Reply = { isStarted: true } | { isReady: true } | Answer

export type Answer = { value: unknown } | Failure

/** An error, or the milliseconds of the limit that the process reached. */
export type Failure = ({ error: string } | { exceeded: number }) & {
  /** It is the opening's, and would come again. */
  isForGood?: true
}
