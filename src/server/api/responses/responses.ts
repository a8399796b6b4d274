import type { Hono } from 'hono'
import type { Api } from '../../http/api.js'
import { readBody } from '../../http/body.js'
import type { ServerContext } from '../../http/context.js'
import { type Reply, respond, SERVER_SENT_EVENTS, type StreamFormat } from '../../http/respond.js'
import type { AnswerPiece } from '../../run/choice.js'
import { type BegunChat, beginChat } from '../begin.js'
import { openaiError } from '../openai/api.js'
import { chatLogprobs, generatedDetails, newId, notesOf } from '../report.js'
import { chatRequest, names, namespacesOf, type ResponsesBody, responsesBody, responsesNulls } from './body.js'
import { Output, type OutputEvent } from './output.js'

/** `POST /v1/responses`: the next message of a conversation, in the items of OpenAI's newer API. Nothing is stored. */
function responsesRoutes(app: Hono, context: ServerContext): void {
  app.post('/v1/responses', async (c) => {
    const body = await readBody(c, responsesBody, context, responsesNulls)
    return respond(c, context, body.stream, async (ticket) => {
      return new ResponseReply(context, body, await beginChat(context, chatRequest(body, context.limits), ticket))
    })
  })
}

/** OpenAI's newer API. */
export const RESPONSES: Api = {
  name: 'responses',
  prefix: '/v1/responses',
  bodies: { '/v1/responses': responsesBody },
  routes: responsesRoutes,
  names,
  errorBody: openaiError,
  instead: {
    '/v1/responses/input_tokens': 'use /tokenize, which counts the tokens of a text',
    '/v1/responses/': 'responses are not stored; send the whole conversation to /v1/responses',
  },
}

type Numbered = OutputEvent & { sequence_number: number }

class ResponseReply implements Reply {
  readonly format: StreamFormat = {
    ...SERVER_SENT_EVENTS,
    event: eventOf,
    end: '',
    error: (body) => eventOf(this.numbered(errorEvent(body as ReturnType<typeof openaiError>))),
  }
  private readonly id = newId('resp')
  private readonly createdAt = Math.floor(Date.now() / 1000)
  private readonly output: Output
  private events = 0
  /** Part of the answer that the last piece was in: the mark after thoughts is no part of the text. */
  private kind: AnswerPiece['part'] = 'content'
  /** Blanks before the text are no part of it. */
  private hasText = false
  /** Log-probabilities of the text's tokens, until some of it is certain. */
  private logprobs: ReturnType<typeof chatLogprobs>['content'] = []

  constructor(
    private readonly context: ServerContext,
    private readonly body: ResponsesBody,
    readonly begun: BegunChat,
  ) {
    this.output = new Output(namespacesOf(body))
  }

  /** The response in the last event. */
  async whole() {
    let last: Numbered | undefined
    for await (const event of this.chunks()) last = event
    return last?.response as object
  }

  async *chunks(): AsyncGenerator<Numbered> {
    for (const type of ['response.created', 'response.in_progress']) {
      yield this.numbered({ type, response: this.response('in_progress') })
    }
    let finishReason: AnswerPiece['finishReason']
    for await (const piece of this.begun.choices.pieces()) {
      for (const event of this.read(piece)) yield this.numbered(event)
      finishReason ??= piece.finishReason
    }
    const status = finishReason === 'length' ? 'incomplete' : 'completed'
    for (const event of this.output.end(status)) yield this.numbered(event)
    yield this.numbered({ type: `response.${status}`, response: this.response(status) })
  }

  private *read(piece: AnswerPiece): Generator<OutputEvent> {
    const { events = [], part: kind = 'content' } = piece
    const isOfText = kind === 'content' && this.kind === 'content' && (this.hasText || piece.text.trim() !== '')
    this.kind = kind
    if (this.begun.request.report.logprobs !== undefined && isOfText) {
      this.logprobs.push(...chatLogprobs(piece.tokens, this.context.model.tokenizer).content)
    }
    for (const event of events) {
      const isText = event.kind === 'content'
      this.hasText ||= isText
      yield* this.output.add(event, isText ? this.logprobs.splice(0) : [])
    }
  }

  private response(status: 'in_progress' | 'completed' | 'incomplete') {
    const { body, context, begun, output } = this
    const { instructions = null, tools = [], reasoning } = body
    const { temperature = null, topP = null, maxTokens = null } = begun.request.options
    return {
      id: this.id,
      object: 'response',
      created_at: this.createdAt,
      status,
      background: false,
      error: null,
      incomplete_details: status === 'incomplete' ? { reason: 'max_output_tokens' } : null,
      instructions,
      max_output_tokens: maxTokens,
      max_tool_calls: null,
      metadata: {},
      model: context.id,
      output: status === 'in_progress' ? [] : output.items,
      parallel_tool_calls: body.parallel_tool_calls ?? true,
      previous_response_id: null,
      reasoning: { effort: reasoning?.effort ?? null, summary: null },
      service_tier: 'default',
      store: false,
      temperature,
      text: { format: body.text?.format ?? { type: 'text' } },
      tool_choice: body.tool_choice ?? 'auto',
      tools,
      top_logprobs: body.top_logprobs ?? 0,
      top_p: topP,
      truncation: 'disabled',
      usage: status === 'in_progress' ? null : this.usage,
      user: null,
      ...notesOf(begun, names),
    }
  }

  private get usage() {
    const { usage } = this.begun.choices
    return {
      input_tokens: usage.promptTokens,
      input_tokens_details: { cached_tokens: usage.cachedTokens },
      output_tokens: usage.generatedTokens,
      output_tokens_details: generatedDetails(usage, true),
      total_tokens: usage.promptTokens + usage.generatedTokens,
    }
  }

  private numbered(event: OutputEvent): Numbered {
    return { ...event, sequence_number: this.events++ }
  }
}

/** Clients read the error either from the event or from its field. */
function errorEvent({ error: fields }: ReturnType<typeof openaiError>): OutputEvent {
  return { ...fields, type: 'error', error: fields }
}

function eventOf(event: object): string {
  return `event: ${(event as OutputEvent).type}\ndata: ${JSON.stringify(event)}\n\n`
}
