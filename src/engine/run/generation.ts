import { Decoding } from './decoding.js'
import { Lookahead } from './lookahead.js'
import type { StepCosts } from './lookup/step-costs.js'
import type { GenerateReply, GenerateRequest, ProgressMessage, StepMessage } from './messages/protocol.js'
import { RouteRecorder } from './messages/route-codec.js'
import type { Demand, Task } from './reading/demand.js'
import type { Run, Sequence } from './sequences/sequence.js'

/** Longest wait for a guide before other sequences get their turn, in ms. While they have work, there is none. */
const GUIDE_WAIT = 1

export interface GenerationContext {
  /** Shared word: the generation stops when it is not 0. */
  stop: Int32Array
  /** Receives the step of each token: at once or, if routes are wanted, when it has been read. */
  emit: (step: StepMessage) => void
  /** Receives the progress of reading the prompt, and its routes, if the request asks for them. */
  progress?: (progress: ProgressMessage) => void
  /** With them, it may draft tokens by prompt lookup, which changes only the time. */
  costs?: StepCosts
}

/**
 * Runs a prompt after a sequence and then token after token. A stop or a failure keeps the tokens whose steps were
 * emitted; if there were none, the sequence is unchanged.
 */
export function* generateAfter(
  sequence: Sequence,
  request: GenerateRequest,
  context: GenerationContext,
): Task<GenerateReply> {
  const generation = new Generation(sequence, request, context)
  try {
    return yield* generation.decode()
  } finally {
    generation.lookahead?.drop()
  }
}

class Generation {
  private readonly started = performance.now()
  private readonly decoding: Decoding
  /** Drafts; absent if it must do without them. */
  readonly lookahead?: Lookahead
  /** Most positions of the whole text. */
  private readonly limit: number
  /** Options that all its runs share. */
  private readonly bounds: Pick<Run, 'context' | 'limit' | 'take'> & Pick<Demand, 'skipsLogits'>
  private generated = 0
  /** The latest of them, which the model has yet to read. */
  private next: Int32Array = new Int32Array(0)

  constructor(
    private readonly sequence: Sequence,
    private readonly request: GenerateRequest,
    private readonly context: GenerationContext,
  ) {
    const { settings, eos } = request
    const { emit, costs } = context
    this.limit = sequence.limitOf(settings)
    const most = Math.min(settings.promptLookupNumTokens, sequence.cache.mostDrafts)
    if (costs && most > 0) this.lookahead = new Lookahead(sequence, { costs, most, eos })
    const readBefore = sequence.readAgain
    const decoding = new Decoding(request, sequence.model.config, (step) => {
      const readAgain = sequence.readAgain - readBefore
      emit({ ...step, ...(readAgain > 0 && { readAgain }), ...this.drafts })
    })
    this.decoding = decoding
    this.bounds = {
      context: settings.context,
      limit: this.limit,
      take: (_, logits) => decoding.sample(logits, sequence.tokens),
      skipsLogits: () => decoding.skipsLogits(),
    }
  }

  *decode(): Task<GenerateReply> {
    const { decoding, lookahead, sequence, limit } = this
    const { maxTokens } = this.request.settings
    let finishReason: GenerateReply['finishReason'] = 'length'
    let contextFull = false
    while (this.generated < maxTokens || (this.generated > 0 && (yield* this.isComplete()))) {
      contextFull = this.generated > 0 && sequence.tokens.length + this.next.length > limit
      if (contextFull) break
      if (this.generated === 0) yield* this.readPrompt()
      else yield* this.readNext()
      // Other sequences run while this one waits for its guide.
      let wait = GUIDE_WAIT
      while (!decoding.settle(wait, sequence.tokens)) wait = GUIDE_WAIT * (yield)
      const next = decoding.advance(Math.min(maxTokens - this.generated, limit - sequence.tokens.length + 1))
      if (typeof next === 'string') {
        finishReason = next
        break
      }
      this.next = next
      this.generated += next.length
    }
    decoding.end()
    lookahead?.drop()
    if (finishReason === 'length' && this.generated > 0) yield* this.readLast()
    decoding.flush()
    const { oldest } = sequence.cache
    return { finishReason, ...(contextFull && { contextFull }), ...this.drafts, oldest, ...decoding.times }
  }

