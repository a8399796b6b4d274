import { MAX_BATCH } from '../nn/decoder.js'

/** A sequence that waits for the model. */
export interface Waiting {
  /** Number of tokens to run. */
  tokens: number
  /** Number of the micro-batch that served it last. */
  servedAt: number
}

/**
 * Least tokens for each waiting prompt, so that none waits for another to end. If there are too many prompts, they take
 * turns.
 */
const LEAST = 16

/**
 * Number of tokens of each sequence in the next micro-batch. Decode steps, of one token each, come first. Prompts get
 * the other rows: all if no decode step waits, else at most `slice`. The shortest prompt, whose answer can begin
 * soonest, gets half of them, so that many long ones do not delay it. Each other prompt gets a few; the rest goes to
 * the shortest ones.
 */
export function shareOut(waiting: readonly Waiting[], slice: number): number[] {
  const shares = new Array<number>(waiting.length).fill(0)
  const inTurn = waiting.map((_, i) => i).sort((a, b) => waiting[a].servedAt - waiting[b].servedAt)
  const steps = inTurn.filter((i) => waiting[i].tokens === 1)
  const prompts = inTurn.filter((i) => waiting[i].tokens > 1)

  const ofSteps = Math.min(steps.length, prompts.length > 0 ? MAX_BATCH - LEAST : MAX_BATCH)
  for (const i of steps.slice(0, ofSteps)) shares[i] = 1
  let room = Math.min(MAX_BATCH - ofSteps, ofSteps > 0 ? slice : MAX_BATCH)
  const give = (i: number, most: number) => {
    const more = Math.min(room, most, waiting[i].tokens - shares[i])
    shares[i] += more
    room -= more
  }
  const shortestFirst = [...prompts].sort((a, b) => waiting[a].tokens - waiting[b].tokens)
  for (const i of shortestFirst.slice(0, 1)) give(i, Math.ceil(room / 2))
  for (const i of prompts) give(i, Math.max(0, LEAST - shares[i]))
  for (const i of shortestFirst) give(i, MAX_BATCH)
  return shares
}
