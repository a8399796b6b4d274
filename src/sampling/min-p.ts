import type { Candidates } from './candidates.js'

/**
 * Keeps the tokens that are at least p (0 ... 1) times as probable as the most probable one: few if the model is sure,
 * many if it is not. The most probable token always stays; p = 0 keeps all.
 */
export function keepMinP(candidates: Candidates, p: number): void {
  if (p <= 0) return
  const { ids, logits } = candidates
  const threshold = candidates.largestLogit() + Math.log(p)
  let kept = 0
  for (let at = 0; at < candidates.count; at++) {
    if (logits[at] >= threshold) {
      ids[kept] = ids[at]
      logits[kept] = logits[at]
      kept++
    }
  }
  candidates.count = kept
}
