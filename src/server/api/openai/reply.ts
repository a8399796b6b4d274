import type { Delta, DeltaCall, WireChunk } from '../../../api/wire.js'
import { isObject } from '../../../ground/json/json.js'
import type { AnswerEvent } from '../../../text/answer-reader.js'
import type { ServerContext } from '../../http/context.js'
import type { Reply } from '../../http/respond.js'
import type { AnswerPiece } from '../../run/choice.js'
import { tokenizerOf } from '../../run/context.js'
import type { ScoredToken } from '../../run/read-prompt.js'
import type { BegunChat, BegunCompletion, Echoed } from '../begin.js'
import { CompletionScorer, chatLogprobs, notesOf, usageOf } from '../report.js'
import { names } from './body.js'
import { PackedRoutes } from './packed-routes.js'

/** A choice of a chunk: with a delta in a chat, with a text in a completion. */
type ChunkChoice = Omit<WireChunk['choices'][number], 'logprobs' | 'routed_experts'> & {
  index: number
  logprobs: object | null
  routed_experts?: object
}

/** A choice of a whole answer, or an object in it. */
type Whole = Record<string, unknown>

/** An answer of OpenAI's API. A whole answer is what a client makes of its chunks. */
abstract class OpenaiReply<B extends BegunChat | BegunCompletion> implements Reply {
  /** Fields of a chunk besides its choices. */
  protected abstract readonly head: object
  /** Text of a chunk that has none. */
  protected abstract readonly noText: Pick<ChunkChoice, 'delta' | 'text'>
  private readonly packed: PackedRoutes[] = []

  constructor(
    protected readonly context: ServerContext,
    readonly begun: B,
    private readonly withUsage = false,
  ) {}

  /** The text and log-probabilities of a whole choice before its first chunk. */
  protected abstract empty(index: number): Whole
  /** The choices of a piece's chunks. */
  protected abstract choicesOf(piece: AnswerPiece): Iterable<ChunkChoice>

  async whole(): Promise<object> {
    const { routes, packedRoutes } = this.begun.request.report
    const experts = () => ({
      ...(routes && !packedRoutes && { routed_experts: [] }),
      ...(routes === 'all' && !packedRoutes && { prompt_routed_experts: [] }),
    })
    const choices: Whole[] = []
    for await (const piece of this.begun.choices.pieces()) {
      const { index } = piece
      choices[index] ??= { index, ...this.empty(index), finish_reason: null, ...experts() }
      for (const choice of this.choicesOf(piece)) join(choices[index], choice)
    }
    return { ...this.head, choices, usage: this.usage }
  }

  async *chunks(): AsyncGenerator<object> {
    for await (const piece of this.begun.choices.pieces()) {
      const { index, progress } = piece
      const none = { index, ...this.noText, logprobs: null, finish_reason: null }
      if (progress) yield this.chunk(none, { prompt_progress: progress })
      else for (const choice of this.choicesOf(piece)) yield this.chunk(choice)
    }
    if (this.withUsage) yield { ...this.head, choices: [], usage: this.usage }
  }

  /** The experts of the tokens of a piece. Packed experts come with the end of their choice. */
  protected expertsOf({ index, routed, promptRouted, finishReason }: AnswerPiece) {
    if (!this.begun.request.report.packedRoutes) {
      return { ...(routed && { routed_experts: routed }), ...(promptRouted && { prompt_routed_experts: promptRouted }) }
    }
    this.packed[index] ??= new PackedRoutes(this.context.model.config)
    this.packed[index].add([...(promptRouted ?? []), ...(routed ?? [])])
    return finishReason ? { routed_experts: this.packed[index].field } : {}
  }

  protected chunk(choice: ChunkChoice, more: object = {}): object {
    return { ...this.head, choices: [choice], ...more, ...(this.withUsage && { usage: null }) }
  }

  private get usage() {
    return usageOf(this.begun.choices.usage, 'prompt' in this.begun)
  }
}

/** Adds a choice of a chunk to the whole choice: texts and lists become longer. */
function join(whole: Whole, part: object): void {
  for (const [name, value] of Object.entries(part)) {
    const before = whole[name]
    if (name === 'delta') join(whole.message as Whole, value)
    else if (name === 'tool_calls') joinCalls(whole, value)
    else if (typeof before === 'string') whole[name] = before + value
    else if (Array.isArray(before)) before.push(...value)
    else if (isObject(before)) join(before, value ?? {})
    else if (value !== null) whole[name] = value
  }
}

/** Adds parts of calls to a message, whose content is null if there are only calls. */
function joinCalls(message: Whole, parts: readonly DeltaCall[]): void {
  message.content ||= null
  message.tool_calls ??= []
  const calls = message.tool_calls as Whole[]
  for (const { index, ...part } of parts) {
    calls[index] ??= {}
    join(calls[index], part)
  }
}

