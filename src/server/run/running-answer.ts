import type { GenerationResult, Step } from '../../api/generation.js'
import type { HeldSession } from '../../engine/session/shared/held-session.js'
import type { Choice, FinishReason } from './choice.js'
import type { RunContext } from './context.js'
import type { Slot } from './queue.js'

/** Memory is taken for this many tokens of an answer at a time, since most answers stay far below their maximum. */
export const ANSWER_PART = 256
/** Tokens that the engine may be ahead of the reader, and a few more. */
const AHEAD = 64

/** An answer under way: keeps memory ahead of its tokens, counts and times them, and pauses for others. */
export class RunningAnswer {
  private lastAt = performance.now()

  constructor(
    private readonly context: RunContext,
    private readonly choice: Choice,
    private readonly held: HeldSession,
    private readonly maxTokens: number,
  ) {}

  /** Adds a token. Throws an ApiError if there is no memory for those after it. */
  add({ index }: Step): void {
    const { context, choice, held, lastAt } = this
    const { prompt } = choice.spec
    const mostRoom = prompt.length + this.maxTokens
    const isNear = prompt.length + index + 1 + AHEAD >= held.room && held.room < mostRoom
    if (isNear) context.prefixCache.extend(held, Math.min(held.room + ANSWER_PART, mostRoom))
    const tookMs = performance.now() - lastAt
    context.metrics.generated(tookMs, index === 0)
    if (index === 0) choice.promptMs = tookMs
    else choice.answerMs = (choice.answerMs ?? 0) + tookMs
    this.lastAt = performance.now()
    choice.generated++
  }

  /** Waits while others need the place more. The engine pauses too: it is not asked for more. */
  async pause(slot: Slot): Promise<void> {
    await slot.turn()
    this.lastAt = performance.now()
  }

  /** Takes the counts of a generation that has ended. Returns why it ended. */
  end({ readAgain = 0, drafts, finishReason }: GenerationResult): FinishReason {
    this.choice.cached -= readAgain
    this.choice.drafts = drafts
    return finishReason === 'length' ? 'length' : 'stop'
  }
}
