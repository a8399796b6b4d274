import type { PromptProgress } from '../api/generation.js'
import { UserError } from '../errors.js'
import type { ExpertMask } from '../model/expert-mask.js'
import type { SequenceCache } from '../nn/cache/sequence-cache.js'
import { type Decoder, MAX_BATCH, type TokenLogits } from '../nn/decoder.js'
import { checkpointPositions } from './checkpoint-positions.js'
import { Decoding } from './decoding.js'
import type { Demand, Task } from './demand.js'
import { type DraftedRun, withDrafts } from './drafted-run.js'
import { ForwardRecorder } from './forward-recorder.js'
import { Lookahead } from './lookahead.js'
import type { StepCosts } from './lookup/step-costs.js'
import type {
  ForwardReply,
  ForwardRequest,
  GenerateReply,
  GenerateRequest,
  ProgressMessage,
  StepMessage,
  TruncateReply,
} from './protocol.js'
import { RouteRecorder } from './route-codec.js'

/** Longest wait for a guide before other sequences get their turn, in ms. */
const GUIDE_WAIT = 1

/** Tokens to run after those of the sequence, or in place of its last `again` tokens. */
interface Input extends Pick<Demand, 'taps' | 'logitsFrom' | 'skipsLogits' | 'take'>, Partial<DraftedRun> {
  tokens: Int32Array
  /** Numbers of these tokens before which a message ends. */
  messageEnds?: readonly number[]
  again?: number
  /** Most positions kept, by a model that can forget the oldest. */
  context?: number
  /** Most positions of the whole text. */
  limit: number
  /** Leaves the sequence unchanged: only the taps' observations are wanted. */
  onlyLook?: true
  /** Called before the first micro-batch and after each. */
  progress?: (progress: PromptProgress) => void
  /** Called after each micro-batch with the number of tokens that have been run. */
  after?: (done: number) => void
}

/**
 * One sequence of tokens with its cache. Calls that run tokens are tasks, which yield their demands on the model.
 *
 * After `truncate` the cache may have fewer tokens than the sequence, since some layers can only be cut back to a
 * checkpoint. The next run first reads those tokens again.
 */
export class Sequence {
  cache: SequenceCache
  /** Ids of the sequence. The repeat penalty applies to them. */
  readonly tokens: number[] = []
  /** Number of changes so far. */
  version = 0
  /** Tokens read again so far. */
  private readAgain = 0

  constructor(
    readonly model: Decoder,
    /** Experts that its tokens must not use. */
    readonly mask?: ExpertMask,
    cache = model.createCache(),
  ) {
    this.cache = cache
  }

  /** Runs all tokens. A stop or a failure leaves the sequence unchanged. */
  *forward(request: ForwardRequest, stop: Int32Array, tell?: (progress: PromptProgress) => void): Task<ForwardReply> {
    const recorder = new ForwardRecorder(request, this.model.config)
    const input: Input = {
      tokens: request.tokens,
      messageEnds: request.messageEnds,
      limit: this.limitOf({}),
      taps: recorder.taps,
      logitsFrom: recorder.logitsFrom,
      take: (token, logits) => recorder.take(token, logits),
      progress: request.progress ? tell : undefined,
      after: (done) => recorder.after(done),
    }
    yield* this.run(input, stop)
    return recorder.reply
  }

  /**
   * Runs the prompt and then token after token. `emit` gets the step of each token: at once or, if routes are wanted,
   * when it has been read. A stop or a failure keeps the tokens whose steps were emitted; if there were none, the
   * sequence is unchanged. With `costs`, it may draft tokens by prompt lookup, which changes only the time.
   */
  *generate(
    request: GenerateRequest,
    stop: Int32Array,
    emit: (step: StepMessage) => void,
    tell?: (progress: ProgressMessage) => void,
    costs?: StepCosts,
  ): Task<GenerateReply> {
    const lookahead = this.lookaheadFor(request, costs)
    try {
      return yield* this.generateWith(lookahead, request, stop, emit, tell)
    } finally {
      lookahead?.drop()
    }
  }

