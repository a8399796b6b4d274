import { UserError } from '../errors.js'
import { type Decoder, MAX_BATCH } from '../nn/decoder.js'
import type { KVCache } from '../nn/kv-cache.js'
import type { Taps } from '../nn/taps.js'
import { topLogprobs } from '../sampling/logprobs.js'
import { createSampler } from '../sampling/sample.js'
import type {
  ForwardReply,
  ForwardRequest,
  GenerateReply,
  GenerateRequest,
  SavedSequence,
  StepMessage,
} from './protocol.js'
import { RouteRecorder } from './route-codec.js'

/** Thrown where a caller's abort has ended the work. */
export class Stopped extends Error {}

/** One sequence of tokens with its cache. Its methods are generators that yield wherever other requests may come in between. */
export class Sequence {
  readonly cache: KVCache
  /** Ids in the cache: what the repeat penalty looks at. */
  private readonly tokens: number[] = []

  constructor(private readonly model: Decoder) {
    this.cache = model.createCache()
  }

  /** Runs all tokens; a stop leaves the sequence as it was. */
  *forward(request: ForwardRequest, stop: Int32Array): Generator<void, ForwardReply> {
    const { tokens, logits: wanted } = request
    const { model } = this
    this.check(tokens)
    const all = wanted === 'all'
    const logits = new Float32Array(wanted === 'none' ? 0 : (all ? tokens.length : 1) * model.outputs)
    const recorder = request.routes ? new RouteRecorder(model.config, tokens.length, request) : undefined
    const hidden = request.hidden ? new Float32Array(model.config.layers * model.config.width) : undefined
    const taps: Taps = {
      ...recorder?.taps,
      hidden: hidden && ((layer, x) => hidden.set(x, layer * model.config.width)),
    }
    yield* this.run(tokens, stop, taps, (done, count) => {
      recorder?.at(done + count)
      const isLast = done + count === tokens.length
      if (all) model.logits(0, count, (row, values) => logits.set(values, (done + row) * model.outputs))
      else if (wanted === 'last' && isLast) model.logits(count - 1, count, (_, values) => logits.set(values))
    })
    return { logits, routes: recorder?.packed, hidden }
  }

  /** Runs the prompt and then token after token; `emit` gets each, and says with `ready` when it wants more. */
  *generate(
    request: GenerateRequest,
    stop: Int32Array,
    emit: (step: StepMessage) => void,
    ready: () => boolean,
  ): Generator<void, GenerateReply> {
    const { model } = this
    const started = performance.now()
    const sampler = createSampler(request.sampling)
    let input = this.promptOf(request)
    let firstAt = 0
    let finishReason: GenerateReply['finishReason'] = 'length'
    for (let index = 0; index < request.maxTokens; index++) {
      const recorder = request.routes ? new RouteRecorder(model.config, 1, request) : undefined
      let step: StepMessage | undefined
      yield* this.run(input, stop, { ...recorder?.taps }, (done, count) => {
        this.roll(request.context)
        if (done + count < input.length) return
        model.logits(count - 1, count, (_, logits) => {
          const known = model.summary()
          const { token, logprob } = sampler.sample(logits, this.tokens, known)
          const top = request.logprobs > 0 ? topLogprobs(logits, request.logprobs, known?.logSumExp) : undefined
          step = { at: performance.now(), token, logprob, top, routes: recorder?.packed }
        })
      })
      if (!step) throw new UserError('there is nothing to continue: the prompt is empty')
      if (index === 0) firstAt = performance.now()
      if (request.eos.includes(step.token)) {
        finishReason = 'eos'
        break
      }
      emit(step)
      input = Int32Array.of(step.token)
      yield
      while (!ready() && !stop[0]) yield
    }
    const ended = performance.now()
    return { finishReason, prefillMs: (firstAt || ended) - started, decodeMs: firstAt ? ended - firstAt : 0 }
  }

  truncate(length: number): void {
    this.cache.truncate(length)
    this.tokens.length = Math.min(this.tokens.length, length)
  }

  export(): SavedSequence {
    return { tokens: Int32Array.from(this.tokens), oldest: this.cache.oldest, rows: this.cache.export() }
  }

  /** Replaces what it holds by a saved sequence. */
  import({ tokens, oldest, rows }: SavedSequence): void {
    this.check(tokens)
    this.cache.import(rows, oldest)
    if (this.cache.length !== tokens.length) {
      this.truncate(0)
      throw new UserError('the saved cache does not fit its tokens')
    }
    this.tokens.length = 0
    for (const token of tokens) this.tokens.push(token)
  }

  release(): void {
    this.cache.release()
  }

  /** Micro-batch after micro-batch; `after` is told how many tokens came before each and how many it had. */
  private *run(
    tokens: Int32Array,
    stop: Int32Array,
    taps: Taps,
    after: (done: number, count: number) => void,
  ): Generator<void, void> {
    const start = this.cache.length
    const stopped = () => Atomics.load(stop, 0) !== 0
    for (let done = 0; done < tokens.length; done += MAX_BATCH) {
      const batch = tokens.subarray(done, done + MAX_BATCH)
      if (stopped() || !this.model.forward(batch, this.cache, { ...taps, stopped })) {
        this.truncate(start)
        throw new Stopped('stopped')
      }
      for (const token of batch) this.tokens.push(token)
      after(done, batch.length)
      if (done + MAX_BATCH < tokens.length) yield
    }
  }

  /** The prompt; an empty one runs the last token again, whose logits were not kept. */
  private promptOf({ prompt }: GenerateRequest): Int32Array {
    this.check(prompt)
    if (prompt.length > 0 || this.tokens.length === 0) return prompt
    const last = Int32Array.of(this.tokens[this.tokens.length - 1])
    this.truncate(this.cache.length - 1)
    return last
  }

  /** Forgets the oldest positions beyond the context's length. */
  private roll(context: number): void {
    if (this.cache.length - this.cache.oldest > context) this.cache.forget(this.cache.length - context)
  }

  private check(tokens: Int32Array): void {
    const { vocabSize } = this.model.config
    const bad = tokens.find((id) => id < 0 || id >= vocabSize)
    if (bad !== undefined) throw new UserError(`token ${bad} is outside the model's vocabulary of ${vocabSize}`)
  }
}
