import { checkOptions } from '../api/generation-options.js'

/**
 * Finds the first of several stop strings in a text that arrives in pieces, however it is cut. Releases text as soon as
 * it cannot be part of a stop string.
 *
 * The match that ends first wins, since nothing after it needs to be generated. Of several that end at the same place
 * the longest wins, so that no part of a stop string is released.
 */
export class StopStrings {
  private held = ''
  /** Most characters held back: the length of the longest stop string minus one. */
  private readonly longest: number
  /** The stop string that was found. */
  stop: string | undefined

  /** Throws a UsageError if a stop string is empty (it would match everywhere), or if there are too many. */
  constructor(private readonly stops: readonly string[]) {
    checkOptions({ stop: [...stops] })
    this.longest = stops.reduce((most, { length }) => Math.max(most, length - 1), 0)
  }

  /** Whether text is held back that may begin a stop string. */
  get isHolding(): boolean {
    return this.held !== ''
  }

  /** Adds a piece of text and returns the text that is safe to show: none after a stop string. */
  push(text: string): string {
    if (this.stop !== undefined) return ''
    const seen = this.held + text
    const begin = this.findIn(seen) ?? seen.length - this.lengthToHold(seen)
    this.held = this.stop === undefined ? seen.slice(begin) : ''
    return seen.slice(0, begin)
  }

  /** Ends the text: returns the text held back. */
  flush(): string {
    const rest = this.held
    this.held = ''
    return rest
  }

  /** Index of the winning match, which becomes `stop`; undefined without a match. */
  private findIn(text: string): number | undefined {
    let begin: number | undefined
    let end = Infinity
    for (const stop of this.stops) {
      const at = text.indexOf(stop)
      if (at < 0) continue
      const stopEnd = at + stop.length
      if (stopEnd < end || (stopEnd === end && at < (begin ?? Infinity))) {
        begin = at
        end = stopEnd
        this.stop = stop
      }
    }
    return begin
  }

  /** Length of the longest suffix of the text that is a prefix of a stop string. */
  private lengthToHold(text: string): number {
    for (let length = Math.min(this.longest, text.length); length > 0; length--) {
      const end = text.slice(-length)
      if (this.stops.some((stop) => stop.startsWith(end))) return length
    }
    return 0
  }
}
