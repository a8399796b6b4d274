import type { TokenMap } from '../map/token-map.js'

/** Tokens per second that can be followed. */
export const REPLAY_PACE = 6

/** Goes over the tokens of the newest answer at a pace, as if they came now. */
export class Replay {
  private timer?: NodeJS.Timeout

  constructor(
    private readonly map: TokenMap,
    private readonly changed: () => void,
  ) {}

  get isOn(): boolean {
    return this.timer !== undefined
  }

  /** Begins; false where there is no answer. */
  start(pace = REPLAY_PACE): boolean {
    const { map } = this
    this.stop()
    if (map.answerLength === 0) return false
    map.selected = map.answerStart
    this.timer = setInterval(() => {
      const next = (map.selected ?? map.tokens.length) + 1
      if (next < map.tokens.length) map.selected = next
      else {
        this.stop()
        map.selected = undefined
      }
      this.changed()
    }, 1000 / pace)
    return true
  }

  stop(): void {
    clearInterval(this.timer)
    this.timer = undefined
  }
}