  private *generateWith(
    lookahead: Lookahead | undefined,
    request: GenerateRequest,
    stop: Int32Array,
    emit: (step: StepMessage) => void,
    tell?: (progress: ProgressMessage) => void,
  ): Task<GenerateReply> {
    const { maxTokens, context } = request.settings
    const limit = this.limitOf(request.settings)
    const readBefore = this.readAgain
    const started = performance.now()
    const decoding = new Decoding(request, this.model.config, (step) => {
      const readAgain = this.readAgain - readBefore
      const counts = lookahead && lookahead.counts.drafted > 0 && { drafts: { ...lookahead.counts } }
      emit({ ...step, ...(readAgain > 0 && { readAgain }), ...counts })
    })
    const bounds = {
      context,
      limit,
      take: (_: number, logits: TokenLogits) => decoding.sample(logits, this.tokens),
      skipsLogits: () => decoding.skipsLogits(),
    }
    let finishReason: GenerateReply['finishReason'] = 'length'
    let contextFull = false
    let { tokens, again } = this.promptOf(request)
    let promptRoutes = request.promptRoutes && new RouteRecorder(this.model.config, tokens.length)
    let progress = request.progress ? tell : undefined
    let messageEnds: readonly number[] | undefined = request.messageEnds
    let generated = 0
    while (generated < maxTokens || (generated > 0 && (yield* isComplete(decoding)))) {
      contextFull = generated > 0 && this.tokens.length + tokens.length > limit
      if (contextFull) break
      if (lookahead?.hasRead(tokens)) lookahead.takeOver(decoding)
      else {
        const room = Math.min(maxTokens - generated - 1, this.roomAfter(tokens, bounds))
        const drafts = generated > 0 ? (lookahead?.draft(tokens, room) ?? []) : []
        const observers = promptRoutes
          ? { taps: promptRoutes.taps, after: promptRoutes.at.bind(promptRoutes), recorder: undefined }
          : decoding.reading(0, drafts.length > 0 ? tokens.length + drafts.length : undefined)
        const input = { tokens, messageEnds, again, progress, logitsFrom: tokens.length - 1, ...observers }
        yield* this.run({ ...bounds, ...input, ...lookahead?.begin(tokens, drafts, observers.recorder) }, stop)
      }
      if (promptRoutes) {
        const [total, { packed: routes }] = [tokens.length, promptRoutes]
        tell?.({ processed: total, total, timeMs: performance.now() - started, routes })
        promptRoutes = undefined
      }
      // Other sequences run while this one waits for its guide.
      while (!decoding.settle(GUIDE_WAIT, this.tokens)) yield
      const next = decoding.advance(Math.min(maxTokens - generated, limit - this.tokens.length + 1))
      if (typeof next === 'string') {
        finishReason = next
        break
      }
      tokens = next
      generated += next.length
      messageEnds = undefined
      again = 0
      progress = undefined
    }
    decoding.end()
    lookahead?.drop()
    if (finishReason === 'length' && generated > 0) yield* this.readLast(tokens, decoding, bounds, stop)
    decoding.flush()
    const drafts = lookahead && lookahead.counts.drafted > 0 && { drafts: lookahead.counts }
    const { oldest } = this.cache
    return { finishReason, ...(contextFull && { contextFull }), ...drafts, oldest, ...decoding.times }
  }

  /** Number of tokens that fit into the context after some more. */
  private roomAfter(tokens: Int32Array, { context, limit }: Pick<Input, 'context' | 'limit'>): number {
    const end = this.tokens.length + tokens.length
    return Math.min(limit, this.contextOf({ context }) + this.cache.oldest) - end
  }

  /** Drafts of a generation; undefined if it must do without them. */
  private lookaheadFor({ settings, eos }: GenerateRequest, costs?: StepCosts): Lookahead | undefined {
    const { promptLookupNumTokens: most } = settings
    // Windows and running states cannot take tokens back.
    if (!costs || most === 0 || this.cache.needsCheckpoints) return undefined
    return new Lookahead(this, { costs, most, eos })
  }

  /** Reads the tokens of a text that was cut, all but the last; that one only for its routes, if there is room. */
  private *readLast(
    tokens: Int32Array,
    decoding: Decoding,
    bounds: Pick<Input, 'context' | 'limit' | 'take'>,
    stop: Int32Array,
  ): Task<void> {
    const last = tokens.length - 1
    if (last > 0) {
      const input = { tokens: tokens.subarray(0, last), logitsFrom: last, ...decoding.reading() }
      yield* this.run({ ...bounds, ...input }, stop)
    }
    if (decoding.isUnread && this.tokens.length < bounds.limit) {
      const input = { tokens: tokens.subarray(last), onlyLook: true, logitsFrom: 1, ...decoding.reading(last) } as const
      yield* this.run({ ...bounds, ...input }, stop)
    }
  }

  truncate(length: number): TruncateReply {
    this.version++
    this.tokens.length = Math.min(this.tokens.length, length)
    this.cache.truncate(length)
    return { oldest: this.cache.oldest }
  }

  /**
   * A sequence with the first `length` tokens, whose cache shares the memory of this one's. `isWhole` if it may have
   * tokens that are yet to be read; without, it has only those in the cache. It has none if those have been forgotten.
   */
  fork(length = this.tokens.length, isWhole = true): Sequence {
    const { model, mask, cache, tokens } = this
    const kept = Math.min(length, isWhole ? tokens.length : cache.length)
    const fork = new Sequence(model, mask, cache.fork(kept > cache.oldest ? kept : 0))
    const count = isWhole ? kept : fork.cache.length
    for (let i = 0; i < count; i++) fork.tokens.push(tokens[i])
    return fork
  }

