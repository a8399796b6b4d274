/** Finds the next places of signs in a text. Searches in order, from left to right, take linear time together. */
export class SignSearch {
  /** The last place found of each sign, and the place that it was searched from. */
  private readonly found = new Map<string, { from: number; at: number }>()
  /** Places of runs of backticks by their length, the next ones last. */
  private ticks?: Map<number, number[]>

  constructor(private readonly text: string) {}

  /** The next place of a sign, or -1. */
  next(sign: string, from: number): number {
    const known = this.found.get(sign)
    if (known && known.from <= from && (known.at < 0 || known.at >= from)) return known.at
    const at = this.text.indexOf(sign, from)
    this.found.set(sign, { from, at })
    return at
  }

  /** Number of backticks at a place. */
  ticksAt(at: number): number {
    let end = at
    while (this.text.charCodeAt(end) === 96) end++
    return end - at
  }

  /** The place of the next run of exactly `length` backticks, or -1. */
  closingTicks(length: number, from: number): number {
    this.ticks ??= this.runsOfTicks()
    const places = this.ticks.get(length) ?? []
    while (places.length > 0 && places[places.length - 1] < from) places.pop()
    return places.at(-1) ?? -1
  }

  private runsOfTicks(): Map<number, number[]> {
    const runs = new Map<number, number[]>()
    for (const { 0: ticks, index } of this.text.matchAll(/`+/g)) {
      const places = runs.get(ticks.length)
      if (places) places.push(index)
      else runs.set(ticks.length, [index])
    }
    for (const places of runs.values()) places.reverse()
    return runs
  }
}
