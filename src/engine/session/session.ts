import type { ChatOptions, ChatResult, ChatStep } from '../../api/chat-options.js'
import type { GenerateOptions, GenerationResult, Step } from '../../api/generation.js'
import type { CacheSnapshot, ForkOptions, ForwardOptions, ForwardResult, Session } from '../../api/session.js'
import type { ChatMessage } from '../../api/text.js'
import { commonPrefix } from '../../ground/common-prefix.js'
import { UsageError } from '../../ground/errors.js'
import type { ExpertMask } from '../../model/config/expert-mask.js'
import { checkMessages } from '../../text/read-messages.js'
import type { EngineCalls, Ongoing } from '../run/client.js'
import type {
  ForkReply,
  ForwardReply,
  ForwardRequest,
  TruncateReply,
  TruncateRequest,
} from '../run/messages/protocol.js'
import { unpackRoutes } from '../run/messages/route-codec.js'
import { exportCache, importCache } from './cache-snapshot.js'
import { chat } from './chat-steps.js'
import { generateRequest, promptIds } from './generation/generate-request.js'
import { openGuide } from './generation/open-guide.js'
import { RunningGeneration } from './generation/running-generation.js'
import type { SessionModel } from './generation/session-model.js'
import { SessionTokens } from './generation/session-tokens.js'
import { onAbort, settled } from './generation/settled.js'
import { messageEnds, targetIds, tokenIds } from './generation/token-ids.js'
import { checkChat, checkFork, checkForward, checkGenerate } from './session-options.js'

/** The caller's end of one sequence; the cache itself lives with the engine. */
export class EngineSession implements Session {
  private readonly cached = new SessionTokens()
  /** Tokens that a stopped call has read. They rest beside those in the cache, which they follow. */
  private resting: ArrayLike<number> = []
  /** Calls so far that change the tokens. */
  private changes = 0
  /** First position still in the cache; a generation with a limited `context` forgets earlier ones. */
  private oldest = 0
  private disposed = false

  constructor(
    private readonly model: SessionModel,
    private readonly id: number,
    mask?: ExpertMask,
  ) {
    if (mask) this.send({ kind: 'open', session: id, mask })
  }

  get length(): number {
    return this.disposed ? 0 : this.cached.length
  }

  get tokens(): readonly number[] {
    return this.disposed ? [] : this.cached.ids
  }

  async forward<Routes extends boolean = false, Hidden extends ForwardOptions['hidden'] & {} = false>(
    tokens: ArrayLike<number>,
    options: ForwardOptions<Routes, Hidden> = {},
  ): Promise<ForwardResult<Routes, Hidden>> {
    const { config, tokenizer } = this.model
    checkForward(options, config.layers)
    const { logits = 'last', targets, onPromptProgress, signal, ...reports } = options
    this.checkAlive()
    const ids = tokenIds(tokens, config.vocabSize)
    if (ids.length === 0) throw new UsageError('forward needs at least one token')
    const wanted = targets && targetIds(targets, ids.length, config)
    signal?.throwIfAborted()
    const request: ForwardRequest = {
      kind: 'forward',
      session: this.id,
      tokens: ids,
      logits,
      targets: wanted,
      ...reports,
      ...(tokenizer && { messageEnds: messageEnds(ids, tokenizer.specialIds) }),
      progress: onPromptProgress !== undefined,
    }
    const change = this.changing()
    const ongoing = this.model.engine.call<ForwardReply>(request, { onProgress: onPromptProgress })
    const reply = await this.counting({ added: ids }, settled(ongoing, signal)).catch(async (error) => {
      if (signal?.aborted) await this.takeBack(ongoing, change)
      throw error
    })
    const { routes: packed, ...rest } = reply
    const result: ForwardResult = { ...rest, ...(packed && { routes: unpackRoutes(packed, config, ids.length) }) }
    // The result has what the options ask for, which the compiler cannot follow.
    return result as ForwardResult<Routes, Hidden>
  }

  async *generate(
    prompt: string | ArrayLike<number>,
    options: GenerateOptions = {},
  ): AsyncGenerator<Step, GenerationResult> {
    checkGenerate(options)
    this.checkAlive()
    const { signal } = options
    signal?.throwIfAborted()
    // A promise of a text, whose caller forgot an await, is refused as ids.
    if (typeof prompt !== 'string') return yield* this.run(prompt, options)
    const ids = promptIds(prompt, this.model, { continues: this.length > 0, signal })
    return yield* this.run(ids instanceof Promise ? await ids : ids, options)
  }

  async *chat(messages: readonly ChatMessage[], options: ChatOptions = {}): AsyncGenerator<ChatStep, ChatResult> {
    checkChat(options)
    this.checkAlive()
    options.signal?.throwIfAborted()
    return yield* chat(checkMessages(messages), this.model, options, ({ ids }, options) => {
      const cachedTokens = this.truncateToCommon(ids)
      return { cachedTokens, steps: this.run(ids.slice(cachedTokens), options) }
    })
  }

