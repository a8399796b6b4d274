import { randomUUID } from 'node:crypto'
import type { Hono } from 'hono'
import type { Delta, RoutedToken, WireCall, WireMessage } from '../../../api/wire.js'
import type { AnswerEvent } from '../../../text/answer-reader.js'
import { readBody } from '../../http/body.js'
import type { ServerContext } from '../../http/context.js'
import { type Reply, respond } from '../../http/respond.js'
import type { AnswerPiece } from '../../run/choice.js'
import type { ScoredToken } from '../../run/read-prompt.js'
import { type BegunChat, beginChat } from '../begin.js'
import { chatLogprobs, notesOf, usageOf } from '../report.js'
import { chatBody, chatNulls, chatRequest, names } from './body.js'

/** `POST /v1/chat/completions`: the next message of a conversation, framed by the model's chat template. */
export function chatRoutes(app: Hono, context: ServerContext): void {
  app.post('/v1/chat/completions', async (c) => {
    const body = await readBody(c, chatBody, context, chatNulls)
    return respond(c, context, body.stream, async (ticket) => {
      const begun = await beginChat(context, chatRequest(body, context.limits), ticket)
      return new ChatCompletion(context, begun, body.stream_options?.include_usage)
    })
  })
}

interface Choice {
  index: number
  message: WireMessage
  logprobs: ReturnType<typeof chatLogprobs> | null
  finish_reason: ReturnType<ChatAnswer['finish']> | null
  routed_experts?: RoutedToken[]
  prompt_routed_experts?: RoutedToken[]
}

class ChatCompletion implements Reply {
  private readonly head: { id: string; created: number; model: string }

  constructor(
    private readonly context: ServerContext,
    readonly begun: BegunChat,
    private readonly withUsage = false,
  ) {
    this.head = { id: `chatcmpl-${randomUUID()}`, created: Math.floor(Date.now() / 1000), model: context.id }
  }

  async whole() {
    const { routes } = this.begun.request.report
    const answers = this.indexes.map(() => new ChatAnswer())
    const choices = answers.map(({ message }, index): Choice => {
      const experts = { ...(routes && { routed_experts: [] }), ...(routes === 'all' && { prompt_routed_experts: [] }) }
      return { index, message, logprobs: this.logprobs([]), finish_reason: null, ...experts }
    })
    for await (const piece of this.begun.choices.pieces()) {
      const choice = choices[piece.index]
      const answer = answers[piece.index]
      answer.add(piece)
      choice.logprobs?.content.push(...(this.logprobs(piece.tokens)?.content ?? []))
      choice.routed_experts?.push(...(placed(piece) ?? []))
      choice.prompt_routed_experts?.push(...(piece.promptRouted ?? []))
      if (!piece.finishReason) continue
      choice.message = answer.message
      choice.finish_reason = answer.finish(piece.finishReason)
    }
    return { ...this.head, object: 'chat.completion', choices, usage: this.usage, ...notesOf(this.begun, names) }
  }

  async *chunks(): AsyncGenerator<object> {
    const head = { ...this.head, object: 'chat.completion.chunk' }
    const usage = this.withUsage ? { usage: null } : {}
    for (const index of this.indexes) {
      const delta = { role: 'assistant', content: '', refusal: null }
      const choices = [{ index, delta, logprobs: null, finish_reason: null }]
      yield { ...head, choices, ...usage, ...(index === 0 && notesOf(this.begun, names)) }
    }
    /** Answers in progress; finished ones need no memory. */
    const answers = new Map<number, ChatAnswer>()
    for await (const piece of this.begun.choices.pieces()) {
      const { index, progress } = piece
      if (progress) {
        const choices = [{ index, delta: {}, logprobs: null, finish_reason: null }]
        yield { ...head, choices, prompt_progress: progress, ...usage }
        continue
      }
      const answer = answers.get(index) ?? new ChatAnswer()
      answers.set(index, answer)
      for (const choice of this.choicesOf(piece, answer)) yield { ...head, choices: [choice], ...usage }
      if (piece.finishReason) answers.delete(index)
    }
    if (this.withUsage) yield { ...head, choices: [], usage: this.usage }
  }

  /**
   * Chunks of a piece: one for each part of the message, none if its text is held back, and one for the end of a choice.
   * The first has what is known about the tokens.
   */
  private *choicesOf(piece: AnswerPiece, answer: ChatAnswer) {
    const { index, tokens, promptRouted, finishReason } = piece
    const deltas = answer.add(piece)
    const routed = placed(piece)
    const logprobs = tokens.length > 0 ? this.logprobs(tokens) : null
    const experts = {
      ...(routed && { routed_experts: routed }),
      ...(promptRouted && { prompt_routed_experts: promptRouted }),
    }
    const isTold = logprobs !== null || routed !== undefined || promptRouted !== undefined
    const parts: Delta[] = deltas.length === 0 && isTold ? [{}] : deltas
    for (const [i, delta] of parts.entries()) {
      yield { index, delta, logprobs: i === 0 ? logprobs : null, finish_reason: null, ...(i === 0 && experts) }
    }
    if (finishReason) yield { index, delta: {}, logprobs: null, finish_reason: answer.finish(finishReason) }
  }

  private get indexes(): number[] {
    return Array.from({ length: this.begun.request.n ?? 1 }, (_, index) => index)
  }

  private get usage() {
    return usageOf(this.begun.choices.usage, true)
  }

  private logprobs(scored: readonly ScoredToken[]) {
    const { request } = this.begun
    return request.report.logprobs === undefined ? null : chatLogprobs(scored, this.context.model.tokenizer)
  }
}

/** The experts of a piece's tokens, with the part of the message that the tokens belong to. */
function placed({ routed, part: kind = 'content' }: AnswerPiece): RoutedToken[] | undefined {
  return routed?.map((token) => ({ ...token, kind }))
}

/** One answer of a chat completion. */
class ChatAnswer {
  private content = ''
  private thinking = ''
  private readonly calls: WireCall[] = []

  /** Returns the parts of the message that a piece makes certain. */
  add({ events = [] }: AnswerPiece): Delta[] {
    return events.flatMap((event) => this.deltasOf(event))
  }

  get message(): WireMessage {
    const { content, thinking, calls } = this
    return {
      role: 'assistant',
      content: content === '' && calls.length > 0 ? null : content,
      refusal: null,
      ...(thinking && { reasoning_content: thinking }),
      ...(calls.length > 0 && { tool_calls: calls }),
    }
  }

  /** The end of an answer as clients know it: one that has calls ended for their results. */
  finish(reason: AnswerPiece['finishReason']) {
    return reason === 'stop' && this.calls.length > 0 ? 'tool_calls' : reason
  }

  private deltasOf(event: AnswerEvent): Delta[] {
    switch (event.kind) {
      case 'content':
        this.content += event.text
        return [{ content: event.text }]
      case 'thinking':
        this.thinking += event.text
        return [{ reasoning_content: event.text }]
      // The model's notation for a call; `called` has the call itself.
      case 'call':
        return []
      case 'called': {
        const { id, name, arguments: args } = event.call
        const called = { name, arguments: JSON.stringify(args) }
        const index = this.calls.push({ id, type: 'function', function: called }) - 1
        return [
          { tool_calls: [{ index, id, type: 'function', function: { name, arguments: '' } }] },
          { tool_calls: [{ index, function: { arguments: called.arguments } }] },
        ]
      }
    }
  }
}
