import type { PromptProgress } from '../api/generation.js'
import { UserError } from '../errors.js'
import type { ExpertMask } from '../model/expert-mask.js'
import type { SequenceCache } from '../nn/cache/sequence-cache.js'
import { type Decoder, MAX_BATCH } from '../nn/decoder.js'
import { checkpointPositions } from './checkpoint-positions.js'
import type { Demand, Task } from './demand.js'
import { type DraftedRun, withDrafts } from './drafted-run.js'
import { ForwardRecorder } from './forward-recorder.js'
import type { ForwardReply, ForwardRequest, TruncateReply } from './protocol.js'

/** Tokens to run after those of the sequence, or in place of its last `again` tokens. */
export interface Run extends Pick<Demand, 'taps' | 'logitsFrom' | 'skipsLogits' | 'take'>, Partial<DraftedRun> {
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
  readAgain = 0

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
    const input: Run = {
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

  /** Runs all tokens, in one or several micro-batches. A stop or a failure leaves the sequence unchanged. */
  *run(input: Run, stop: Int32Array): Task<void> {
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
    const input: Run = { tokens: missing, limit: tokens.length, taps: {}, logitsFrom: missing.length, take: () => {} }
    for (let done = 0; done < missing.length; ) {
      const ran: number = yield this.demand(input, done, missing.length, stop)
      done += ran
      this.readAgain += ran
    }
  }

  private demand(input: Run, first: number, end: number, stop: Int32Array): Demand {
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
  contextOf({ context = Number.POSITIVE_INFINITY }: { context?: number }): number {
    return this.model.config.maxPositions === undefined ? context : Number.POSITIVE_INFINITY
  }

  /** Most positions of a text: the model's limit, or the caller's if that is smaller. */
  limitOf({ context = Number.POSITIVE_INFINITY }: { context?: number }): number {
    const { maxPositions } = this.model.config
    return maxPositions === undefined ? Number.POSITIVE_INFINITY : Math.min(context, maxPositions)
  }
}

function tooLong(tokens: number, limit: number): UserError {
  return new UserError(`the text has ${tokens} tokens, and the model's context ends at ${limit}; shorten it`)
}
