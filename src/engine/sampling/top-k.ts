import { type AllowedTokens, type Candidates, isAllowed } from './candidates.js'

/** The largest of each `span` neighbouring logits, NaN ignored. */
export interface Peaks {
  span: number
  values: Float32Array
}

const NO_PEAKS = Float32Array.of(Infinity)

/**
 * Fills `candidates` with the k tokens of the largest logits (lower ids first among equals), or with fewer if fewer can
 * be chosen, of all tokens or of the allowed ones. Their order is undefined.
 *
 * A heap of k tokens has the lowest-ranking one on top. Nearly every other token fails one comparison with it, so the
 * cost is one pass over the logits. With their peaks, the pass skips all tokens whose peak fails it.
 */
export function keepTopK(
  logits: Float32Array,
  k: number,
  candidates: Candidates,
  { allowed, peaks }: { allowed?: AllowedTokens; peaks?: Peaks } = {},
): void {
  candidates.count = 0
  let id = 0
  for (; id < logits.length && candidates.count < k; id++) {
    if (logits[id] > -Infinity && (!allowed || isAllowed(allowed, id))) {
      place(candidates, candidates.count, id, logits[id])
      candidates.count++
    }
  }
  for (let at = (candidates.count >> 1) - 1; at >= 0; at--) sink(candidates, at)

  const { span, values } = peaks ?? { span: logits.length, values: NO_PEAKS }
  let lowest = candidates.logits[0]
  for (let end = id; end < logits.length; ) {
    id = end
    const block = Math.floor(id / span)
    end = Math.min((block + 1) * span, logits.length)
    if (values[block] <= lowest) continue
    for (; id < end; id++) {
      // A later token with the same logit has the higher id and loses, so > is enough.
      if (logits[id] > lowest && (!allowed || isAllowed(allowed, id))) {
        place(candidates, 0, id, logits[id])
        sink(candidates, 0)
        lowest = candidates.logits[0]
      }
    }
  }
}

function place(candidates: Candidates, at: number, id: number, logit: number): void {
  candidates.ids[at] = id
  candidates.logits[at] = logit
}

/** Moves the token at place `at` down until it ranks after both its children. */
function sink(candidates: Candidates, at: number): void {
  for (;;) {
    const left = 2 * at + 1
    const right = left + 1
    if (left >= candidates.count) return
    const last = right < candidates.count && candidates.ranksBefore(left, right) ? right : left
    if (!candidates.ranksBefore(at, last)) return
    candidates.swap(at, last)
    at = last
  }
}
