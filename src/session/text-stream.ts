import type { Tokenizer } from '../api/text.js'
import { StopStrings } from '../text/stop-strings.js'
import { Utf8Stream } from '../text/utf8-stream.js'

/** Text of generated tokens as it becomes certain: whole characters, and nothing that may belong to a stop string. */
export class TextStream {
  /** All text given out so far. */
  text = ''
  private readonly utf8 = new Utf8Stream()
  private readonly stops: StopStrings

  /** Without a tokenizer all text is empty. */
  constructor(
    private readonly tokenizer: Tokenizer | undefined,
    stop: readonly string[],
  ) {
    this.stops = new StopStrings(stop)
  }

  /** Whether a stop string has come. */
  get stopped(): boolean {
    return this.stops.stop !== undefined
  }

  /** Whether text is held back that the next token, or the end, makes certain. */
  get isHolding(): boolean {
    return !this.stopped && (this.utf8.isHolding || this.stops.isHolding)
  }

  /** Adds a token; returns the text that it makes certain. */
  push(token: number): string {
    return this.tokenizer ? this.add(this.stops.push(this.utf8.push(this.tokenizer.bytesOf(token)))) : ''
  }

  /** The end of the text: returns what was held back. */
  flush(): string {
    return this.add(this.stops.push(this.utf8.flush()) + this.stops.flush())
  }

  private add(text: string): string {
    this.text += text
    return text
  }
}
