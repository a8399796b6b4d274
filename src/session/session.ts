import type { GenerateOptions, GenerationResult, Step } from '../api/generation.js'
import type { ForwardOptions, ForwardResult, SavedSequence, Session } from '../api/session.js'
import type { GenerationDefaults, Tokenizer } from '../api/text.js'
import { commonPrefix } from '../common-prefix.js'
import { type EngineClient, Interrupted, type Ongoing } from '../engine/client.js'
import type { ForwardReply, GenerateReply, GenerateRequest, StepMessage, TruncateReply } from '../engine/protocol.js'
import { unpackRoutes } from '../engine/route-codec.js'
import { UsageError, UserError } from '../errors.js'
import { settle } from '../generation-options.js'
import type { ModelConfig } from '../model/config.js'
import { randomSeed } from '../sampling/random.js'
import { onAbort } from './on-abort.js'
import { checkSaved } from './saved-sequence.js'
import { checkForward, checkGenerate } from './session-options.js'
import { SessionTokens } from './session-tokens.js'
import { StepQueue } from './step-queue.js'
import { TextStream } from './text-stream.js'
import { targetIds, tokenIds } from './token-ids.js'

/** Characters that are encoded at once, in a millisecond or so. */
const SHORT = 10_000

/** What a session needs of its model. */
export interface SessionModel {
  engine: EngineClient
  config: ModelConfig
  tokenizer?: Tokenizer
  defaults: GenerationDefaults
}

/** The caller's end of one sequence; the cache itself lives with the engine. */
export class EngineSession implements Session {
  private readonly cached = new SessionTokens()
  /** Positions below it have been forgotten, by a generation with a limited `context`. */
  private oldest = 0
  private disposed = false

  constructor(
    private readonly model: SessionModel,
    private readonly id: number,
  ) {}

  get length(): number {
    return this.disposed ? 0 : this.cached.length
  }

  get tokens(): readonly number[] {
    return this.disposed ? [] : this.cached.ids
  }

  async forward<Routes extends boolean = false, Hidden extends boolean = false>(
    tokens: ArrayLike<number>,
    options: ForwardOptions<Routes, Hidden> = {},
  ): Promise<ForwardResult<Routes, Hidden>> {
    checkForward(options)
    const {
      logits = 'last',
      targets,
      routes = false,
      probabilities = false,
      outputNorms = false,
      hidden = false,
      onPromptProgress,
      signal,
    } = options
    const { config } = this.model
    this.checkAlive()
    const ids = tokenIds(tokens, config.vocabSize)
    if (ids.length === 0) throw new UsageError('forward needs at least one token')
    const wanted = targets && targetIds(targets, ids.length, config)
    signal?.throwIfAborted()
    const request = {
      kind: 'forward',
      session: this.id,
      tokens: ids,
      logits,
      targets: wanted,
      routes,
      probabilities,
      outputNorms,
      hidden,
      progress: onPromptProgress !== undefined,
    } as const
    const ongoing = this.model.engine.call<ForwardReply>(request, { onProgress: onPromptProgress })
    const reply = await this.counting({ added: ids }, settled(ongoing, signal))
    const result: ForwardResult = {
      logits: reply.logits,
      ...(reply.logprobs && { logprobs: reply.logprobs, norms: reply.norms }),
      ...(reply.routes && { routes: unpackRoutes(reply.routes, config, ids.length) }),
      ...(reply.hidden && { hidden: rowsOf(reply.hidden, config.width) }),
    }
    // What was asked for is there, which the compiler cannot follow.
    return result as ForwardResult<Routes, Hidden>
  }

