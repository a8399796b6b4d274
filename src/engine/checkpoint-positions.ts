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
  const interval = count > 1 ? IN_PROMPT : IN_ANSWER
  for (let at = (Math.floor(first / interval) + 1) * interval; at <= first + count; at += interval) positions.add(at)
  if (count > 1) positions.add(first + count - 1).add(first + count)
  return [...positions].sort((a, b) => a - b)
}
