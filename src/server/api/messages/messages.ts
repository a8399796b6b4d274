import type { Hono } from 'hono'
import type { AnswerEvent } from '../../../text/answer-reader.js'
import type { Status } from '../../common/api-error.js'
import type { Api, ShownError } from '../../http/api.js'
import { readBody } from '../../http/body.js'
import type { ServerContext } from '../../http/context.js'
import { type Reply, respond, respondOnce, SERVER_SENT_EVENTS, type StreamFormat } from '../../http/respond.js'
import type { AnswerPiece } from '../../run/choice.js'
import { type BegunChat, beginChat, chatPrompt } from '../begin.js'
import { newId, notesOf } from '../report.js'
import { chatRequest, messagesBody, messagesNulls, names } from './body.js'

/** `POST /v1/messages`: the next message of a conversation, in Anthropic's form. `/count_tokens` counts its prompt. */
function messagesRoutes(app: Hono, context: ServerContext): void {
  app.post('/v1/messages', async (c) => {
    const body = await readBody(c, messagesBody, context, messagesNulls)
    return respond(c, context, body.stream, async (ticket) => {
      return new MessageReply(context, await beginChat(context, chatRequest(body, context.limits), ticket))
    })
  })
  app.post('/v1/messages/count_tokens', async (c) => {
    const body = await readBody(c, messagesBody, context, messagesNulls)
    return respondOnce(c, context, async ({ signal }) => {
      const { ids } = await chatPrompt(context, chatRequest(body, context.limits), signal)
      return { input_tokens: ids.length }
    })
  })
}

const TYPES: Record<Status, string> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  415: 'invalid_request_error',
  429: 'rate_limit_error',
  500: 'api_error',
  503: 'overloaded_error',
}

function anthropicError({ status, message, param }: ShownError) {
  const text = param === undefined || message.includes(param) ? message : `"${param}": ${message}`
  return { type: 'error', error: { type: TYPES[status], message: text } }
}

/** Anthropic's Messages API. */
export const MESSAGES: Api = {
  name: 'messages',
  prefix: '/v1/messages',
  bodies: { '/v1/messages': messagesBody },
  routes: messagesRoutes,
  names,
  errorBody: anthropicError,
  instead: { '/v1/messages/batches': 'send each request to /v1/messages, or use `molm run --batch FILE`' },
}

/** A block of a message. */
type Block =
  | { type: 'text'; text: string }
  | { type: 'thinking'; thinking: string; signature: string }
  | { type: 'tool_use'; id: string; name: string; input: object }

interface MessageEvent {
  type: string
  [field: string]: unknown
}

/** Clients send thoughts back only with a signature. This one signs nothing, since thoughts may come from anywhere. */
const SIGNATURE = 'molm'

class MessageReply implements Reply {
  readonly format: StreamFormat = {
    ...SERVER_SENT_EVENTS,
    event: eventOf,
    idle: () => eventOf({ type: 'ping' }),
    end: '',
    error: eventOf,
  }
  private readonly id = newId('msg')
  private readonly content: Block[] = []
  /** Whether more may be added to the last block. */
  private isOpen = false

  constructor(
    private readonly context: ServerContext,
    readonly begun: BegunChat,
  ) {}

  async whole(): Promise<object> {
    let end: ReturnType<MessageReply['endOf']> | undefined
    for await (const piece of this.begun.choices.pieces()) {
      for (const event of piece.events ?? []) for (const _ of this.add(event));
      if (piece.finishReason) end = this.endOf(piece)
    }
    return { ...this.message(), ...end, ...notesOf(this.begun, names) }
  }

  async *chunks(): AsyncGenerator<MessageEvent> {
    yield { type: 'message_start', message: { ...this.message(), content: [] } }
    for await (const piece of this.begun.choices.pieces()) {
      for (const event of piece.events ?? []) yield* this.add(event)
      if (!piece.finishReason) continue
      yield* this.close()
      yield { type: 'message_delta', delta: this.endOf(piece), usage: this.usage, ...notesOf(this.begun, names) }
    }
    yield { type: 'message_stop' }
  }

  /** Adds to the content, and returns the events that say so. */
  private *add(event: AnswerEvent): Generator<MessageEvent> {
    if (event.kind === 'content') {
      const block = yield* this.open({ type: 'text', text: '' })
      block.text += event.text
      yield this.delta({ type: 'text_delta', text: event.text })
    } else if (event.kind === 'thinking') {
      const block = yield* this.open({ type: 'thinking', thinking: '', signature: '' })
      block.thinking += event.text
      yield this.delta({ type: 'thinking_delta', thinking: event.text })
    } else if (event.kind === 'called') {
      const { id, name, arguments: input } = event.call
      yield* this.close()
      const block = yield* this.open({ type: 'tool_use', id, name, input: {} })
      block.input = input
      yield this.delta({ type: 'input_json_delta', partial_json: JSON.stringify(input) })
    }
  }

  /** The last block if it is of this type, else a new one. */
  private *open<B extends Block>(begun: B): Generator<MessageEvent, B> {
    const last = this.content.at(-1)
    if (this.isOpen && last?.type === begun.type) return last as B
    yield* this.close()
    this.content.push(begun)
    this.isOpen = true
    yield { type: 'content_block_start', index: this.content.length - 1, content_block: { ...begun } }
    return begun
  }

  private *close(): Generator<MessageEvent> {
    if (!this.isOpen) return
    const last = this.content[this.content.length - 1]
    if (last.type === 'thinking') {
      last.signature = SIGNATURE
      yield this.delta({ type: 'signature_delta', signature: SIGNATURE })
    }
    this.isOpen = false
    yield { type: 'content_block_stop', index: this.content.length - 1 }
  }

  private delta(delta: object): MessageEvent {
    return { type: 'content_block_delta', index: this.content.length - 1, delta }
  }

  private message() {
    const { id, context, content, usage } = this
    return {
      ...{ id, type: 'message', role: 'assistant', model: context.id, content },
      ...{ stop_reason: null, stop_sequence: null, usage },
    }
  }

  private endOf({ finishReason, stopString }: AnswerPiece) {
    // The template's own stop strings are the end of a turn.
    const isAsked = stopString !== undefined && this.begun.request.options.stop?.includes(stopString)
    if (finishReason === 'length') return { stop_reason: 'max_tokens', stop_sequence: null }
    if (this.content.some(({ type }) => type === 'tool_use')) return { stop_reason: 'tool_use', stop_sequence: null }
    return isAsked
      ? { stop_reason: 'stop_sequence', stop_sequence: stopString }
      : { stop_reason: 'end_turn', stop_sequence: null }
  }

  private get usage() {
    const { promptTokens, cachedTokens, generatedTokens } = this.begun.choices.usage
    return {
      input_tokens: promptTokens - cachedTokens,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: cachedTokens,
      output_tokens: generatedTokens,
    }
  }
}

function eventOf(event: object): string {
  return `event: ${(event as MessageEvent).type}\ndata: ${JSON.stringify(event)}\n\n`
}
