import type { AssistantMessage } from '../../api/chat-options.js'
import type { ToolCall } from '../../api/text.js'
import type { AnswerPart } from '../../engine/session/answer.js'
import type { AnswerEvent, Reading } from '../../text/answer-reader.js'
import type { AnswerPiece, RoutedToken } from '../run/choice.js'

/** A part of a streamed message. */
export interface Delta {
  content?: string
  reasoning_content?: string
  tool_calls?: DeltaCall[]
}

/** A call in a stream: its id and name come first, then its arguments. */
interface DeltaCall {
  index: number
  id?: string
  type?: 'function'
  function: { name?: string; arguments?: string }
}

/** A token with its experts, and the part of the message that it belongs to. */
export type PlacedToken = RoutedToken & { kind: AnswerPart }

/** One answer of a chat completion, in the form of OpenAI's API. */
export class ChatAnswer {
  /** Tokens of thoughts so far. */
  thoughtTokens = 0
  private said: AssistantMessage = { role: 'assistant', content: '' }
  private calls = 0

  constructor(private readonly reading: Reading) {}

  /** Returns the parts of the message that a piece makes certain, and the part and the experts of its tokens. */
  add({ events = [], part: kind = 'content', message, tokens, routed, promptRouted }: AnswerPiece) {
    // A prompt's tokens are no part of the message.
    if (kind === 'thinking' && !promptRouted) this.thoughtTokens += tokens.length
    this.said = message ?? this.said
    const deltas = events.flatMap((event) => this.deltasOf(event))
    return { deltas, kind, routed: routed?.map((token): PlacedToken => ({ ...token, kind })) }
  }

  /** The message, without the beginning that the request has. */
  get message() {
    const { thinking, toolCalls, ...whole } = this.said
    const content = whole.content.slice(this.reading.begun?.length ?? 0)
    const hasCalls = toolCalls !== undefined && toolCalls.length > 0
    return {
      role: 'assistant',
      // Null if there are only calls.
      content: content === '' && hasCalls ? null : content,
      refusal: null,
      ...(thinking && { reasoning_content: thinking }),
      ...(hasCalls && { tool_calls: toolCalls.map(messageCall) }),
    }
  }

  /** The end of an answer as clients know it: one that has calls ended for their results. */
  finish(reason: AnswerPiece['finishReason']) {
    return reason === 'stop' && this.calls > 0 ? 'tool_calls' : reason
  }

  private deltasOf(event: AnswerEvent): Delta[] {
    switch (event.kind) {
      case 'content':
        return [{ content: event.text }]
      case 'thinking':
        return [{ reasoning_content: event.text }]
      // The model's notation for a call; `called` has the call itself.
      case 'call':
        return []
      case 'called': {
        const index = this.calls++
        const { function: called, ...call } = messageCall(event.call)
        return [
          { tool_calls: [{ index, ...call, function: { name: called.name, arguments: '' } }] },
          { tool_calls: [{ index, function: { arguments: called.arguments } }] },
        ]
      }
    }
  }
}

/** A call in the form of OpenAI's API. */
function messageCall({ id, name, arguments: args }: ToolCall) {
  return { id, type: 'function' as const, function: { name, arguments: JSON.stringify(args) } }
}
