import { commonPrefix } from '../../common-prefix.js'

/** Number of equal tokens in a row after which two texts are taken to agree again. */
const SURE = 4

/**
 * Number of tokens at the beginning of a prompt that `reported` has, too. The prompt may lack stretches of them: a chat
 * template may leave out old thoughts.
 */
export function alreadyReported(reported: readonly number[], prompt: readonly number[]): number {
  let from = commonPrefix(reported, prompt)
  let at = from
  while (from < reported.length && at < prompt.length) {
    const next = reported.findIndex((_, i) => i > from && agrees(reported, i, prompt, at))
    if (next < 0) break
    from = next
    while (from < reported.length && reported[from] === prompt[at]) {
      from++
      at++
    }
  }
  return at
}

/** Whether both texts have the same tokens from these places on, as far as it matters. */
function agrees(one: readonly number[], i: number, other: readonly number[], j: number): boolean {
  const length = Math.min(SURE, one.length - i)
  for (let k = 0; k < length; k++) if (one[i + k] !== other[j + k]) return false
  return true
}