  async *generate(
    prompt: string | ArrayLike<number>,
    options: GenerateOptions = {},
  ): AsyncGenerator<Step, GenerationResult> {
    checkGenerate(options)
    const { signal, onPromptProgress } = options
    this.checkAlive()
    signal?.throwIfAborted()
    const ids = this.idsOf(prompt, signal)
    const request = this.generateRequest(ids instanceof Promise ? await ids : ids, options)
    const text = new TextStream(this.model.tokenizer, request.settings.stop)
    const queue = new StepQueue()
    const ongoing = this.model.engine.call<GenerateReply>(request, {
      onStep: (step) => queue.push(step),
      onProgress: onPromptProgress,
    })
    const unlisten = onAbort(signal, () => ongoing.stop())
    ongoing.reply.then(
      () => queue.end(),
      () => queue.end(),
    )
    const tokens: number[] = []
    const change = this.cached.plan({})
    const started = performance.now()
    let firstAt = started
    const sampledAt = { first: 0, last: 0 }
    let complete = false
    /** Tokens that the model has read once the next step comes. */
    let unread: ArrayLike<number> = request.prompt
    const counted = (step: Step) => {
      change.add(unread)
      unread = [step.token]
      tokens.push(step.token)
      return step
    }
    /** Its text is not certain yet; it waits for the next token, or the end. */
    let waiting: Step | undefined
    try {
      for await (const message of queue) {
        // The engine runs ahead: an abort ends the answer where its reader is.
        signal?.throwIfAborted()
        if (waiting) {
          yield counted(waiting)
          signal?.throwIfAborted()
        }
        if (tokens.length === 0) {
          firstAt = performance.now()
          sampledAt.first = message.at
        }
        sampledAt.last = message.at
        ongoing.credit(1)
        const step = this.step(message, tokens.length, text.push(message.token))
        waiting = text.isHolding ? step : undefined
        if (!waiting) yield counted(step)
        if (text.stopped) break
      }
      if (text.stopped) {
        const times = { prefillMs: firstAt - started, decodeMs: sampledAt.last - sampledAt.first }
        return this.result(request, tokens, text.text, { finishReason: 'stop', ...times })
      }
      const reply = await settled(ongoing, signal)
      if (waiting) yield counted({ ...waiting, text: waiting.text + text.flush() })
      complete = true
      this.oldest = reply.oldest
      // At eos the engine has run the last token to learn that it was the last.
      if (reply.finishReason === 'eos') change.add(unread)
      return this.result(request, tokens, text.text, reply)
    } finally {
      unlisten()
      // Left early or stopped: what the engine computed ahead of the reader is taken back.
      if (!complete) await this.takeBack(ongoing, this.length)
      change.done()
    }
  }

  truncate(length: number): void {
    this.checkAlive()
    if (!Number.isInteger(length) || length < 0) throw new UsageError('truncate needs a length of 0 or more')
    if (length < this.length) this.cut(length)
  }

  truncateToCommon(prompt: ArrayLike<number>): number {
    this.checkAlive()
    const common = commonPrefix(this.tokens, prompt, prompt.length - 1)
    const kept = common > this.oldest ? common : 0
    this.truncate(kept)
    return kept
  }

  reset(): void {
    this.checkAlive()
    this.cut(0)
  }

  async save(): Promise<SavedSequence> {
    this.checkAlive()
    return this.model.engine.call<SavedSequence>({ kind: 'export', session: this.id }).reply
  }

  async restore(saved: SavedSequence): Promise<void> {
    this.checkAlive()
    checkSaved(saved, this.model.config)
    const { reply } = this.model.engine.call<void>({ kind: 'import', session: this.id, saved })
    await this.counting({ keep: 0, added: saved.tokens }, reply)
    this.oldest = saved.oldest
  }

