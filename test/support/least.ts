/**
 * The least of a few measurements of milliseconds, until one is below `wanted`: what else the machine is doing makes single
 * ones larger, never smaller.
 */
export async function least(wanted: number, measure: () => Promise<number>): Promise<number> {
  let result = Number.POSITIVE_INFINITY
  for (let i = 0; i < 10 && result >= wanted; i++) result = Math.min(result, await measure())
  return result
}
