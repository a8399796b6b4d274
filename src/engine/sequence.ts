import type { PromptProgress } from '../api/generation.js'
import type { SavedSequence } from '../api/session.js'
import { UserError } from '../errors.js'
import { type Decoder, MAX_BATCH } from '../nn/decoder.js'
import type { KVCache } from '../nn/kv-cache.js'
import { logSumExp, topLogprobs } from '../sampling/logprobs.js'
import { createSampler } from '../sampling/sample.js'
import type { Demand, Task } from './demand.js'
import type {
  ForwardReply,
  ForwardRequest,
  GenerateReply,
  GenerateRequest,
  StepMessage,
  TruncateReply,
} from './protocol.js'
import { RouteRecorder } from './route-codec.js'
import { checkUndamaged, withChecksum } from './saved-checksum.js'

/** Tokens to run: after those of the sequence, or in place of its last `again`. */
interface Input extends Pick<Demand, 'taps' | 'logitsFrom' | 'take'> {
  tokens: Int32Array
  again?: number
  /** Positions that are kept, where a model can do without the oldest. */
  context?: number
  /** Positions that there are in all. */
  limit: number
  /** Leaves the sequence as it was: only what the taps see is wanted. */
  onlyLook?: true
  /** Told how far the tokens have been read: before the first micro-batch, and after each. */
  progress?: (progress: PromptProgress) => void
  /** Called after each micro-batch with the number of tokens that have been run. */
  after?: (done: number) => void
}

/** One sequence of tokens with its cache. Its methods are tasks, which yield what they want of the model. */
export class Sequence {
  cache: KVCache
  /** Ids in the cache: what the repeat penalty looks at. */
  private readonly tokens: number[] = []

  constructor(readonly model: Decoder) {
    this.cache = model.createCache()
  }

  /** Runs all tokens; a stop or any failure leaves the sequence as it was. */
  *forward(request: ForwardRequest, stop: Int32Array, tell?: (progress: PromptProgress) => void): Task<ForwardReply> {
    const { tokens, logits: wanted, targets = new Int32Array(0) } = request
    const { model } = this
    const { config, outputs } = model
    const firstRow = wanted === 'all' ? 0 : tokens.length - (wanted === 'last' ? 1 : 0)
    const firstTarget = tokens.length - targets.length
    const logits = this.rowsOfLogits(tokens.length - firstRow)
    const logprobs = request.targets && new Float64Array(targets.length)
    const norms = request.targets && new Float64Array(targets.length)
    const recorder = request.routes ? new RouteRecorder(config, tokens.length, request) : undefined
    const hidden = request.hidden ? new Float32Array(config.layers * config.width) : undefined
    const input: Input = {
      tokens,
      limit: this.limitOf({}),
      taps: { ...recorder?.taps, hidden: hidden && ((layer, x) => hidden.set(x, layer * config.width)) },
      logitsFrom: Math.min(firstRow, firstTarget),
      take: (token, values) => {
        if (token >= firstRow) logits.set(values, (token - firstRow) * outputs)
        const i = token - firstTarget
        if (!logprobs || !norms || i < 0) return
        norms[i] = model.summary()?.logSumExp ?? logSumExp(values)
        logprobs[i] = values[targets[i]] - norms[i]
      },
      progress: request.progress ? tell : undefined,
      after: (done) => recorder?.at(done),
    }
    yield* this.run(input, stop)
    return { logits, logprobs, norms, routes: recorder?.packed, hidden }
  }

  /**
   * Runs the prompt and then token after token; `emit` gets each, and where routes are wanted only once it has been read,
   * with the experts that it woke. A stop or any failure leaves the tokens whose steps were emitted, and the sequence as
   * it was where there were none.
   */
  *generate(
    request: GenerateRequest,
    stop: Int32Array,
    emit: (step: StepMessage) => void,
    tell?: (progress: PromptProgress) => void,
  ): Task<GenerateReply> {
    const { model } = this
    const { settings } = request
    const { context } = settings
    const started = performance.now()
    const sampler = createSampler(settings)
    let input: Pick<Input, 'tokens' | 'again' | 'progress'> = {
      ...this.inputOf(request),
      ...(request.progress && { progress: tell }),
    }
    let firstAt = 0
    let finishReason: GenerateReply['finishReason'] = 'length'
    const limit = this.limitOf(settings)
    let contextFull = false
    /** Sampled, and not emitted before it has been read. */
    let unread: StepMessage | undefined
    for (let index = 0; index < settings.maxTokens; index++) {
      if (index > 0 && this.cache.length >= limit) {
        contextFull = true
        break
      }
      const recorder = unread && new RouteRecorder(model.config, 1, request)
      let step: StepMessage | undefined
      const take = (_: number, logits: Float32Array) => {
        const known = model.summary()
        const { token, logprob } = sampler.sample(logits, this.tokens, known)
        const top = settings.logprobs > 0 ? topLogprobs(logits, settings.logprobs, known?.logSumExp) : undefined
        step = { at: performance.now(), token, logprob, top }
      }
      const logitsFrom = input.tokens.length - 1
      yield* this.run({ ...input, context, limit, taps: { ...recorder?.taps }, logitsFrom, take }, stop)
      if (!step) throw new UserError('there is nothing to continue: the prompt is empty')
      if (index === 0) firstAt = performance.now()
      if (unread) emit({ ...unread, routes: recorder?.packed })
      unread = undefined
      if (request.eos.includes(step.token)) {
        finishReason = 'eos'
        break
      }
      if (request.routes) unread = step
      else emit(step)
      input = { tokens: Int32Array.of(step.token) }
    }
    const ended = performance.now()
    if (unread) {
      const recorder = this.cache.length < limit ? new RouteRecorder(model.config, 1, request) : undefined
      const only = { onlyLook: true, logitsFrom: input.tokens.length, take: () => undefined } as const
      if (recorder) yield* this.run({ ...input, context, limit, taps: recorder.taps, ...only }, stop)
      emit({ ...unread, routes: recorder?.packed })
    }
    const times = { prefillMs: (firstAt || ended) - started, decodeMs: firstAt ? ended - firstAt : 0 }
    return { finishReason, ...(contextFull && { contextFull }), oldest: this.cache.oldest, ...times }
  }

