import type { AnswerEvent } from '../../../text/answer-reader.js'
import type { ServerContext } from '../../http/context.js'
import type { Reply, StreamFormat } from '../../http/respond.js'
import type { AnswerPiece } from '../../run/choice.js'
import type { BegunChat, BegunCompletion } from '../begin.js'
import { chatLogprobs, notesOf } from '../report.js'
import { names } from './body.js'

interface ReplyPart {
  content?: string
  thinking?: string
  tool_calls?: object[]
  logprobs?: ReturnType<typeof chatLogprobs>['content']
}

interface ReplyParts {
  context: ServerContext
  /** The model as the request names it. */
  model: string
  /** Time at which the request came, as `performance.now` counts. */
  startedAt: number
  /** Fields of a text and what comes with it, as the endpoint names them. */
  fieldsOf(content: string, part: object): object
}

/** An answer in the form of ollama's API: lines of JSON, the last with `done`. */
export class OllamaReply implements Reply {
  readonly format = jsonLines(() => this.line({}))
  private calls = 0
  private finishReason: AnswerPiece['finishReason']

  constructor(
    readonly begun: BegunChat | BegunCompletion,
    private readonly parts: ReplyParts,
  ) {}

  private get scores(): boolean {
    return this.begun.request.report.logprobs !== undefined
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
      ...(this.scores && { logprobs }),
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
    const isChat = 'prompt' in this.begun
    for await (const { events = [], tokens, text, finishReason } of this.begun.choices.pieces()) {
      const parts = isChat ? events.flatMap((event) => this.partsOf(event)) : text === '' ? [] : [{ content: text }]
      if (this.scores && tokens.length > 0) {
        const logprobs = chatLogprobs(tokens, this.parts.context.model.tokenizer).content
        if (parts.length === 0) parts.push({})
        parts[0].logprobs = logprobs
      }
      yield* parts
      this.finishReason ??= finishReason
    }
  }

  private partsOf(event: AnswerEvent): ReplyPart[] {
    // `called` has the call itself.
    if (event.kind === 'call') return []
    if (event.kind !== 'called') return [{ [event.kind]: event.text }]
    const { id, name, arguments: args } = event.call
    return [{ tool_calls: [{ id, function: { index: this.calls++, name, arguments: args } }] }]
  }

  private line(part: ReplyPart): object {
    return { ...this.head, ...this.fieldsOf(part), done: false, ...logprobsOf(part) }
  }

  /** The end, with times in nanoseconds. */
  private last(part: ReplyPart): object {
    const { usage, times } = this.begun.choices
    return {
      ...this.head,
      ...this.fieldsOf(part),
      done: true,
      done_reason: this.finishReason,
      total_duration: nanoseconds(performance.now() - this.parts.startedAt),
      load_duration: 0,
      prompt_eval_count: usage.promptTokens,
      prompt_eval_duration: nanoseconds(times.promptMs),
      eval_count: usage.generatedTokens,
      eval_duration: nanoseconds(times.answerMs),
      ...logprobsOf(part),
      ...('prompt' in this.begun && notesOf(this.begun, names)),
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
    error: line,
  }
}

function nanoseconds(ms: number): number {
  return Math.round(ms * 1e6)
}
