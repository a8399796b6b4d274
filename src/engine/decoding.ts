import { UserError } from '../errors.js'
import type { ModelConfig } from '../model/config.js'
import type { TokenLogits } from '../nn/decoder.js'
import { topLogprobs } from '../sampling/logprobs.js'
import { createSampler, type Sampler } from '../sampling/sample.js'
import type { Demand } from './demand.js'
import type { GenerateReply, GenerateRequest, StepMessage } from './protocol.js'
import { RouteRecorder } from './route-codec.js'

/**
 * One generation in the engine: samples tokens and emits their steps. A step comes at once or, if routes are wanted,
 * when its token has been read.
 */
export class Decoding {
  private readonly sampler: Sampler
  private readonly started = performance.now()
  private firstAt?: number
  private endedAt = 0
  private sampled?: StepMessage
  /** A step that waits until its token has been read. */
  private unread?: StepMessage
  /** Records the routes of `unread` while its token is read. */
  private recorder?: RouteRecorder

  constructor(
    private readonly request: GenerateRequest,
    private readonly config: ModelConfig,
    private readonly emit: (step: StepMessage) => void,
  ) {
    this.sampler = createSampler(request.settings)
  }

  /** Whether a step waits until its token has been read. */
  get isUnread(): boolean {
    return this.unread !== undefined
  }

  /** Observers of the run that reads the newest token. */
  reading(): Demand['taps'] {
    this.recorder = this.unread && new RouteRecorder(this.config, 1, this.request)
    return this.recorder?.taps ?? {}
  }

  /** Emits the waiting step, with routes if its token has been read. */
  flush(): void {
    if (this.unread) this.emit({ ...this.unread, routes: this.recorder?.packed })
    this.unread = undefined
    this.recorder = undefined
  }

  /** Samples the next token. The repeat penalty applies to the `previous` ones. */
  sample({ values, summary }: TokenLogits, previous: readonly number[]): void {
    const known = summary()
    const { token, logprob } = this.sampler.sample(values, previous, known)
    const { logprobs } = this.request.settings
    const top = logprobs > 0 ? topLogprobs(values, logprobs, known?.logSumExp) : undefined
    this.sampled = { at: performance.now(), token, logprob, top }
  }

  /** Takes over the sampled token. Returns it, or undefined if it ends the text. */
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

  /** Stops the clock: all tokens have been sampled. */
  end(): void {
    this.endedAt = performance.now()
  }

  /** Milliseconds up to the first token, and from there to the end. */
  get times(): Pick<GenerateReply, 'prefillMs' | 'decodeMs'> {
    const { started, firstAt = this.endedAt, endedAt } = this
    return { prefillMs: firstAt - started, decodeMs: endedAt - firstAt }
  }
}
