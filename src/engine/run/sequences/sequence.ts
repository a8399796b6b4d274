import type { PromptProgress } from '../../../api/generation.js'
import { NoRoom, UserError } from '../../../ground/errors.js'
import type { ExpertMask } from '../../../model/config/expert-mask.js'
import type { SequenceCache } from '../../../model/layers/cache/sequence-cache.js'
import { type Decoder, MAX_BATCH } from '../../../model/layers/decoder.js'
import type { ForwardReply, ForwardRequest, TruncateReply, TruncateRequest } from '../messages/protocol.js'
import { type Demand, Stopped, type Task } from '../reading/demand.js'
import { ForwardRecorder } from '../recording/forward-recorder.js'
import { checkpointPositions } from './checkpoint-positions.js'
import { type DraftedRun, withDrafts } from './drafted-run.js'
import { areSame, type Conditions, conditionsOf, RestingPrompt } from './resting-prompt.js'

/** Tokens to run after the tokens of the sequence, or in place of its last `again` tokens. */
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
  /** A stop keeps what has been read, for the next such run. */
  isPrompt?: true
  /** A step of an answer, which may overwrite running states. */
  isStep?: boolean
  /** Called before the first micro-batch and after each. */
  progress?: (progress: PromptProgress) => void
  /** Called after each micro-batch with the number of tokens that have been run. */
  after?: (done: number) => void
}

/**
 * One sequence of tokens with its cache. Calls that run tokens are tasks, which yield their demands on the model.
 *
 * After `truncate`, or a step that failed, the cache may have fewer tokens than the sequence, since some layers can only
 * be cut back to a checkpoint. The next run first reads those tokens again.
 */
export class Sequence {
  cache: SequenceCache
  /** Ids of the sequence. The repeat penalty applies to them. */
  readonly tokens: number[] = []
  /** Number of changes so far. */
  version = 0
  readAgain = 0
  /** Tokens that a stopped call has read. */
  private resting?: RestingPrompt
  /** State at the beginning of the latest prompt. */
  private prompt?: PromptStart

  constructor(
    readonly model: Decoder,
    readonly mask?: ExpertMask,
    cache = model.createCache(),
  ) {
    this.cache = cache
  }

  get caches(): SequenceCache[] {
    return this.resting ? [this.cache, this.resting.cache] : [this.cache]
  }

