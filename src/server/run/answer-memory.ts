import { usedIn } from '../../model/experts-per-token.js'
import { formatBytes } from '../../numbers.js'
import { ApiError } from '../common/api-error.js'
import type { Limits } from '../common/limits.js'
import type { ChoiceSpec } from './choice.js'
import type { RunContext } from './context.js'
import { mostTokens } from './run-choice.js'

/*
 * The memory of an answer is bounded before it begins: the whole answer if it is not streamed, else the scores and experts of
 * its prompts, since those of a prompt come in one piece. The bytes of the objects are measured and rounded up: for each
 * token of thoughts and content, each log-probability, and each layer's experts. Arguments of calls are
 * parsed, which takes up to 29 bytes per character. The texts of running streams are far smaller than their caches.
 */
const TOKEN_BYTES = 256
const CALL_BYTES = 256
const SCORE_BYTES = 256
const LAYER_BYTES = 128
const EXPERT_BYTES = 64

/** An answer up to this part of `answersBytes` is always allowed: even one for each waiting request takes no more. */
const SMALL_PART = 1 / 128

/**
 * Maximum bytes held at a time for `n` answers to each of `specs`, with `scores` log-probabilities a token, and perhaps
 * with calls of tools. Throws an ApiError if they exceed the limits.
 */
export function answerBytes(
  specs: readonly ChoiceSpec[],
  { n, scores, isStream, hasCalls = false }: { n: number; scores: number; isStream: boolean; hasCalls?: boolean },
  { limits, model }: Pick<RunContext, 'limits' | 'model'>,
): number {
  const expertBytes = model.config.mixtures
    .flatMap((mixture) => {
      return mixture.experts.map((count, layer) => (count ? LAYER_BYTES + EXPERT_BYTES * usedIn(mixture, layer) : 0))
    })
    .reduce((sum, bytes) => sum + bytes, 0)
  /** Of all answers. */
  let answersBytes = 0
  /** Of one token in each answer. */
  let tokensBytes = 0
  /** Of the scores and experts of all prompts. */
  let promptsBytes = 0
  /** Of the scores and experts of the longest prompt. */
  let longestBytes = 0
  let tokens = 0
  for (const spec of specs) {
    const answer = mostTokens(spec, { limits, model })
    const experts = spec.routes ? expertBytes : 0
    const tokenBytes = TOKEN_BYTES + (hasCalls ? CALL_BYTES : 0) + SCORE_BYTES * scores + experts
    const promptBytes =
      spec.prompt.length * ((spec.promptRoutes ? experts : 0) + (spec.scorePrompt ? SCORE_BYTES * scores : 0))
    longestBytes = Math.max(longestBytes, promptBytes)
    promptsBytes += n * promptBytes
    answersBytes += n * answer * tokenBytes
    tokensBytes += n * tokenBytes
    tokens += n * answer
  }
  // A stream holds the prompts of the sequences that run at once.
  const stream = Math.min(n * specs.length, limits.parallel) * longestBytes
  if (isStream) {
    if (stream <= limits.answersBytes) return stream
    const param = specs.some(({ routes }) => routes) ? 'routed_experts' : 'logprobs'
    const message =
      `the scores or experts of the prompts may take ${formatBytes(stream)}, and all answers together at most ` +
      `${formatBytes(limits.answersBytes)}: ask for less`
    throw new ApiError(400, message, { param, code: 'answer_too_large' })
  }
  const whole = promptsBytes + answersBytes
  if (whole <= limits.answerBytes) return whole
  const fitting = Math.floor((limits.answerBytes - promptsBytes) / tokensBytes)
  const ways = [
    ...(stream <= limits.answersBytes ? ['set "stream" to true'] : []),
    fitting > 0 ? `set "max_tokens" to ${fitting} or less` : 'ask for less',
  ]
  const message =
    `an answer that is not streamed may take ${formatBytes(limits.answerBytes)}; up to ${tokens} tokens, with the scores ` +
    `and experts asked for, may take more: ${ways.join(', or ')}`
  throw new ApiError(400, message, { param: 'max_tokens', code: 'answer_too_large' })
}

/** The memory that all answers share. */
export class AnswerMemory {
  private taken = 0

  constructor(private readonly limits: Pick<Limits, 'answersBytes'>) {}

  /**
   * Takes memory for an answer. Returns a function that frees all of it but `left` bytes, 0 by default. Throws an ApiError
   * (429) if too much is taken.
   */
  reserve(bytes: number): (left?: number) => void {
    if (bytes <= SMALL_PART * this.limits.answersBytes) return () => undefined
    if (this.taken + bytes > this.limits.answersBytes) {
      const message = 'too many large answers are in progress; try again later, or ask for less'
      throw new ApiError(429, message, { code: 'answers_too_large', retryAfter: 10 })
    }
    this.taken += bytes
    let held = bytes
    return (left = 0) => {
      const freed = Math.max(0, held - left)
      held -= freed
      this.taken -= freed
    }
  }
}
