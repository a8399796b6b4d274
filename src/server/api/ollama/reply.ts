import type { ApiError } from '../../common/api-error.js'
import type { ServerContext } from '../../http/context.js'
import { ollamaError } from '../../http/errors.js'
import { renameFields } from '../../http/rename-fields.js'
import type { Reply } from '../../http/respond.js'
import type { StreamFormat } from '../../http/stream-format.js'
import type { Piece } from '../../run/choice.js'
import type { Choices } from '../../run/choices.js'
import { ChatAnswer, type Delta } from '../chat-answer.js'
import { chatLogprobs } from '../chat-logprobs.js'
import type { ChatPrompt } from '../chat-prompt.js'
import { ollamaName } from './fields.js'

/** A part of an answer. */
interface Part {
  content?: string
  thinking?: string
  tool_calls?: OllamaCall[]
  logprobs?: ReturnType<typeof chatLogprobs>['content']
}

interface OllamaCall {
  id?: string
  function: { index: number; name: string; arguments: Record<string, unknown> }
}

interface Parts {
  context: ServerContext
  /** The model as the request names it. */
  model: string
  /** Absent for a text without a chat template. */
  prompt?: ChatPrompt
  choices: Choices
  bytes: number
  /** Whether the request asks for log-probabilities. */
  scores?: boolean
  /** Time at which the request came, as `performance.now` counts. */
  startedAt: number
}

/** An answer in the form of ollama's API: lines of JSON, the last with `done`. */
export abstract class OllamaReply implements Reply {
  readonly format = jsonLines(() => this.line({}))
  /** A call whose arguments are still to come. */
  private call = { id: '', index: 0, name: '' }
  private finishReason: Piece['finishReason']

  constructor(private readonly parts: Parts) {}

  get choices(): Choices {
    return this.parts.choices
  }

  get bytes(): number {
    return this.parts.bytes
  }

  async whole() {
    const all: Required<Part> = { content: '', thinking: '', tool_calls: [], logprobs: [] }
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

  /** Fields of a part, as the endpoint names them. */
  protected abstract fieldsOf(part: Part): object

  private async *read(): AsyncGenerator<Part> {
    const { prompt, choices, context, scores } = this.parts
    const answer = prompt && new ChatAnswer(prompt.reading)
    for await (const piece of choices.pieces()) {
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
  private partOf({ content, reasoning_content: thinking, tool_calls: calls }: Delta): Part[] {
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

  private line(part: Part): object {
    return { ...this.head, ...this.fieldsOf(part), done: false, ...logprobsOf(part) }
  }

  /** The end, with times in nanoseconds. */
  private last(part: Part): object {
    const { choices, prompt, startedAt } = this.parts
    const { usage, times } = choices
    return {
      ...this.head,
      ...this.fieldsOf(part),
      done: true,
      done_reason: this.finishReason,
      total_duration: nanoseconds(performance.now() - startedAt),
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

/** An answer of `/api/chat`. */
export class ChatReply extends OllamaReply {
  protected fieldsOf({ logprobs, content = '', ...part }: Part): object {
    return { message: { role: 'assistant', content, ...part } }
  }
}

/** An answer of `/api/generate`. */
export class GenerateReply extends OllamaReply {
  protected fieldsOf({ logprobs, content = '', ...part }: Part): object {
    return { response: content, ...part }
  }
}

function logprobsOf({ logprobs }: Part) {
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
