/** `maxTokens` as `max_tokens`: the names of the library as JSON has them. */
export function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

/** A deep copy with all keys in snake case, in their order. */
export function snakeCaseKeys(object: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [snakeCase(key), withSnakeCaseKeys(value)]))
}

function withSnakeCaseKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withSnakeCaseKeys)
  return typeof value === 'object' && value !== null ? snakeCaseKeys(value) : value
}

/**
 * Finds the candidate that a mistyped word probably means: the nearest by letters left out, added, changed or swapped
 * with the next. The first candidate wins a tie. Undefined if none is near. The candidates bound time and memory,
 * whatever the length of the word. A word that `isName` is no word of a sentence: a changed letter is a slip in a short one,
 * too.
 */
export function nearest(
  word: string,
  candidates: readonly string[],
  { isName = false }: { isName?: boolean } = {},
): string | undefined {
  let best: { candidate: string; distance: number } | undefined
  for (const candidate of candidates) {
    // Each extra letter is an error, so a much longer word cannot be near.
    if (word.length > candidate.length + mostErrors(candidate)) continue
    const [typed, meant] = [word.toLowerCase(), candidate.toLowerCase()]
    const slips = distanceOf(typed, meant, isShort(candidate) && !isName ? 2 : 1)
    // People seldom mistype the first letter.
    const distance = slips + (typed[0] === meant[0] ? 0 : 0.5)
    if (slips > mostErrors(candidate) || (best && best.distance <= distance)) continue
    best = { candidate, distance }
  }
  return best?.candidate
}

/** In a short word a changed letter often makes another real word: list, lost, mist. */
function isShort(word: string): boolean {
  return word.length < 5
}

function mostErrors(word: string): number {
  return isShort(word) ? 1 : word.length < 12 ? 2 : 3
}

/** Counts the errors between two words; a changed letter counts `change`. Keeps three rows of the table. */
function distanceOf(a: string, b: string, change: number): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const isSame = a[i - 1] === b[j - 1]
      row[j] = Math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (isSame ? 0 : change))
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (isSwap) row[j] = Math.min(row[j], beforeLast[j - 2] + 1)
    }
    beforeLast = last
    last = row
  }
  return last[b.length]
}
