import { UserError } from '../errors.js'
import type { ModelConfig } from '../model/config.js'
import type { TokenLogits } from '../nn/decoder.js'
import { topLogprobs } from '../sampling/logprobs.js'
import { createSampler, type Sampler } from '../sampling/sample.js'
import type { Demand } from './demand.js'
import type { GenerateReply, GenerateRequest, StepMessage } from './protocol.js'
import { RouteRecorder } from './route-codec.js'

/**
 * One generation on its way: samples token after token and hands out their steps, at once or, if routes are wanted, when
 * the token has been read.
 */
export class Decoding {
  private readonly sampler: Sampler
  private readonly started = performance.now()
  private firstAt?: number
  private endedAt = 0
  private sampled?: StepMessage
  /** Sampled, and kept until its token has been read. */
  private unread?: StepMessage
  /** Takes the routes of `unread` while its token is read. */
  private recorder?: RouteRecorder

  constructor(
    private readonly request: GenerateRequest,
    private readonly config: ModelConfig,
    private readonly emit: (step: StepMessage) => void,
  ) {
    this.sampler = createSampler(request.settings)
  }

  /** Whether the step of the newest token still waits for it to be read. */
  get isUnread(): boolean {
    return this.unread !== undefined
  }

  /** Observers of the run that reads the newest token. */
  reading(): Demand['taps'] {
    this.recorder = this.unread && new RouteRecorder(this.config, 1, this.request)
    return this.recorder?.taps ?? {}
  }

  /** Hands out the step that waits, with the routes of its token if that has been read. */
  flush(): void {
    if (this.unread) this.emit({ ...this.unread, routes: this.recorder?.packed })
    this.unread = undefined
    this.recorder = undefined
  }

  /** Chooses the next token by its logits; the repeat penalty falls on the `previous` ones. */
  sample({ values, summary }: TokenLogits, previous: readonly number[]): void {
    const known = summary()
    const { token, logprob } = this.sampler.sample(values, previous, known)
    const { logprobs } = this.request.settings
    const top = logprobs > 0 ? topLogprobs(values, logprobs, known?.logSumExp) : undefined
    this.sampled = { at: performance.now(), token, logprob, top }
  }

  /** The token that the last run has led to; undefined if it ends the text. */
  advance(): number | undefined {
    const { request, sampled } = this
    if (!sampled) throw new UserError('there is nothing to continue: the prompt is empty')
    this.firstAt ??= performance.now()
    this.flush()
    if (request.eos.includes(sampled.token)) return undefined
    if (request.routes) this.unread = sampled
    else this.emit(sampled)
    return sampled.token
  }

  /** All tokens have been sampled. */
  end(): void {
    this.endedAt = performance.now()
  }

  /** Milliseconds up to the first token, and from there to the end. */
  get times(): Pick<GenerateReply, 'prefillMs' | 'decodeMs'> {
    const { started, firstAt = this.endedAt, endedAt } = this
    return { prefillMs: firstAt - started, decodeMs: endedAt - firstAt }
  }
}