  /** Runs all tokens. A stop or a failure leaves the sequence unchanged. */
  *forward(request: ForwardRequest, stop: Int32Array, tell?: (progress: PromptProgress) => void): Task<ForwardReply> {
    const recorder = new ForwardRecorder(request, this.model.config)
    const input: Run = {
      tokens: request.tokens,
      messageEnds: request.messageEnds,
      isPrompt: true,
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
   * Keeps the first `length` tokens. The next `rests` ones, of the latest prompt, rest beside them. Those of `more` are
   * added, as far as possible from what rests.
   */
  truncate(length: number, { rests = 0, more }: Pick<TruncateRequest, 'rests' | 'more'> = {}): TruncateReply {
    this.version++
    const { tokens, prompt } = this
    if (length < tokens.length) {
      this.dropResting()
      const cut = Int32Array.from(tokens.slice(length))
      if (rests > 0 && prompt) this.resting = this.restingOf(cut, length, rests, prompt)
      tokens.length = length
    }
    this.cache.truncate(length)
    const read = more && this.takeResting(more, more.length, conditionsOf(this.model, this.mask))
    if (read) {
      this.cache.release()
      this.cache = read
    }
    for (const token of more ?? []) tokens.push(token)
    return { oldest: this.cache.oldest, resting: this.resting?.tokens }
  }

  /**
   * A sequence with the first `length` tokens, whose cache shares the memory of this one's. `isWhole` if it may have
   * tokens that are yet to be read; without, it has only tokens in the cache. It has none if these have been forgotten.
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
    this.release()
    this.cache = cache
    this.tokens.length = 0
    for (const token of tokens) this.tokens.push(token)
  }

  release(): void {
    this.dropResting()
    this.cache.release()
  }

  /**
   * Runs all tokens, in one or several micro-batches. A stop or a failure leaves the sequence unchanged. But what a stopped
   * run has read of a prompt rests beside it: the next prompt that begins alike, with the same masks, continues there.
   */
  *run(input: Run, stop: Int32Array): Task<void> {
    const { tokens, again = 0, limit, onlyLook, isPrompt, progress } = input
    const from = this.tokens.length - again
    if (from + tokens.length > limit) throw tooLong(from + tokens.length, limit)
    const started = performance.now()
    const tell = (processed: number) =>
      progress?.({ processed, total: tokens.length, timeMs: performance.now() - started })
    const replaced = this.tokens.slice(from)
    const own = this.cache
    const undo = () => {
      if (this.cache === own) own.rollback()
      else this.cache.release()
      this.cache = own
      this.tokens.length = from
      this.tokens.push(...replaced)
    }
    const context = this.contextOf(input)
    const start = { oldest: own.oldest, conditions: conditionsOf(this.model, this.mask) }
    this.version++
    const most = isPrompt ? mostTakenOver(input, context - (from - own.oldest)) : 0
    const read = this.takeResting(tokens, most, start.conditions)
    let done = read ? read.length - from : 0
    if (read) this.cache = read
    else yield* this.catchUp(stop)
    this.cache.begin(input.isStep)
    try {
      if (again > 0) {
        this.truncate(from)
        yield* this.catchUp(stop)
      }
      this.cache.reserve(Math.min(tokens.length - done, context + MAX_BATCH), MAX_BATCH)
      for (const token of tokens) this.tokens.push(token)
      tell(done)
      while (done < tokens.length) {
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
      if (read) own.release()
      if (isPrompt) this.prompt = start
    } catch (error) {
      // Positions are forgotten after every MAX_BATCH tokens: the next run must count on from such a place.
      const kept = Number.isFinite(context) ? done - (done % MAX_BATCH) : done
      const isKept = isPrompt && error instanceof Stopped
      const resting = isKept ? this.restingOf(tokens, from, kept, start) : undefined
      undo()
      this.resting = resting
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

  /**
   * The first `count` tokens of a prompt after `from` others, with their cache. Undefined if the cache lacks them, or the
   * state at their beginning has changed since.
   */
  private restingOf(tokens: Int32Array, from: number, count: number, start: PromptStart): RestingPrompt | undefined {
    const { cache, model, mask } = this
    const isSame = cache.oldest === start.oldest && areSame(start.conditions, conditionsOf(model, mask))
    if (count === 0 || !isSame) return undefined
    try {
      const fork = cache.fork(from + count)
      if (fork.length > from) return new RestingPrompt(fork, tokens, from, start.conditions)
      fork.release()
      return undefined
    } catch (error) {
      if (error instanceof NoRoom) return undefined
      throw error
    }
  }

  private takeResting(prompt: Int32Array, most: number, conditions: Conditions): SequenceCache | undefined {
    const { resting } = this
    this.resting = undefined
    return resting?.take(prompt, most, conditions)
  }

  private dropResting(): void {
    this.resting?.cache.release()
    this.resting = undefined
  }

  private demand(input: Run, first: number, end: number, stop: Int32Array): Demand {
    const { cache, mask } = this
    const { tokens, messageEnds, taps, logitsFrom, skipsLogits, take } = input
    // A stop would leave torn states.
    const stopped = () => Atomics.load(stop, 0) !== 0 && !cache.isTorn
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

interface PromptStart {
  oldest: number
  conditions: Conditions
}

/** Number of a prompt's first tokens that need not run, with room for `room` of them before positions are forgotten. */
function mostTakenOver({ taps, logitsFrom }: Run, room: number): number {
  const isObserved = Object.values(taps).some((tap) => tap !== undefined)
  return isObserved ? 0 : Math.min(logitsFrom, room)
}

function tooLong(tokens: number, limit: number): UserError {
  return new UserError(`the text has ${tokens} tokens, and the model's context ends at ${limit}; shorten it`)
}
