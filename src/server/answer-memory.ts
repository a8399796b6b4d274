import { formatBytes } from '../numbers.js'
import { ApiError } from './errors.js'
import type { Limits } from './limits.js'
import { mostTokens, type SequenceAsk } from './sequence.js'
import type { Serving } from './serving.js'

/*
 * An answer that is not streamed is kept until its last token, so its memory is bounded before it begins. Bytes are those
 * of the objects that are kept, measured and rounded up: of a token, of a log-probability, and of a layer's experts.
 */
const TOKEN_BYTES = 256
const SCORE_BYTES = 256
const LAYER_BYTES = 128
const EXPERT_BYTES = 64

/** An answer up to this size is always let in: as many as requests may wait take little. */
const SMALL_BYTES = 2 * 2 ** 20

/**
 * Most bytes that `n` answers to each of `asks` take, `scores` log-probabilities a token. Throws an ApiError if that is
 * more than a whole answer may take.
 */
export function wholeAnswerBytes(
  asks: readonly SequenceAsk[],
  n: number,
  scores: number,
  { limits, model }: Pick<Serving, 'limits' | 'model'>,
): number {
  const expertBytes = model.config.mixtures
    .flatMap(({ experts, topK }) => experts.map((count) => (count === 0 ? 0 : LAYER_BYTES + EXPERT_BYTES * topK)))
    .reduce((sum, bytes) => sum + bytes, 0)
  let ofPrompts = 0
  let ofAnswers = 0
  /** Of one token in each answer. */
  let ofTokens = 0
  let tokens = 0
  for (const ask of asks) {
    const answer = mostTokens(ask, { limits, model })
    const experts = ask.routes ? expertBytes : 0
    const ofToken = TOKEN_BYTES + SCORE_BYTES * scores + experts
    ofPrompts += n * ask.prompt.length * (experts + (ask.scorePrompt ? SCORE_BYTES * scores : 0))
    ofAnswers += n * answer * ofToken
    ofTokens += n * ofToken
    tokens += n * answer
  }
  const bytes = ofPrompts + ofAnswers
  if (bytes <= limits.answerBytes) return bytes
  const fitting = Math.floor((limits.answerBytes - ofPrompts) / ofTokens)
  const message =
    `an answer that is not streamed may take ${formatBytes(limits.answerBytes)}, and one of up to ${tokens} tokens, with ` +
    `all that is asked about them, may take more. Set "stream" to true, or ` +
    (fitting > 0 ? `"max_tokens" to ${fitting} or less` : 'ask for less')
  throw new ApiError(400, message, { param: 'max_tokens', code: 'answer_too_large' })
}

/** The memory that all whole answers share. */
export class AnswerMemory {
  private taken = 0

  constructor(private readonly limits: Pick<Limits, 'answersBytes'>) {}

  /** Takes memory for an answer; returns what gives it back. Throws an ApiError (429) if too much is taken. */
  reserve(bytes: number): () => void {
    if (bytes <= SMALL_BYTES) return () => undefined
    if (this.taken + bytes > this.limits.answersBytes) {
      const message = 'too many large answers are being made; try again later, or set "stream" to true'
      throw new ApiError(429, message, { code: 'answers_too_large', retryAfter: 10 })
    }
    this.taken += bytes
    return () => {
      this.taken -= bytes
    }
  }
}