  /** Replaces cache and tokens. The former cache is freed. */
  replace(cache: SequenceCache, tokens: Int32Array): void {
    this.version++
    this.cache.release()
    this.cache = cache
    this.tokens.length = 0
    for (const token of tokens) this.tokens.push(token)
  }

  release(): void {
    this.cache.release()
  }

  /** Runs all tokens, in one or several micro-batches. */
  private *run(input: Input, stop: Int32Array): Task<void> {
    const { tokens, again = 0, limit, onlyLook, progress } = input
    const from = this.tokens.length - again
    if (from + tokens.length > limit) throw tooLong(from + tokens.length, limit)
    const started = performance.now()
    const tell = (processed: number) =>
      progress?.({ processed, total: tokens.length, timeMs: performance.now() - started })
    const replaced = this.tokens.slice(from)
    const undo = () => {
      this.cache.rollback()
      this.tokens.length = from
      this.tokens.push(...replaced)
    }
    this.version++
    yield* this.catchUp(stop)
    this.cache.begin()
    try {
      if (again > 0) this.truncate(from)
      yield* this.catchUp(stop)
      const context = this.contextOf(input)
      this.cache.reserve(Math.min(tokens.length, context + MAX_BATCH), MAX_BATCH)
      for (const token of tokens) this.tokens.push(token)
      tell(0)
      for (let done = 0; done < tokens.length; ) {
        // Forget after every MAX_BATCH tokens, so that the result does not depend on how the tokens are sliced.
        const end = Number.isFinite(context) ? done - (done % MAX_BATCH) + MAX_BATCH : tokens.length
        const demand = this.demand(input, done, end, stop)
        done += end < tokens.length ? yield demand : yield* withDrafts(demand, input)
        if (done % MAX_BATCH === 0 || done === tokens.length) this.forgetBeyond(context)
        input.after?.(done)
        tell(done)
      }
      if (onlyLook) undo()
      else this.cache.commit()
    } catch (error) {
      undo()
      throw error
    }
  }

  /** Reads the tokens again that the cache lost when it was cut back to a checkpoint. */
  *catchUp(stop: Int32Array): Task<void> {
    const { cache, tokens } = this
    if (cache.length === tokens.length) return
    const missing = Int32Array.from(tokens.slice(cache.length))
    const input: Input = { tokens: missing, limit: tokens.length, taps: {}, logitsFrom: missing.length, take: () => {} }
    for (let done = 0; done < missing.length; ) {
      const ran: number = yield this.demand(input, done, missing.length, stop)
      done += ran
      this.readAgain += ran
    }
  }

  private demand(input: Input, first: number, end: number, stop: Int32Array): Demand {
    const { cache, mask } = this
    const { tokens, messageEnds, taps, logitsFrom, skipsLogits, take } = input
    const stopped = () => Atomics.load(stop, 0) !== 0
    const marks = cache.needsCheckpoints ? checkpointPositions(cache.length - first, tokens.length, messageEnds) : []
    const part = tokens.subarray(first, end)
    return { tokens: part, first, cache, marks, mask, taps, stopped, logitsFrom, skipsLogits, take }
  }

  private forgetBeyond(context: number): void {
    const { cache } = this
    if (cache.length - cache.oldest > context) cache.forget(cache.length - context)
  }

  /** Most positions kept: all for a model that distinguishes positions, since it cannot forget the oldest. */
  private contextOf({ context = Number.POSITIVE_INFINITY }: { context?: number }): number {
    return this.model.config.maxPositions === undefined ? context : Number.POSITIVE_INFINITY
  }

  /** Most positions of a text: the model's limit, or the caller's if that is smaller. */
  private limitOf({ context = Number.POSITIVE_INFINITY }: { context?: number }): number {
    const { maxPositions } = this.model.config
    return maxPositions === undefined ? Number.POSITIVE_INFINITY : Math.min(context, maxPositions)
  }

  /** The prompt's tokens. An empty one runs the last token of the sequence again, whose logits were not kept. */
  private promptOf({ prompt }: GenerateRequest): { tokens: Int32Array; again: number } {
    if (prompt.length > 0 || this.tokens.length === 0) return { tokens: prompt, again: 0 }
    return { tokens: Int32Array.of(this.tokens[this.tokens.length - 1]), again: 1 }
  }
}

/** Whether the guide ends the text after its last token. Other sequences run while it waits for the guide. */
function* isComplete(decoding: Decoding): Task<boolean> {
  for (;;) {
    const isComplete = decoding.isComplete(GUIDE_WAIT)
    if (isComplete !== undefined) return isComplete
    yield
  }
}

function tooLong(tokens: number, limit: number): UserError {
  return new UserError(`the text has ${tokens} tokens, and the model's context ends at ${limit}; shorten it`)
}