  /** Runs the prompt. An empty one runs the last token of the sequence again, whose logits were not kept. */
  private *readPrompt(): Task<void> {
    const { request, sequence, decoding, lookahead, started } = this
    const { progress } = this.context
    const last = request.prompt.length > 0 ? undefined : sequence.tokens.at(-1)
    const tokens = last === undefined ? request.prompt : Int32Array.of(last)
    const total = tokens.length
    const recorder = request.promptRoutes && new RouteRecorder(sequence.model.config, total)
    yield* this.runTokens({
      tokens,
      again: last === undefined ? 0 : 1,
      messageEnds: request.messageEnds,
      ...(last === undefined && { isPrompt: true }),
      progress: request.progress ? progress : undefined,
      logitsFrom: total - 1,
      ...(recorder ? { taps: recorder.taps, after: recorder.at.bind(recorder) } : decoding.reading()),
      ...lookahead?.begin(tokens, []),
    })
    if (recorder) {
      progress?.({ processed: total, total, timeMs: performance.now() - started, routes: recorder.packed })
    }
  }

  /** Runs the latest tokens and drafts, or takes over a draft that is the same token. */
  private *readNext(): Task<void> {
    const { next: tokens, decoding, lookahead, generated } = this
    if (lookahead?.hasRead(tokens)) return lookahead.takeOver(decoding)
    const room = Math.min(this.request.settings.maxTokens - generated - 1, this.roomAfter(tokens))
    const drafts = lookahead?.draft(tokens, room) ?? []
    const reading = decoding.reading(0, drafts.length > 0 ? tokens.length + drafts.length : undefined)
    const drafted = lookahead?.begin(tokens, drafts, reading.recorder)
    const isStep = drafts.length === 0
    yield* this.runTokens({ tokens, isStep, logitsFrom: tokens.length - 1, ...reading, ...drafted })
  }

  /** Reads the tokens of a text that was cut, all but the last; that one only for its routes, if there is room. */
  private *readLast(): Task<void> {
    const { next, decoding, sequence, limit } = this
    const last = next.length - 1
    if (last > 0) yield* this.runTokens({ tokens: next.subarray(0, last), logitsFrom: last, ...decoding.reading() })
    if (decoding.isUnread && sequence.tokens.length < limit) {
      const tokens = next.subarray(last)
      yield* this.runTokens({ tokens, onlyLook: true, logitsFrom: 1, ...decoding.reading(last) })
    }
  }

  private runTokens(run: Omit<Run, 'limit' | 'take'>): Task<void> {
    return this.sequence.run({ ...this.bounds, ...run }, this.context.stop)
  }

  /** Whether the guide ends the text after its last token. Other sequences run while it waits for the guide. */
  private *isComplete(): Task<boolean> {
    for (let wait = GUIDE_WAIT; ; ) {
      const isComplete = this.decoding.isComplete(wait)
      if (isComplete !== undefined) return isComplete
      wait = GUIDE_WAIT * (yield)
    }
  }

  /** Number of tokens that fit into the context after some more. */
  private roomAfter(tokens: Int32Array): number {
    const { sequence, limit, bounds } = this
    return Math.min(limit, sequence.contextOf(bounds) + sequence.cache.oldest) - sequence.tokens.length - tokens.length
  }

  /** Counts of drafts, once there are some. */
  private get drafts(): Pick<GenerateReply, 'drafts'> {
    const { counts } = this.lookahead ?? {}
    return counts && counts.drafted > 0 ? { drafts: { ...counts } } : {}
  }
}
