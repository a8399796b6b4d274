import type { Tokenizer } from '../api/text.js'
import { type AnswerEnds, AnswerText } from '../text/answer-text.js'
import { StopStrings } from '../text/stop-strings.js'
import { Utf8Stream } from '../text/utf8-stream.js'

/** Ends of a text that is no answer: no blanks are dropped. */
const RAW: AnswerEnds = { isAnswer: false, isTurn: false }

/**
 * Decodes generated tokens to text as it becomes certain. It holds back incomplete characters, text that may belong to
 * a stop string and, in an answer, blanks that may be its last.
 */
export class TextStream {
  /** All text returned so far. */
  text = ''
  private readonly utf8 = new Utf8Stream()
  private readonly stops: StopStrings
  private readonly visible: AnswerText

  /** Without a tokenizer, all text is empty. */
  constructor(
    private readonly tokenizer: Tokenizer | undefined,
    stop: readonly string[],
    ends = RAW,
  ) {
    this.stops = new StopStrings(stop)
    this.visible = new AnswerText(ends)
  }

  /** Whether a stop string has come. */
  get stopped(): boolean {
    return this.stops.stop !== undefined
  }

  /** Whether some text is held back until the next token, or the end. */
  get isHolding(): boolean {
    return !this.stopped && (this.utf8.isHolding || this.stops.isHolding || this.visible.isHolding)
  }

  /** Adds a token and returns the text that it makes certain. */
  push(token: number): string {
    if (!this.tokenizer) return ''
    return this.add(this.visible.add(this.stops.push(this.utf8.push(this.tokenizer.bytesOf(token)))))
  }

  /** Ends the text and returns what was held back. A text that was cut off keeps its last blanks. */
  flush(isCut = true): string {
    const rest = this.stops.push(this.utf8.flush()) + this.stops.flush()
    return this.add(this.visible.add(rest) + this.visible.end(isCut))
  }

  private add(text: string): string {
    this.text += text
    return text
  }
}
