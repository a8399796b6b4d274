import type { AssistantMessage, Tool } from '../api/chat.js'
import type { ResponseTemplate } from '../api/response.js'
import type { ToolCall } from '../api/text.js'
import { type AnswerEnds, AnswerText } from './answer-text.js'

/** How an answer is to be read. */
export interface Reading extends AnswerEnds {
  /** Form of the model's answers; without one, all text is content. */
  response?: ResponseTemplate
  /** The rendered prompt, which may end within a region: some templates open the thinking. */
  prompt: string
  /** Beginning of the content that the prompt has already. */
  begun?: string
  /** Tools; their schemas give the types of the arguments. */
  tools?: readonly Tool[]
}

/** Part of an answer. */
export type AnswerEvent =
  | { kind: 'thinking' | 'content'; text: string }
  /** Text of a call as the model writes it. */
  | { kind: 'call'; text: string }
  /** A complete call. */
  | { kind: 'called'; call: ToolCall }

/**
 * Reads a generated answer piece by piece: thoughts, content and calls. However the text is cut into pieces, the message
 * is the same.
 */
export class AnswerReader {
  private readonly visible: AnswerText
  private content: string

  constructor(reading: Reading) {
    this.visible = new AnswerText(reading)
    this.content = reading.begun ?? ''
  }

  /** Part of the message that the newest text belongs to. */
  get place(): 'thinking' | 'content' | 'call' {
    return 'content'
  }

  /** The message so far. */
  get message(): AssistantMessage {
    return { role: 'assistant', content: this.content }
  }

  /** Adds a piece of generated text and returns what it makes certain. */
  add(piece: string): AnswerEvent[] {
    return this.more(this.visible.add(piece))
  }

  /** Ends the answer and returns what was held back. One that was cut keeps its last blanks. */
  end(isCut: boolean): AnswerEvent[] {
    return this.more(this.visible.end(isCut))
  }

  private more(text: string): AnswerEvent[] {
    this.content += text
    return text === '' ? [] : [{ kind: 'content', text }]
  }
}
