/**
 * The repetition penalty of CTRL as Hugging Face and llama.cpp apply it: the logit of each token that occurs in `ids` is
 * divided by the penalty where it is positive and multiplied by it where it is negative, once, however often the token
 * occurs. Above 1 repetition becomes less likely, below 1 more.
 *
 * `ids` is the window that counts. Hugging Face takes the whole context, prompt included, and so does the sampler when
 * it is given the whole context; llama.cpp takes the last 64 tokens. Ids outside the vocabulary are passed over.
 *
 * Reads `logits` and writes `penalised` (a copy of them), which is why a second occurrence does no harm.
 */
export function penaliseRepeats(
  logits: Float32Array,
  penalised: Float32Array,
  ids: Iterable<number>,
  penalty: number,
): void {
  for (const id of ids) {
    if (id < logits.length) penalised[id] = logits[id] > 0 ? logits[id] / penalty : logits[id] * penalty
  }
}