  /** What console.log shows. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return `[Session of ${this.length} tokens]`
  }

  dispose(): void {
    if (this.disposed) return
    this.disposed = true
    this.send({ kind: 'release', session: this.id })
  }

  private generateRequest(prompt: ArrayLike<number>, options: GenerateOptions): GenerateRequest {
    const { defaults, config } = this.model
    if (config.architecture === 'classifier')
      throw new UserError('a sequence classifier generates no text; use classify')
    const ids = tokenIds(prompt, config.vocabSize)
    if (ids.length === 0 && this.length === 0) throw new UsageError('the prompt is empty')
    const settings = settle(options, defaults, { seed: randomSeed() })
    const end = defaults.eosTokens ?? config.eosTokens ?? (config.eosToken === null ? [] : [config.eosToken])
    return {
      kind: 'generate',
      session: this.id,
      prompt: ids,
      settings,
      eos: settings.ignoreEos ? [] : end,
      routes: options.routes ?? false,
      probabilities: options.probabilities ?? false,
      progress: options.onPromptProgress !== undefined,
    }
  }

  /**
   * A long text takes a while, and calls made meanwhile come before it. What begins a text begins a sequence only: one
   * that goes on a sequence has nothing in front.
   */
  private idsOf(prompt: string | ArrayLike<number>, signal?: AbortSignal): ArrayLike<number> | Promise<number[]> {
    // Checked before it is awaited: a promise of a text is no prompt.
    if (typeof prompt !== 'string') return tokenIds(prompt, this.model.config.vocabSize)
    const { tokenizer } = this.model
    if (!tokenizer) throw new UsageError('the model came without tokenizer files: give the prompt as token ids')
    const addSpecialTokens = this.length === 0
    if (tokenizer.isQuick && prompt.length <= SHORT) return tokenizer.encode(prompt, { addSpecialTokens })
    return tokenizer.encodeAsync(prompt, { addSpecialTokens, signal })
  }

  private step(message: StepMessage, index: number, text: string): Step {
    const { token, logprob, top, routes } = message
    return {
      index,
      token,
      text,
      logprob,
      ...(top && { topLogprobs: top }),
      ...(routes && { routes: unpackRoutes(routes, this.model.config, 1) }),
    }
  }

  private result(
    { prompt, settings }: GenerateRequest,
    tokens: number[],
    text: string,
    end: Pick<GenerationResult, 'finishReason' | 'contextFull' | 'prefillMs' | 'decodeMs'>,
  ): GenerationResult {
    const { finishReason, contextFull, prefillMs, decodeMs } = end
    const times = { prefillMs, decodeMs }
    const full = contextFull && { contextFull }
    return { finishReason, text, tokens, promptTokens: prompt.length, ...full, seed: settings.seed, ...times }
  }

  /** Counts the tokens that a call changes unless it fails. */
  private async counting<T>(change: Parameters<SessionTokens['plan']>[0], call: Promise<T>): Promise<T> {
    const planned = this.cached.plan(change)
    try {
      const result = await call
      planned.done()
      return result
    } catch (error) {
      planned.failed()
      throw error
    }
  }

  private cut(length: number): void {
    const { reply } = this.model.engine.call<TruncateReply>({ kind: 'truncate', session: this.id, length })
    this.counting({ keep: length }, reply).then(
      ({ oldest }) => (this.oldest = oldest),
      () => undefined,
    )
  }

  private checkAlive(): void {
    if (this.disposed) throw new UsageError('this session has been disposed')
  }

  /** Stops a generation and cuts off what the engine computed beyond `length` tokens. */
  private async takeBack(ongoing: Ongoing<GenerateReply>, length: number): Promise<void> {
    ongoing.stop()
    const { reply } = this.model.engine.call<TruncateReply>({ kind: 'truncate', session: this.id, length })
    await ongoing.reply.catch(() => undefined)
    await reply.then(
      ({ oldest }) => (this.oldest = oldest),
      () => undefined,
    )
  }

  /** A request whose reply nobody waits for; it cannot fail but by the end of the engine, which others report. */
  private send(request: Parameters<EngineClient['call']>[0]): void {
    this.model.engine.call(request).reply.catch(() => undefined)
  }
}

/** The reply of a request that an abort stops; an abort rejects with the signal's reason, as fetch does. */
async function settled<T>(ongoing: Ongoing<T>, signal?: AbortSignal): Promise<T> {
  const unlisten = onAbort(signal, () => ongoing.stop())
  try {
    return await ongoing.reply
  } catch (error) {
    throw error instanceof Interrupted && signal?.aborted ? signal.reason : error
  } finally {
    unlisten()
  }
}

function rowsOf(values: Float32Array, width: number): Float32Array[] {
  return Array.from({ length: values.length / width }, (_, i) => values.subarray(i * width, (i + 1) * width))
}
