import type { Tokenizer } from '../../../api/text.js'
import { StopStrings } from '../../../text/stop-strings.js'
import { Utf8Stream } from '../../../text/utf8-stream.js'

/** Decodes tokens to text. Holds back incomplete characters, and text that may belong to a stop string. */
export class TextStream {
  text = ''
  private readonly utf8 = new Utf8Stream()
  private readonly stops: StopStrings

  /** Without a tokenizer, all text is empty. */
  constructor(
    private readonly tokenizer: Tokenizer | undefined,
    stop: readonly string[],
  ) {
    this.stops = new StopStrings(stop)
  }

  /** The stop string that ended the text. */
  get stopString(): string | undefined {
    return this.stops.stop
  }

  /** Whether some text is held back until the next token, or the end. */
  get isHolding(): boolean {
    return this.stopString === undefined && (this.utf8.isHolding || this.stops.isHolding)
  }

  /** Adds a token and returns the text that it makes certain. */
  push(token: number): string {
    if (!this.tokenizer) return ''
    return this.add(this.stops.push(this.utf8.push(this.tokenizer.bytesOf(token))))
  }

  /** Ends the text and returns what was held back. */
  flush(): string {
    return this.add(this.stops.push(this.utf8.flush()) + this.stops.flush())
  }

  private add(text: string): string {
    this.text += text
    return text
  }
}
