import type { GenerateOptions, GenerationResult, Step } from '../../../api/generation.js'
import type { Ongoing } from '../../run/client.js'
import type { DraftCounts, GenerateReply, GenerateRequest, StepMessage } from '../../run/messages/protocol.js'
import { unpackRoutes } from '../../run/messages/route-codec.js'
import type { SessionModel } from './session-model.js'
import type { PlannedChange } from './session-tokens.js'
import { settled } from './settled.js'
import { TextStream } from './text-stream.js'

interface GenerationParts {
  model: SessionModel
  request: GenerateRequest
  /** Receives the tokens that the generation leaves in the cache. */
  cached: PlannedChange
  options: Pick<GenerateOptions, 'signal' | 'onPromptProgress' | 'onPromptRoutes'>
}

/** One generation on the caller's side, from its request to its result. */
export class RunningGeneration {
  readonly ongoing: Ongoing<GenerateReply>
  /** The engine's reply; undefined until all steps have been read. */
  reply?: GenerateReply
  private readonly queue = new StepQueue()
  private readonly text: TextStream
  private readonly clock = new StepClock()
  private readonly tokens: number[] = []
  private readAgain = 0
  private drafts?: DraftCounts
  /** Tokens that count as read by the model when the next step is delivered. */
  private unread: ArrayLike<number>
  /** A step whose text is not certain yet. */
  private waiting?: Step

  constructor(private readonly parts: GenerationParts) {
    const { model, request, options } = parts
    this.text = new TextStream(model.tokenizer, request.settings.stop)
    this.unread = request.prompt
    this.ongoing = model.engine.call<GenerateReply>(request, {
      onStep: (step) => this.queue.push(step),
      onProgress: ({ routes, ...progress }) => {
        options.onPromptProgress?.(progress)
        if (routes) options.onPromptRoutes?.(unpackRoutes(routes, model.config, progress.total), progress.total)
      },
    })
    this.queue.endWith(this.ongoing.reply)
  }

  get hasSteps(): boolean {
    return this.tokens.length > 0
  }

  /** Yields each step as soon as its text is certain. */
  async *steps(): AsyncGenerator<Step, GenerationResult> {
    const { text, ongoing, clock, parts } = this
    const { signal } = parts.options
    for await (const message of this.queue) {
      // The engine runs ahead, but an abort ends the answer at the reader's step.
      signal?.throwIfAborted()
      if (this.waiting) {
        yield this.deliver(this.waiting)
        signal?.throwIfAborted()
      }
      ongoing.credit(1)
      clock.sampled(message)
      this.readAgain = message.readAgain ?? 0
      this.drafts = message.drafts
      const step = this.stepOf(message)
      if (text.isHolding) this.waiting = step
      else yield this.deliver(step)
      if (text.stopString !== undefined) return this.result('stop', clock)
    }
    const reply = await settled(ongoing, signal)
    const rest = text.flush()
    if (this.waiting) yield this.deliver({ ...this.waiting, text: this.waiting.text + rest })
    // To find the end of the text, the engine has read the last token, too.
    if (reply.finishReason !== 'length') parts.cached.add(this.unread)
    this.reply = reply
    this.drafts = reply.drafts
    return this.result(reply.finishReason, reply, reply.contextFull)
  }

  private stepOf({ token, logprob, top, routes, forced }: StepMessage): Step {
    return {
      index: this.tokens.length,
      token,
      text: this.text.push(token),
      logprob,
      ...(forced && { forced }),
      ...(top && { topLogprobs: top }),
      ...(routes && { routes: unpackRoutes(routes, this.parts.model.config, 1) }),
    }
  }

  /** Counts a step that the reader gets: the model has read all tokens before it. */
  private deliver(step: Step): Step {
    this.parts.cached.add(this.unread)
    this.unread = [step.token]
    this.tokens.push(step.token)
    this.waiting = undefined
    return step
  }

  private result(
    finishReason: GenerationResult['finishReason'],
    { prefillMs, decodeMs }: Pick<GenerationResult, 'prefillMs' | 'decodeMs'>,
    contextFull?: true,
  ): GenerationResult {
    const { tokens, text, readAgain, drafts, parts } = this
    const { prompt, settings } = parts.request
    return {
      finishReason,
      text: text.text,
      tokens,
      promptTokens: prompt.length,
      ...(readAgain > 0 && { readAgain }),
      ...(text.stopString !== undefined && { stopString: text.stopString }),
      ...(contextFull && { contextFull }),
      ...(drafts && { drafts }),
      seed: settings.seed,
      prefillMs,
      decodeMs,
    }
  }
}

/** Times of a generation that a stop string ends: the engine's own would include steps beyond it. */
class StepClock {
  prefillMs = 0
  private readonly started = performance.now()
  private firstAt?: number
  private lastAt = 0

  sampled({ at }: StepMessage): void {
    if (this.firstAt === undefined) this.prefillMs = performance.now() - this.started
    this.firstAt ??= at
    this.lastAt = at
  }

  get decodeMs(): number {
    return this.lastAt - (this.firstAt ?? this.lastAt)
  }
}

/** Unread steps of a generation, as an async iterable for one reader. */
class StepQueue implements AsyncIterable<StepMessage> {
  private readonly steps: StepMessage[] = []
  private ended = false
  private wake?: () => void

  push(step: StepMessage): void {
    this.steps.push(step)
    this.wake?.()
  }

  /** Ends the queue when `reply` settles, either way. */
  endWith(reply: Promise<unknown>): void {
    const end = () => {
      this.ended = true
      this.wake?.()
    }
    reply.then(end, end)
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<StepMessage> {
    for (;;) {
      const step = this.steps.shift()
      if (step) yield step
      else if (this.ended) return
      else {
        await new Promise<void>((resolve) => {
          this.wake = resolve
        })
      }
    }
  }
}
