/** An earlier place of a text, behind tokens that are also its last ones. */
export interface Match {
  /** Number of tokens before the one that followed there. */
  place: number
  /** Number of equal tokens, at most MOST_EQUAL. */
  equal: number
}

/** Equal tokens beyond these do not count. */
export const MOST_EQUAL = 32
/** Earlier places that are compared: a frequent pair of tokens has many. */
const MOST_PLACES = 16
/** Larger than any token id. */
const IDS = 2 ** 26

/** A text, and an index of its pairs of tokens that finds what followed the end of the text before. */
export class TextIndex {
  private readonly tokens: number[] = []
  /** Number of tokens up to the latest occurrence of a pair. */
  private readonly latest = new Map<number, number>()
  /** For each number of tokens, the number at the occurrence before with the same last pair; 0 if there is none. */
  private readonly before: number[] = [0, 0]

  get length(): number {
    return this.tokens.length
  }

  add(token: number): void {
    const { tokens, latest, before } = this
    const length = tokens.push(token)
    if (length < 2) return
    const pair = tokens[length - 2] * IDS + token
    before[length] = latest.get(pair) ?? 0
    latest.set(pair, length)
  }

  /** Finds the earlier place with the most equal tokens, the latest of several. At least two must be equal. */
  find(): Match | undefined {
    let best: Match | undefined
    let place = this.before[this.tokens.length]
    for (let tried = 0; place > 0 && tried < MOST_PLACES; tried++) {
      const equal = this.equalBefore(place)
      if (!best || equal > best.equal) best = { place, equal }
      place = this.before[place]
    }
    return best
  }

  /** The `count` tokens that followed a place. Those beyond the end of the text repeat what was taken before. */
  following({ place }: Match, count: number): number[] {
    const { tokens } = this
    const found: number[] = []
    for (let i = 0; i < count; i++) found.push(tokens[place + i] ?? found[place + i - tokens.length])
    return found
  }

  private equalBefore(place: number): number {
    const { tokens } = this
    const end = tokens.length
    const most = Math.min(MOST_EQUAL, place)
    let equal = 2
    while (equal < most && tokens[place - 1 - equal] === tokens[end - 1 - equal]) equal++
    return equal
  }
}
