import { checkOptions } from '../generation-options.js'

/**
 * Finds the first of several stop strings in a text that comes in pieces, however it is cut. Text is given out as soon
 * as no stop string can begin in it.
 *
 * The match that is complete first wins, since nothing after it need be generated; of several that end at the same
 * place, the longest, so that nothing of a stop string is ever given out.
 */
export class StopStrings {
  private held = ''
  /** Length of the longest stop string less one character: no more is ever held back. */
  private readonly longest: number
  private found: string | undefined

  /** Throws a UsageError if one of the stops is empty, for it would match everywhere, or if there are too many. */
  constructor(private readonly stops: readonly string[]) {
    checkOptions({ stop: [...stops] })
    this.longest = stops.reduce((most, { length }) => Math.max(most, length - 1), 0)
  }

  /** The stop string that has been found, if one has. */
  get stop(): string | undefined {
    return this.found
  }

  /** Whether text is held back as the possible beginning of a stop string. */
  get isHolding(): boolean {
    return this.held !== ''
  }

  /**
   * Takes a piece of text and gives the text that is safe to show: all before the stop string once one is found, nothing
   * from then on.
   */
  push(text: string): string {
    if (this.found !== undefined) return ''
    const seen = this.held + text
    const begin = this.findIn(seen) ?? seen.length - this.lengthToHold(seen)
    this.held = this.found === undefined ? seen.slice(begin) : ''
    return seen.slice(0, begin)
  }

  /** The end of the text: gives what was held back as the possible beginning of a stop string. */
  flush(): string {
    const rest = this.held
    this.held = ''
    return rest
  }

  /** Where the winning match begins, which is then noted as found. */
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
        this.found = stop
      }
    }
    return begin
  }

  /** Length of the longest end of the text with which a stop string begins. */
  private lengthToHold(text: string): number {
    for (let length = Math.min(this.longest, text.length); length > 0; length--) {
      const end = text.slice(-length)
      if (this.stops.some((stop) => stop.startsWith(end))) return length
    }
    return 0
  }
}
