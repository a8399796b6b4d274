import type { AssistantMessage, ChatStep } from '../../api/chat-options.js'
import type { GenerationResult, Step } from '../../api/generation.js'
import { eventsOf } from '../../api/generation-events.js'
import { type AnswerEvent, AnswerReader, type Reading } from '../../text/answer-reader.js'

export type AnswerPart = ChatStep['kind']

export interface AnswerToken {
  step: Step
  /** Parts of the message that its text makes certain. */
  events: readonly AnswerEvent[]
  /** Part of the message that the text after it belongs to, even if it makes nothing certain. */
  part: AnswerPart
}

export interface AnswerEnd {
  result: GenerationResult
  /** Events that were held back until the end. */
  events: readonly AnswerEvent[]
  message: AssistantMessage
  part: AnswerPart
}

/** One answer: generated text, read as the parts of a message while it comes. */
export class Answer {
  readonly tokens: number[] = []
  private written = ''
  private readonly reader: AnswerReader

  /** `before` is text that the model has written already. */
  constructor(
    readonly reading: Reading,
    private readonly before = '',
  ) {
    this.reader = new AnswerReader(reading)
    if (before !== '') this.reader.add(before)
  }

  /** All text of the model, with its notation for thoughts and calls. */
  get raw(): string {
    return this.before + this.written
  }

  /** Part of the message that the newest text belongs to. */
  get part(): AnswerPart {
    return this.reader.place
  }

  get message(): AssistantMessage {
    return this.reader.message
  }

  /** Reads a generation to its end. Whatever ends it early leaves the message up to there. */
  async *read(generation: AsyncGenerator<Step, GenerationResult>): AsyncGenerator<AnswerToken, AnswerEnd> {
    for await (const { step, result } of eventsOf(generation)) {
      if (step) yield this.add(step)
      else {
        const events = this.end(result.finishReason === 'length')
        return { result, events, message: this.message, part: this.part }
      }
    }
    throw new Error('a generation ended without a result')
  }

  /** Returns what was held back until the end. An answer that was cut keeps its last blanks. */
  end(isCut: boolean): AnswerEvent[] {
    return this.reader.end(isCut)
  }

  private add(step: Step): AnswerToken {
    this.tokens.push(step.token)
    this.written += step.text
    const events = this.reader.add(step.text)
    return { step, events, part: this.part }
  }
}

export function textOf(events: readonly AnswerEvent[], part: 'thinking' | 'content'): string {
  return events.map((event) => (event.kind === part ? event.text : '')).join('')
}
