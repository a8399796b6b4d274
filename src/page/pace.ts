import { plural } from '../numbers.js'

/** Number of tokens so far, and their speed. */
export class Pace {
  private tokens = 0
  private first = 0
  private last = 0

  count(tokens: number): void {
    if (tokens === 0) return
    this.last = performance.now()
    if (this.tokens === 0) this.first = this.last
    this.tokens += tokens
  }

  get isEmpty(): boolean {
    return this.tokens === 0
  }

  toString(): string {
    if (this.isEmpty) return ''
    const seconds = (this.last - this.first) / 1000
    const speed = seconds > 0.2 ? `, ${Math.round(this.tokens / seconds)} per second` : ''
    return `${plural(this.tokens, 'token')}${speed}`
  }
}
