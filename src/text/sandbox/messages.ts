/** Messages to the process: its opening, which it prepares for all requests, then requests. */
export type Question = { opening: unknown } | { request: unknown; milliseconds: number }

/** Messages from the process: it has started and prepares its opening, is ready, or answers. */
export type Reply = { isStarted: true } | { isReady: true } | Answer

export type Answer = { value: unknown } | Failure

/** An error, or the milliseconds of the exceeded limit. */
export type Failure = ({ error: string } | { exceeded: number }) & {
  /** A failure of the opening, which would come again. */
  isForGood?: true
}
