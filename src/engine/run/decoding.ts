import { UserError } from '../../ground/errors.js'
import type { ModelConfig } from '../../model/config/config.js'
import type { TokenLogits } from '../../model/layers/decoder.js'
import { type Directive, GuideReader } from '../../text/grammar/guide-ends.js'
import { logprobOf, topLogprobs } from '../sampling/logprobs.js'
import { createSampler, type LogitSummary, type Sampler } from '../sampling/sample.js'
import type { GenerateReply, GenerateRequest, StepMessage } from './messages/protocol.js'
import { RouteRecorder, routesOfOne } from './messages/route-codec.js'
import type { Demand } from './reading/demand.js'
import type { TakenDraft } from './sequences/drafted-rows.js'

/** Limits of the next token in a generation without a guide. */
const FREE: Directive = { kind: 'free' }
/** Longest wait for a guide that delays the other sequences of a micro-batch, in ms. */
const SHORT_WAIT = 2

/** Observers of a run. */
export interface Reading {
  taps: Demand['taps']
  after?: (done: number) => void
  recorder?: RouteRecorder
}

interface SummarisedLogits extends Pick<TokenLogits, 'values' | 'peaks'> {
  summary: LogitSummary | undefined
}

/**
 * One generation in the engine: samples tokens and emits their steps. A step comes at once or, if routes are wanted,
 * when its token has been read. A guide may limit the tokens: it prepares its directive while the model runs.
 */
export class Decoding {
  private readonly sampler: Sampler
  private readonly guide?: GuideReader
  private readonly started = performance.now()
  private firstAt?: number
  private endedAt = 0
  /** Limits of the next token; undefined until the guide has given them. */
  private limits?: Directive
  /** Number of forced tokens that were taken one by one. */
  private taken = 0
  /** Logits that wait for the limits. */
  private kept?: SummarisedLogits
  /** The next tokens: one that was sampled, or the forced ones. */
  private next: StepMessage[] = []
  /** Steps that wait until their tokens have been read. */
  private unread: StepMessage[] = []
  /** Records the routes of `unread` while their tokens are read. */
  private recorder?: RouteRecorder
  /** Row of the first unread step among the recorder's. */
  private recorded = 0
  private isDone = false
  /** Whether the limit of tokens has cut forced ones. */
  private isCut = false

  constructor(
    private readonly request: GenerateRequest,
    private readonly config: ModelConfig,
    private readonly emit: (step: StepMessage) => void,
  ) {
    this.sampler = createSampler(request.settings)
    this.guide = request.guide && new GuideReader(request.guide, config.vocabSize)
  }

  /** Whether steps wait until their tokens have been read. */
  get isUnread(): boolean {
    return this.unread.length > 0
  }

  /** Observers of the run that reads the newest tokens, after `before` of them. Of drafts it records all `rows`. */
  reading(before = 0, rows = this.unread.length): Reading {
    if (rows === 0) return { taps: {} }
    if (before === 0) this.recorder = new RouteRecorder(this.config, rows, this.request)
    this.recorded = 0
    const { recorder } = this
    recorder?.at(before)
    return { taps: recorder?.taps ?? {}, after: (done) => recorder?.at(before + done), recorder }
  }

  /** Takes over a draft, which has been read. Its logits are for the next token. */
  takeOver({ logits, routes, row }: Omit<TakenDraft, 'token'>, previous: readonly number[]): void {
    this.recorder = routes
    this.recorded = row
    if (!this.skipsLogits()) this.sample(logits, previous)
  }

  /** Emits the waiting steps, with routes if their tokens have been read. */
  flush(): void {
    const { recorder, recorded, unread, config } = this
    for (const [i, step] of unread.entries()) {
      this.emit({ ...step, routes: recorder && routesOfOne(recorder.packed, config, recorder.tokens, recorded + i) })
    }
    this.unread = []
    this.recorder = undefined
  }

  /** Whether the next tokens are known without logits: the guide forces them, or ends the text. */
  skipsLogits(): boolean {
    const limits = this.limitsWithin(SHORT_WAIT)
    return !this.request.scored && limits !== undefined && limits.kind !== 'free' && limits.kind !== 'masked'
  }

