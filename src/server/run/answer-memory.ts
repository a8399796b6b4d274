import { formatBytes } from '../../numbers.js'
import { ApiError } from '../shared/api-error.js'
import type { Limits } from '../shared/limits.js'
import type { RunContext } from './context.js'
import { type ChoiceSpec, mostTokens } from './run-choice.js'

/*
 * The memory of an answer is bounded before it begins: all of one that is not streamed, and of a stream the scores and experts
 * of its prompts, since those of a prompt come in one piece. Bytes are those of the objects that are kept, measured and
 * rounded up: of a token, of a log-probability, and of a layer's experts.
 */
const TOKEN_BYTES = 256
const SCORE_BYTES = 256
const LAYER_BYTES = 128
const EXPERT_BYTES = 64

/** An answer up to this part of what all may take is always let in: as many as requests may wait take no more together. */
const SMALL_PART = 1 / 128

/**
 * Most bytes that are kept at a time of `n` answers to each of `specs`, `scores` log-probabilities a token. Throws an
 * ApiError if that is more than an answer may take.
 */
export function answerBytes(
  specs: readonly ChoiceSpec[],
  { n, scores, isStream }: { n: number; scores: number; isStream: boolean },
  { limits, model }: Pick<RunContext, 'limits' | 'model'>,
): number {
  const expertBytes = model.config.mixtures
    .flatMap(({ experts, topK }) => experts.map((count) => (count === 0 ? 0 : LAYER_BYTES + EXPERT_BYTES * topK)))
    .reduce((sum, bytes) => sum + bytes, 0)
  /** Bytes of all answers, of the scores and experts of all prompts, and of one token in each answer. */
  let [ofAnswers, ofPrompts, ofTokens] = [0, 0, 0]
  /** Bytes of the scores and experts of one prompt, the longest. */
  let ofPrompt = 0
  let tokens = 0
  for (const spec of specs) {
    const answer = mostTokens(spec, { limits, model })
    const experts = spec.routes ? expertBytes : 0
    const ofToken = TOKEN_BYTES + SCORE_BYTES * scores + experts
    const told = spec.prompt.length * (experts + (spec.scorePrompt ? SCORE_BYTES * scores : 0))
    ofPrompt = Math.max(ofPrompt, told)
    ofPrompts += n * told
    ofAnswers += n * answer * ofToken
    ofTokens += n * ofToken
    tokens += n * answer
  }
  // As many sequences of a request as run at once.
  const stream = Math.min(n * specs.length, limits.parallel) * ofPrompt
  if (isStream) {
    if (stream <= limits.answersBytes) return stream
    const param = specs.some(({ routes }) => routes) ? 'routed_experts' : 'logprobs'
    const message =
      `what is asked about the prompts may take ${formatBytes(stream)}: more than the ` +
      `${formatBytes(limits.answersBytes)} that answers may take. Ask for less`
    throw new ApiError(400, message, { param, code: 'answer_too_large' })
  }
  const whole = ofPrompts + ofAnswers
  if (whole <= limits.answerBytes) return whole
  const fitting = Math.floor((limits.answerBytes - ofPrompts) / ofTokens)
  const ways = [
    ...(stream <= limits.answersBytes ? ['set "stream" to true'] : []),
    fitting > 0 ? `set "max_tokens" to ${fitting} or less` : 'ask for less',
  ]
  const message =
    `an answer that is not streamed may take ${formatBytes(limits.answerBytes)}, and one of up to ${tokens} tokens, with ` +
    `all that is asked about them, may take more: ${ways.join(', or ')}`
  throw new ApiError(400, message, { param: 'max_tokens', code: 'answer_too_large' })
}

/** The memory that all answers share. */
export class AnswerMemory {
  private taken = 0

  constructor(private readonly limits: Pick<Limits, 'answersBytes'>) {}

  /**
   * Takes memory for an answer; returns what gives it back, but for as many bytes as are told. Throws an ApiError (429) if
   * too much is taken.
   */
  reserve(bytes: number): (left?: number) => void {
    if (bytes <= SMALL_PART * this.limits.answersBytes) return () => undefined
    if (this.taken + bytes > this.limits.answersBytes) {
      const message = 'too many large answers are being made; try again later, or ask for less'
      throw new ApiError(429, message, { code: 'answers_too_large', retryAfter: 10 })
    }
    this.taken += bytes
    let held = bytes
    return (left = 0) => {
      const given = Math.max(0, held - left)
      held -= given
      this.taken -= given
    }
  }
}
