import type { Hono } from 'hono'
import type { ApiError } from '../../common/api-error.js'
import { readBody } from '../../http/body.js'
import type { ServerContext } from '../../http/context.js'
import { errorBody, renameFields, withFieldNames } from '../../http/errors.js'
import { type Reply, respond } from '../../http/respond.js'
import { SERVER_SENT_EVENTS, type StreamFormat } from '../../http/stream.js'
import type { AnswerPiece } from '../../run/choice.js'
import { type BegunChat, beginChat } from '../begin.js'
import { ChatAnswer } from '../chat-answer.js'
import { chatLogprobs } from '../logprobs.js'
import { chatOf, type ResponsesBody, responsesBody, responsesName, responsesNulls } from './body.js'
import { newId, Output, type OutputEvent } from './output.js'

/** `POST /v1/responses`: the next message of a conversation, in the items of OpenAI's newer API. Nothing is stored. */
export function responsesRoutes(app: Hono, context: ServerContext): void {
  app.post('/v1/responses', async (c) => {
    const body = await readBody(c, responsesBody, context, responsesNulls)
    return respond(c, context, body.stream, async (ticket) => {
      const chat = chatOf(body)
      const begun = await withFieldNames(responsesName, () => beginChat(context, chat, { ticket }))
      return new ResponseReply(context, body, begun, chat.logprobs ?? false)
    })
  })
}

type Numbered = OutputEvent & { sequence_number: number }

class ResponseReply implements Reply {
  readonly format: StreamFormat = {
    ...SERVER_SENT_EVENTS,
    event: eventOf,
    end: '',
    error: (error) => eventOf(this.numbered(errorEvent(error))),
  }
  private readonly id = newId('resp')
  private readonly createdAt = Math.floor(Date.now() / 1000)
  private readonly answer: ChatAnswer
  private readonly output = new Output()
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
    private readonly scores: boolean,
  ) {
    this.answer = new ChatAnswer(begun.prompt.reading)
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
    const { deltas, kind } = this.answer.add(piece)
    const isOfText = kind === 'content' && this.kind === 'content' && (this.hasText || piece.text.trim() !== '')
    this.kind = kind
    if (this.scores && isOfText) {
      this.logprobs.push(...chatLogprobs(piece.tokens, this.context.model.tokenizer).content)
    }
    for (const delta of deltas) {
      this.hasText ||= delta.content !== undefined
      const logprobs = delta.content === undefined ? [] : this.logprobs.splice(0)
      yield* this.output.add(delta, logprobs)
    }
  }

  private response(status: 'in_progress' | 'completed' | 'incomplete') {
    const { body, context, begun, output } = this
    const { instructions = null, temperature = null, top_p = null, tools = [], reasoning } = body
    const notes = begun.prompt.notes.map((note) => renameFields(note, responsesName))
    return {
      id: this.id,
      object: 'response',
      created_at: this.createdAt,
      status,
      background: false,
      error: null,
      incomplete_details: status === 'incomplete' ? { reason: 'max_output_tokens' } : null,
      instructions,
      max_output_tokens: body.max_output_tokens ?? null,
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
      top_p,
      truncation: 'disabled',
      usage: status === 'in_progress' ? null : this.usage,
      user: null,
      ...(notes.length > 0 && { notes }),
    }
  }

  private get usage() {
    const { prompt_tokens, completion_tokens, total_tokens, prompt_tokens_details, completion_tokens_details } =
      this.begun.choices.usage
    return {
      input_tokens: prompt_tokens,
      input_tokens_details: prompt_tokens_details,
      output_tokens: completion_tokens,
      output_tokens_details: { reasoning_tokens: this.answer.thoughtTokens, ...completion_tokens_details },
      total_tokens,
    }
  }

  private numbered(event: OutputEvent): Numbered {
    return { ...event, sequence_number: this.events++ }
  }
}

/** Clients read the error either from the event or from its field. */
function errorEvent(error: ApiError): OutputEvent {
  const { error: fields } = errorBody(error)
  return { ...fields, type: 'error', error: fields }
}

function eventOf(event: object): string {
  return `event: ${(event as OutputEvent).type}\ndata: ${JSON.stringify(event)}\n\n`
}