  truncate(length: number): void {
    this.checkAlive()
    if (!Number.isInteger(length) || length < 0) throw new UsageError('truncate needs a length of 0 or more')
    if (length < this.length) this.cut(length)
  }

  truncateToCommon(prompt: ArrayLike<number>): number {
    this.checkAlive()
    const { tokens, resting } = this
    const known = resting.length > 0 ? [...tokens, ...Array.from(resting)] : tokens
    const common = commonPrefix(known, prompt, prompt.length - 1)
    const kept = common > this.oldest ? common : 0
    if (kept > this.length) this.cut(this.length, Int32Array.from(known.slice(this.length, kept)))
    else this.truncate(kept)
    return kept
  }

  reset(): void {
    this.checkAlive()
    this.cut(0)
  }

  async fork(options: ForkOptions = {}): Promise<Session> {
    checkFork(options)
    this.checkAlive()
    const { model, id: session } = this
    const { length, waits = true } = options
    const fork = model.newSession()
    const { reply } = model.engine.call<ForkReply>({ kind: 'fork', session, fork, length, waits })
    const { tokens, oldest } = await reply
    const forked = new EngineSession(model, fork)
    forked.cached.plan({ added: tokens }).done()
    forked.oldest = oldest
    return forked
  }

  exportCache(): Promise<CacheSnapshot> {
    this.checkAlive()
    return exportCache(this.model.engine, this.id)
  }

  async importCache(snapshot: CacheSnapshot): Promise<void> {
    this.checkAlive()
    const tokens = tokenIds(snapshot.tokens, this.model.config.vocabSize)
    this.changing()
    const imported = importCache(this.model.engine, this.id, {
      ...snapshot,
      tokens,
      read: snapshot.read.bind(snapshot),
    })
    await this.counting({ keep: 0, added: tokens }, imported)
    this.oldest = snapshot.oldest
  }

  /** Text for console.log. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return `[Session of ${this.length} tokens]`
  }

  dispose(): void {
    if (this.disposed) return
    this.disposed = true
    this.send({ kind: 'release', session: this.id })
  }

  /** Appends a prompt and generates what follows. */
  private async *run(prompt: ArrayLike<number>, options: GenerateOptions): AsyncGenerator<Step, GenerationResult> {
    this.checkAlive()
    const request = generateRequest(this.id, prompt, this.model, options)
    if (prompt.length === 0 && this.length === 0) throw new UsageError('the prompt is empty')
    const guide = await openGuide(this.model, options, { eos: request.eos, maxTokens: request.settings.maxTokens })
    this.checkAlive()
    const cached = this.cached.plan({})
    const guided = { ...request, guide: guide?.memory }
    const change = this.changing()
    const generation = new RunningGeneration({ model: this.model, request: guided, cached, options })
    const unlisten = onAbort(options.signal, () => generation.ongoing.stop())
    try {
      return yield* generation.steps()
    } finally {
      unlisten()
      guide?.close()
      // The engine runs ahead of the reader: if that left early, the surplus is cut off.
      if (generation.reply) this.oldest = generation.reply.oldest
      else {
        const rests = options.signal?.aborted && !generation.hasSteps ? request.prompt.length : 0
        await this.takeBack(generation.ongoing, change, { length: this.length, rests })
      }
      cached.done()
    }
  }

  /** Registers a change of the tokens until its call succeeds or fails. */
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

  /** Keeps the first `length` tokens, and adds the tokens in `more`, which rest beside them. */
  private cut(length: number, more?: Int32Array): void {
    this.changing()
    const { reply } = this.model.engine.call<TruncateReply>({ kind: 'truncate', session: this.id, length, more })
    this.counting({ keep: length, added: more }, reply).then(
      ({ oldest }) => (this.oldest = oldest),
      () => undefined,
    )
  }

  /** Begins a call that changes the tokens, and so takes over or drops what rests beside them. Returns its number. */
  private changing(): number {
    this.resting = []
    return ++this.changes
  }

  private checkAlive(): void {
    if (this.disposed) throw new UsageError('this session has been disposed')
  }

  /** Stops a call, whose number is `change`, and cuts the engine's sequence. Learns what rests beside it. */
  private async takeBack(
    ongoing: Ongoing<unknown>,
    change: number,
    cut: Pick<TruncateRequest, 'length' | 'rests'> = { length: Infinity },
  ): Promise<void> {
    ongoing.stop()
    const { reply } = this.model.engine.call<TruncateReply>({ kind: 'truncate', session: this.id, ...cut })
    await ongoing.reply.catch(() => undefined)
    await reply.then(
      ({ oldest, resting = [] }) => {
        this.oldest = oldest
        if (change === this.changes) this.resting = resting
      },
      () => undefined,
    )
  }

  /** Sends a request without awaiting its reply. It fails only if the engine ends, which other calls report. */
  private send(request: Parameters<EngineCalls['call']>[0]): void {
    this.model.engine.call(request).reply.catch(() => undefined)
  }
}
