import type { TokenMap } from './token-map.js'

/** Time of a token: slow enough to follow. */
const TOKEN_MS = 160

/** Steps through the tokens of the newest answer on the map, as if they came now. */
export class Replay {
  private timer?: NodeJS.Timeout

  constructor(private readonly changed: () => void) {}

  get isOn(): boolean {
    return this.timer !== undefined
  }

  /** Starts; false if there is no answer. */
  start(map: TokenMap): boolean {
    this.stop()
    if (map.answerLength === 0) return false
    map.select(map.answerStart)
    this.timer = setInterval(() => {
      const next = (map.selected ?? map.tokens.length) + 1
      if (next < map.tokens.length) map.select(next)
      else {
        this.stop()
        map.select(undefined)
      }
      this.changed()
    }, TOKEN_MS)
    return true
  }

  stop(): void {
    clearInterval(this.timer)
    this.timer = undefined
  }
}
