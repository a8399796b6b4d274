/** Numbers of tokens after which a message may end: behind each special token that follows ordinary text. */
export function messageEnds(prompt: Int32Array, specialIds: ReadonlySet<number>): number[] {
  const ends: number[] = []
  for (let i = 1; i < prompt.length; i++) {
    if (specialIds.has(prompt[i]) && !specialIds.has(prompt[i - 1])) ends.push(i + 1)
  }
  return ends
}
