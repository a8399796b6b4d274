import { createStopMatcher } from '../text/stop-strings.js'
import type { Tokenizer } from '../text/tokenizer.js'
import { createUtf8Stream } from '../text/utf8-stream.js'

/** Text of generated tokens as it becomes certain: whole characters, and nothing that may belong to a stop string. */
export class TextStream {
  text = ''
  private readonly utf8 = createUtf8Stream()
  private readonly matcher

  constructor(
    private readonly tokenizer: Tokenizer | undefined,
    stop: string[],
  ) {
    this.matcher = createStopMatcher(stop)
  }

  /** Adds a token; returns the text that it makes certain, and whether a stop string is complete. */
  push(token: number): { text: string; stopped: boolean } {
    if (!this.tokenizer) return { text: '', stopped: false }
    return this.add(this.matcher.push(this.utf8.push(this.tokenizer.bytesOf(token))))
  }

  /** What was held back, at the end of the text. */
  flush(): string {
    const { text, stopped } = this.add(this.matcher.push(this.utf8.flush()))
    return stopped ? text : text + this.add({ text: this.matcher.flush(), stopped: false }).text
  }

  private add(result: { text: string; stopped: boolean }): { text: string; stopped: boolean } {
    this.text += result.text
    return result
  }
}
