/** Tokens between two checkpoints of a prompt, and of a text that is generated or run token by token. */
const IN_PROMPT = 512
const IN_ANSWER = 64

/**
 * Positions at which a sequence keeps checkpoints while it runs `count` tokens from position `first` on. They are the
 * ends of messages and of the whole prompt, since conversations divide there, and positions at regular intervals. The
 * last token of a prompt may run again for its logits, so the position before it is one, too. They do not depend on the
 * division into micro-batches.
 */
export function checkpointPositions(first: number, count: number, messageEnds: readonly number[] = []): number[] {
  const positions = new Set(messageEnds.map((end) => first + end))
  for (const at of multiples(count > 1 ? IN_PROMPT : IN_ANSWER, first, count)) positions.add(at)
  if (count > 1) positions.add(first + count - 1).add(first + count)
  return [...positions].sort((a, b) => a - b)
}

/** Positions of the checkpoints in a run of `count` drafts: the same as in `count` steps of one token. */
export function checkpointsInDrafts(first: number, count: number): number[] {
  return multiples(IN_ANSWER, first, count)
}

/** Multiples of an interval in (first, first + count], rising. */
function multiples(interval: number, first: number, count: number): number[] {
  const found: number[] = []
  for (let at = (Math.floor(first / interval) + 1) * interval; at <= first + count; at += interval) found.push(at)
  return found
}
