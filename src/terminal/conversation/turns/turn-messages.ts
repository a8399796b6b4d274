import type { ChatMessage, ToolCall } from '../../../api/text.js'

/** The messages of a conversation, seen as turns: a message of the user, answers, and results of their calls. */
export class TurnMessages {
  readonly messages: ChatMessage[] = []

  get hasAnswers(): boolean {
    return this.messages.some(({ role }) => role === 'assistant')
  }

  /** Index of the user's last turn, if it is answered or the last of all; else -1. */
  get question(): number {
    const last = this.messages.findLastIndex((message) => !isReply(message))
    const after = this.messages.slice(last + 1)
    const isOneAnswer = after.length < 2 || after.some(({ role }) => role === 'tool')
    return isOneAnswer && this.messages[last]?.role === 'user' ? last : -1
  }

  /** Index of the user's last turn; -1 if there is none. */
  get lastQuestion(): number {
    return this.messages.findLastIndex(({ role }) => role === 'user')
  }

  /** The messages after the user's last turn: answers, and results of the calls in them. */
  get latest(): readonly ChatMessage[] {
    return this.messages.slice(this.lastQuestion + 1)
  }

  /** Calls of the last answer that have no results yet, if nothing but results comes after it. */
  get openCalls(): readonly ToolCall[] {
    const last = this.messages.findLastIndex(({ role }) => role !== 'tool')
    const { role, toolCalls = [] } = this.messages[last] ?? {}
    return role === 'assistant' ? toolCalls.slice(this.messages.length - 1 - last) : []
  }

  /** Adds the results of calls and, if no call lacks its own, an empty answer, which `resume` continues. */
  breakOff(results: readonly ChatMessage[]): void {
    this.messages.push(...results)
    if (this.openCalls.length === 0) this.messages.push({ role: 'assistant', content: '' })
  }
}

/** Whether a message is part of the answer to a question. */
export function isReply(message?: ChatMessage): boolean {
  return message?.role === 'assistant' || message?.role === 'tool'
}
