import type { Decoder } from '../nn/decoder.js'
import { type Demand, Stopped } from './demand.js'

/** The part of a demand that goes into a micro-batch. */
export interface Share {
  demand: Demand
  /** Tokens, from the first of the demand on. */
  count: number
}

/**
 * Runs shares of several sequences together; gives for each undefined, or the error that its task must be told of. Where a
 * batch fails as a whole, its sequences are run one by one, so that only those who are at fault fail.
 */
export function runMicroBatch(model: Decoder, shares: readonly Share[]): unknown[] {
  const segments = shares.map(({ demand: { tokens, cache, taps, stopped }, count }) => {
    return { tokens: tokens.subarray(0, count), cache, taps: { ...taps, stopped } }
  })
  let isDone: boolean
  try {
    isDone = model.forward(segments)
  } catch (error) {
    if (shares.length === 1) return [error]
    return shares.flatMap((share) => runMicroBatch(model, [share]))
  }
  return isDone ? takeLogits(model, shares) : shares.map(() => new Stopped('stopped'))
}

/** Gives every share the logits that it wants, all made in one product; an error in doing so is the share's own. */
function takeLogits(model: Decoder, shares: readonly Share[]): unknown[] {
  const errors = new Array<unknown>(shares.length).fill(undefined)
  const wanted: { share: number; token: number; row: number }[] = []
  let firstRow = 0
  for (const [share, { demand, count }] of shares.entries()) {
    const { first, logitsFrom } = demand
    for (let token = Math.max(first, logitsFrom); token < first + count; token++) {
      wanted.push({ share, token, row: firstRow + token - first })
    }
    firstRow += count
  }
  let next = 0
  for (const logits of model.logits(wanted.map(({ row }) => row))) {
    const { share, token } = wanted[next++]
    try {
      if (errors[share] === undefined) shares[share].demand.take(token, logits)
    } catch (error) {
      errors[share] = error
    }
  }
  return errors
}