  /** Samples the next token, or keeps the logits for `settle`. The repeat penalty applies to the `previous` ones. */
  sample({ values, summary, peaks }: TokenLogits, previous: readonly number[]): void {
    const limits = this.limitsWithin(SHORT_WAIT)
    if (limits) this.choose(limits, { values, summary: summary(), peaks }, previous)
    else this.kept = { values: values.slice(), summary: summary() }
  }

  /** Chooses the next tokens if the guide has come with its limits within `ms`. Returns whether they are chosen. */
  settle(ms: number, previous: readonly number[]): boolean {
    if (this.next.length > 0 || this.isDone) return true
    const limits = this.limitsWithin(ms)
    if (!limits) return false
    this.choose(limits, this.kept, previous)
    this.kept = undefined
    return true
  }

  /** Whether the guide ends the text here; undefined if it does not say so within `ms`. */
  isComplete(ms: number): boolean | undefined {
    if (this.isCut || this.next.length > 0) return false
    const limits = this.limitsWithin(ms)
    return limits && limits.kind === 'done'
  }

  /** Takes over the next tokens, at most `most`. Returns them, or the reason why the text ends. */
  advance(most: number): Int32Array | 'eos' | 'stop' {
    const { request, next } = this
    this.firstAt ??= performance.now()
    this.flush()
    if (this.isDone) return 'stop'
    const eos = next.findIndex(({ token }) => request.eos.includes(token))
    if (eos === 0) return 'eos'
    const steps = next.slice(0, Math.min(most, eos < 0 ? Infinity : eos))
    this.isCut = eos < 0 && steps.length < next.length
    if (request.routes) this.unread = steps
    else for (const step of steps) this.emit(step)
    this.next = eos < 0 ? [] : next.slice(eos)
    if (eos < 0) this.tellGuide(steps[0])
    return Int32Array.from(steps, ({ token }) => token)
  }

  /** Stops the clock: all tokens have been sampled. */
  end(): void {
    this.endedAt = performance.now()
  }

  /** Milliseconds up to the first token, and from there to the end. */
  get times(): Pick<GenerateReply, 'prefillMs' | 'decodeMs'> {
    const { started, firstAt = this.endedAt, endedAt } = this
    return { prefillMs: firstAt - started, decodeMs: endedAt - firstAt }
  }

  private limitsWithin(ms: number): Directive | undefined {
    this.limits ??= this.guide ? this.guide.directive(ms) : FREE
    return this.limits
  }

  private choose(limits: Directive, logits: SummarisedLogits | undefined, previous: readonly number[]): void {
    if (limits.kind === 'failed') throw new UserError(limits.message)
    if (limits.kind === 'done') {
      this.isDone = true
      return
    }
    const at = performance.now()
    const isForced = limits.kind === 'forced'
    if (isForced && !this.request.scored) {
      for (const _ of limits.tokens) this.sampler.skip()
      this.next = Array.from(limits.tokens, (token) => ({ at, token, logprob: 0, forced: true }))
      return
    }
    if (!logits) throw new UserError('there is nothing to continue: the prompt is empty')
    const { values, summary, peaks } = logits
    const { logprobs } = this.request.settings
    const top = logprobs > 0 ? topLogprobs(values, logprobs, summary?.logSumExp) : undefined
    if (isForced) {
      this.sampler.skip()
      const token = limits.tokens[this.taken]
      const logprob = summary ? values[token] - summary.logSumExp : logprobOf(values, token)
      this.next = [{ at, token, logprob, top, forced: true }]
    } else {
      const allowed = limits.kind === 'masked' ? limits.mask : undefined
      this.next = [{ at, ...this.sampler.sample(values, previous, { summary, allowed, peaks: peaks?.() }), top }]
    }
  }

  /** Says to the guide that its limits are used up. */
  private tellGuide({ token }: StepMessage): void {
    const { guide, limits, request } = this
    if (!guide || !limits) return
    if (limits.kind === 'forced') {
      this.taken++
      if (request.scored && this.taken < limits.tokens.length) return
      guide.tell()
    } else guide.tell(token)
    this.taken = 0
    this.limits = undefined
  }
}
