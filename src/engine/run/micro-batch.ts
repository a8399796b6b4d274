import type { Decoder } from '../../model/layers/decoder.js'
import { type Demand, Stopped } from './reading/demand.js'

/** The part of a demand in a micro-batch. */
export interface Share {
  demand: Demand
  /** Number of tokens, from the first of the demand on. */
  count: number
}

/**
 * Runs shares of several sequences together. Returns undefined for each, or its error. If a batch fails as a whole, its
 * sequences run one by one, so that only faulty ones fail, and those whose states the batch has torn.
 */
export function runMicroBatch(model: Decoder, shares: readonly Share[]): unknown[] {
  const segments = shares.map(({ demand, count }) => {
    const { tokens, cache, marks, mask, taps, stopped } = demand
    const drafts = Math.max(0, count - tokens.length + (demand.drafts ?? 0))
    return { tokens: tokens.subarray(0, count), cache, marks, drafts, mask, taps: { ...taps, stopped } }
  })
  let isDone: boolean
  try {
    isDone = model.forward(segments)
  } catch (error) {
    if (shares.length === 1) return [error]
    return shares.flatMap((share) => (share.demand.cache.isTorn ? [error] : runMicroBatch(model, [share])))
  }
  return isDone ? takeLogits(model, shares) : shares.map(() => new Stopped('stopped'))
}

/** Computes the wanted logits of all shares in one product, and hands them over. Returns the error of each share. */
function takeLogits(model: Decoder, shares: readonly Share[]): unknown[] {
  const errors = new Array<unknown>(shares.length).fill(undefined)
  const wanted: { share: number; token: number; row: number }[] = []
  let firstRow = 0
  for (const [share, { demand, count }] of shares.entries()) {
    const { first, logitsFrom, skipsLogits } = demand
    if (logitsFrom < first + count && skipsLogits?.()) {
      firstRow += count
      continue
    }
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