  truncate(length: number): TruncateReply {
    this.cache.truncate(length)
    this.tokens.length = Math.min(this.tokens.length, length)
    return { oldest: this.cache.oldest }
  }

  export(): SavedSequence {
    return withChecksum({
      tokens: Int32Array.from(this.tokens),
      oldest: this.cache.oldest,
      rows: this.cache.export(),
    })
  }

  /** Replaces its tokens and cache by a saved sequence; one that is damaged or does not fit leaves it as it was. */
  import(saved: SavedSequence): void {
    checkUndamaged(saved)
    const { tokens, oldest, rows } = saved
    const cache = this.model.createCache()
    try {
      cache.import(rows, oldest, tokens.length)
    } catch (error) {
      cache.release()
      throw error
    }
    this.cache.release()
    this.cache = cache
    this.tokens.length = 0
    for (const token of tokens) this.tokens.push(token)
  }

  release(): void {
    this.cache.release()
  }

  /** Has all tokens run, in as many micro-batches as it takes. */
  private *run(input: Input, stop: Int32Array): Task<void> {
    const { tokens, again = 0, limit, onlyLook, taps, logitsFrom, take, progress, after } = input
    const { cache } = this
    // A model that tells positions apart cannot go on without the oldest.
    const rolls = this.model.config.maxPositions === undefined
    const context = rolls ? (input.context ?? Number.POSITIVE_INFINITY) : Number.POSITIVE_INFINITY
    const from = cache.length - again
    if (from + tokens.length > limit) throw tooLong(from + tokens.length, limit)
    const replaced = this.tokens.slice(from)
    const undo = () => {
      cache.rollback()
      this.tokens.length = from
      this.tokens.push(...replaced)
    }
    const started = performance.now()
    const tell = (processed: number) =>
      progress?.({ processed, total: tokens.length, timeMs: performance.now() - started })
    cache.begin()
    try {
      if (again > 0) this.truncate(from)
      cache.reserve(Math.min(tokens.length, context + MAX_BATCH))
      for (const token of tokens) this.tokens.push(token)
      tell(0)
      for (let done = 0; done < tokens.length; ) {
        const before = done
        // What is forgotten must not depend on how the tokens are sliced: it is so after every MAX_BATCH of them.
        const end = Number.isFinite(context) ? done - (done % MAX_BATCH) + MAX_BATCH : tokens.length
        done += yield {
          tokens: tokens.subarray(done, end),
          cache,
          taps,
          stopped: () => Atomics.load(stop, 0) !== 0,
          logitsFrom: logitsFrom - before,
          take: (token, values) => take(before + token, values),
        }
        const mayForget = done % MAX_BATCH === 0 || done === tokens.length
        if (mayForget && cache.length - cache.oldest > context) cache.forget(cache.length - context)
        after?.(done)
        tell(done)
      }
      if (onlyLook) undo()
      else cache.commit()
    } catch (error) {
      undo()
      throw error
    }
  }

  /** Positions that a text may have: the model's, or fewer where the caller says so. */
  private limitOf({ context = Number.POSITIVE_INFINITY }: { context?: number }): number {
    const { maxPositions } = this.model.config
    return maxPositions === undefined ? Number.POSITIVE_INFINITY : Math.min(context, maxPositions)
  }

  /** The prompt; an empty one runs the last token again, whose logits were not kept. */
  private inputOf({ prompt }: GenerateRequest): Pick<Input, 'tokens' | 'again'> {
    if (prompt.length > 0 || this.tokens.length === 0) return { tokens: prompt }
    return { tokens: Int32Array.of(this.tokens[this.tokens.length - 1]), again: 1 }
  }

  private rowsOfLogits(rows: number): Float32Array {
    const { outputs } = this.model
    try {
      return new Float32Array(rows * outputs)
    } catch {
      throw new UserError(
        `logits of ${rows} tokens, ${outputs} each, are more than fits into memory; take fewer at once`,
      )
    }
  }
}

function tooLong(tokens: number, limit: number): UserError {
  return new UserError(`the text has ${tokens} tokens, and the model's context ends at ${limit}; give it less of it`)
}
