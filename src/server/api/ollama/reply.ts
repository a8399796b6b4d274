import type { ApiError } from '../../common/api-error.js'
import type { ServerContext } from '../../http/context.js'
import { ollamaError, renameFields } from '../../http/errors.js'
import type { Reply } from '../../http/respond.js'
import type { StreamFormat } from '../../http/stream.js'
import type { AnswerPiece } from '../../run/choice.js'
import type { BegunChat, BegunCompletion } from '../begin.js'
import { ChatAnswer, type Delta } from '../chat-answer.js'
import { chatLogprobs } from '../logprobs.js'
import { ollamaName } from './fields.js'

interface ReplyPart {
  content?: string
  thinking?: string
  tool_calls?: OllamaCall[]
  logprobs?: ReturnType<typeof chatLogprobs>['content']
}

interface OllamaCall {
  id?: string
  function: { index: number; name: string; arguments: Record<string, unknown> }
}

interface ReplyParts {
  context: ServerContext
  /** The model as the request names it. */
  model: string
  scores?: boolean
  /** Time at which the request came, as `performance.now` counts. */
  startedAt: number
  /** Fields of a text and what comes with it, as the endpoint names them. */
  fieldsOf(content: string, part: object): object
}

/** An answer in the form of ollama's API: lines of JSON, the last with `done`. */
export class OllamaReply implements Reply {
  readonly format = jsonLines(() => this.line({}))
  /** A call whose arguments are still to come. */
  private call = { id: '', index: 0, name: '' }
  private finishReason: AnswerPiece['finishReason']

  constructor(
    readonly begun: BegunChat | BegunCompletion,
    private readonly parts: ReplyParts,
  ) {}

  /** Undefined for a text without a chat template. */
  private get prompt() {
    return 'prompt' in this.begun ? this.begun.prompt : undefined
  }

  async whole() {
    const all: Required<ReplyPart> = { content: '', thinking: '', tool_calls: [], logprobs: [] }
    for await (const part of this.read()) {
      all.content += part.content ?? ''
      all.thinking += part.thinking ?? ''
      all.tool_calls.push(...(part.tool_calls ?? []))
      all.logprobs.push(...(part.logprobs ?? []))
    }
    const { content, thinking, tool_calls, logprobs } = all
    return this.last({
      content,
      ...(thinking !== '' && { thinking }),
      ...(tool_calls.length > 0 && { tool_calls }),
      ...(this.parts.scores && { logprobs }),
    })
  }

  async *chunks(): AsyncGenerator<object> {
    for await (const part of this.read()) yield this.line(part)
    yield this.last({})
  }

  private fieldsOf({ logprobs, content = '', ...part }: ReplyPart): object {
    return this.parts.fieldsOf(content, part)
  }

  private async *read(): AsyncGenerator<ReplyPart> {
    const { prompt } = this
    const { context, scores } = this.parts
    const answer = prompt && new ChatAnswer(prompt.reading)
    for await (const piece of this.begun.choices.pieces()) {
      const { tokens, text, finishReason } = piece
      const deltas = answer ? answer.add(piece).deltas : text === '' ? [] : [{ content: text }]
      const parts = deltas.flatMap((delta) => this.partOf(delta))
      if (scores && tokens.length > 0) {
        const logprobs = chatLogprobs(tokens, context.model.tokenizer).content
        if (parts.length === 0) parts.push({})
        parts[0].logprobs = logprobs
      }
      yield* parts
      this.finishReason ??= finishReason
    }
  }

  /** A call comes in two deltas there, and in one part here. */
  private partOf({ content, reasoning_content: thinking, tool_calls: calls }: Delta): ReplyPart[] {
    if (content !== undefined) return [{ content }]
    if (thinking !== undefined) return [{ thinking }]
    return (calls ?? []).flatMap(({ index, id, function: called }) => {
      if (id !== undefined) {
        this.call = { id, index, name: called.name ?? '' }
        return []
      }
      const { id: callId, ...call } = this.call
      return [{ tool_calls: [{ id: callId, function: { ...call, arguments: JSON.parse(called.arguments ?? '{}') } }] }]
    })
  }

  private line(part: ReplyPart): object {
    return { ...this.head, ...this.fieldsOf(part), done: false, ...logprobsOf(part) }
  }

  /** The end, with times in nanoseconds. */
  private last(part: ReplyPart): object {
    const { prompt } = this
    const { usage, times } = this.begun.choices
    return {
      ...this.head,
      ...this.fieldsOf(part),
      done: true,
      done_reason: this.finishReason,
      total_duration: nanoseconds(performance.now() - this.parts.startedAt),
      load_duration: 0,
      prompt_eval_count: usage.prompt_tokens,
      prompt_eval_duration: nanoseconds(times.promptMs),
      eval_count: usage.completion_tokens,
      eval_duration: nanoseconds(times.answerMs),
      ...logprobsOf(part),
      ...(prompt && prompt.notes.length > 0 && { notes: prompt.notes.map((note) => renameFields(note, ollamaName)) }),
    }
  }

  private get head() {
    return { model: this.parts.model, created_at: new Date().toISOString() }
  }
}

function logprobsOf({ logprobs }: ReplyPart) {
  return logprobs ? { logprobs } : {}
}

/** A line per object. A client takes every line for one, so an idle stream sends an empty part. */
function jsonLines(idle: () => object): StreamFormat {
  const line = (value: object) => `${JSON.stringify(value)}\n`
  return {
    contentType: 'application/x-ndjson',
    event: line,
    idle: () => line(idle()),
    end: '',
    error: (error: ApiError) => line(ollamaError(error)),
  }
}

function nanoseconds(ms: number): number {
  return Math.round(ms * 1e6)
}
