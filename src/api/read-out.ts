/** A token, and how much a row adds to its logit. */
export interface TokenEffect {
  token: number
  value: number
}

/**
 * A row of the residual stream, read through the last norm and the head. Values are as if the norm divided by 1: the
 * part of a stream that the row has in the logits is a value divided by the stream's divisor.
 */
export interface ReadOut {
  /** Tokens that the row pushes up most, and down most, the most extreme first. */
  up: TokenEffect[]
  down: TokenEffect[]
  /** Logit that it adds to the token that was asked for. */
  effect?: number
  /** The number that the last norm would divide this row by. */
  divisor: number
}