/** A message before its first part. */
const NO_MESSAGE = { role: 'assistant', content: '', refusal: null }

/** The next message of a conversation. */
export class ChatReply extends OpenaiReply<BegunChat> {
  protected readonly head = {
    ...{ id: `chatcmpl-${crypto.randomUUID()}`, created: now(), model: this.context.id },
    object: 'chat.completion.chunk',
  }
  protected readonly noText = { delta: {} }
  /** Number of calls of each choice so far. */
  private readonly calls: number[] = []

  override async whole(): Promise<object> {
    return { ...(await super.whole()), object: 'chat.completion', ...notesOf(this.begun, names) }
  }

  override async *chunks(): AsyncGenerator<object> {
    for (let index = 0; index < (this.begun.request.n ?? 1); index++) {
      const first = this.chunk({ index, delta: NO_MESSAGE, logprobs: null, finish_reason: null })
      yield { ...first, ...(index === 0 && notesOf(this.begun, names)) }
    }
    yield* super.chunks()
  }

  protected empty(): Whole {
    return { message: { ...NO_MESSAGE }, logprobs: this.logprobs([]) }
  }

  /**
   * One for each part of the message, none if its text is held back, and one for the end. The first has what is known
   * about the tokens.
   */
  protected *choicesOf(piece: AnswerPiece): Generator<ChunkChoice> {
    const { index, events = [], tokens, part: kind = 'content', finishReason } = piece
    const deltas = events.flatMap((event) => this.deltasOf(event, index))
    const logprobs = tokens.length > 0 ? this.logprobs(tokens) : null
    const routed = piece.routed?.map((token) => ({ ...token, kind }))
    const experts = this.expertsOf({ ...piece, routed })
    if (deltas.length === 0 && (logprobs !== null || Object.keys(experts).length > 0)) deltas.push({})
    for (const [i, delta] of deltas.entries()) {
      yield { index, delta, logprobs: i === 0 ? logprobs : null, finish_reason: null, ...(i === 0 && experts) }
    }
    if (!finishReason) return
    // An answer that has calls ended for their results.
    const finish_reason = finishReason === 'stop' && this.calls[index] ? 'tool_calls' : finishReason
    yield { index, delta: {}, logprobs: null, finish_reason }
  }

  private deltasOf(event: AnswerEvent, choice: number): Delta[] {
    switch (event.kind) {
      case 'content':
        return [{ content: event.text }]
      case 'thinking':
        return [{ reasoning_content: event.text }]
      // The model's notation for a call; `called` has the call itself.
      case 'call':
        return []
      case 'called': {
        const { id, name, arguments: args } = event.call
        const index = this.calls[choice] ?? 0
        this.calls[choice] = index + 1
        return [
          { tool_calls: [{ index, id, type: 'function', function: { name, arguments: '' } }] },
          { tool_calls: [{ index, function: { arguments: JSON.stringify(args) } }] },
        ]
      }
    }
  }

  private logprobs(scored: readonly ScoredToken[]) {
    const { request } = this.begun
    return request.report.logprobs === undefined ? null : chatLogprobs(scored, this.context.model.tokenizer)
  }
}

/** Texts that continue prompts. */
export class CompletionReply extends OpenaiReply<BegunCompletion> {
  protected readonly head = {
    id: `cmpl-${crypto.randomUUID()}`,
    object: 'text_completion',
    created: now(),
    model: this.context.id,
  }
  protected readonly noText = { text: '' }
  private readonly scorers: (CompletionScorer | undefined)[] = []
  /** Choices whose prompts have been echoed. */
  private readonly echoed = new Set<number>()

  protected empty(index: number): Whole {
    return { text: '', logprobs: this.logprobs(index, []) }
  }

  protected *choicesOf(piece: AnswerPiece): Generator<ChunkChoice> {
    const { index, text: own, tokens, finishReason } = piece
    const text = this.echoed.has(index) ? own : (this.echoOf(index)?.text ?? '') + own
    this.echoed.add(index)
    const experts = this.expertsOf(piece)
    if (text === '' && tokens.length === 0 && Object.keys(experts).length === 0 && !finishReason) return
    yield { index, text, logprobs: this.logprobs(index, tokens), finish_reason: finishReason ?? null, ...experts }
  }

  private logprobs(index: number, scored: readonly ScoredToken[]) {
    if (this.begun.request.report.logprobs === undefined) return null
    this.scorers[index] ??= new CompletionScorer(tokenizerOf(this.context), this.echoOf(index))
    return this.scorers[index].add(scored)
  }

  /** The prompt that a choice begins with. */
  private echoOf(index: number): Echoed | undefined {
    const { prompts, request } = this.begun
    return request.echo ? prompts[Math.floor(index / (request.n ?? 1))] : undefined
  }
}

function now(): number {
  return Math.floor(Date.now() / 1000)
}
