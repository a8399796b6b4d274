import { plural } from '../../ground/numbers.js'

/** Minimum seconds and tokens after the first one, so that a speed says something. */
const LEAST = { seconds: 0.02, tokens: 2 }

/** Number of tokens so far, and their speed. */
export class Pace {
  private tokens = 0
  private atFirst = 0
  private first = 0
  private last = 0

  count(tokens: number): void {
    if (tokens === 0) return
    this.last = performance.now()
    if (this.tokens === 0) {
      this.first = this.last
      this.atFirst = tokens
    }
    this.tokens += tokens
  }

  get counted(): number {
    return this.tokens
  }

  toString(): string {
    if (this.tokens === 0) return ''
    const [seconds, later] = [(this.last - this.first) / 1000, this.tokens - this.atFirst]
    const isKnown = seconds >= LEAST.seconds && later >= LEAST.tokens
    return `${plural(this.tokens, 'token')}${isKnown ? `, ${Math.round(later / seconds)} per second` : ''}`
  }
}
