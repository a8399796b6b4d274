/**
 * Applies CTRL's repetition penalty, as Hugging Face and llama.cpp do: divides the logit of each token in `ids` by the
 * penalty if it is positive, and multiplies it if it is negative. A token that occurs several times is penalised once.
 * A penalty above 1 makes repetition less likely, one below 1 more likely.
 *
 * `ids` is the window that counts. Hugging Face takes the whole context with the prompt, llama.cpp the last 64 tokens.
 * Ids outside the vocabulary are skipped.
 *
 * Reads `logits` and writes `penalised`, a copy of them, so that a second occurrence has no effect.
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
