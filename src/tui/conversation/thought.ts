import { formatCount, formatElapsed, plural } from '../../numbers.js'

/** Thoughts of a model before an answer, as they come. */
export class Thought {
  text = ''
  private count = 0
  private begunAt?: number
  private endedAt?: number

  /** One more token of the thoughts. */
  token(): void {
    this.begunAt ??= performance.now()
    this.count++
  }

  add(text: string): void {
    this.begunAt ??= performance.now()
    this.text += text
  }

  /** The thoughts are over. */
  end(): void {
    this.endedAt ??= performance.now()
  }

  /** Whether there is nothing to read: some templates open and close the thoughts at once. */
  get isBlank(): boolean {
    return this.text.trim() === ''
  }

  get isOver(): boolean {
    return this.endedAt !== undefined
  }

  /** A line while they come: `thinking · 212 tokens · 3 s`. */
  get running(): string {
    return `thinking · ${plural(this.count, 'token')} · ${this.time}`
  }

  /** A line that replaces them: `thought 212 tokens, 3 s`. */
  get folded(): string {
    return `thought ${this.count === 1 ? '1 token' : `${formatCount(this.count)} tokens`}, ${this.time}`
  }

  private get time(): string {
    const now = this.endedAt ?? performance.now()
    return formatElapsed((now - (this.begunAt ?? now)) / 1000)
  }
}
