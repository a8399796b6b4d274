import { phrase } from '../../ground/message.js'
import { formatBytes } from '../../ground/numbers.js'
import { usedIn } from '../../model/config/experts-per-token.js'
import { field, refused } from '../common/api-error.js'
import type { ChoiceSpec } from './choice.js'
import type { RunContext } from './context.js'
import { mostTokens } from './run-choice.js'

/*
 * The memory of an answer is bounded before it begins: the whole answer if it is not streamed, else the scores and experts of
 * its prompts, which come in one piece. The bytes of the objects are measured and rounded up: for each
 * token of thoughts and content, each log-probability, and each layer's experts. Arguments of calls are
 * parsed, which takes up to 29 bytes per character. The texts of running streams are far smaller than their caches.
 */
const TOKEN_BYTES = 256
const CALL_BYTES = 256
const SCORE_BYTES = 256
const LAYER_BYTES = 128
const EXPERT_BYTES = 64

/**
 * Maximum bytes held at a time for `n` answers to each of `specs`, with `scores` log-probabilities a token, and perhaps
 * with calls of tools. Throws an ApiError if they exceed the limits.
 */
export function answerBytes(
  specs: readonly ChoiceSpec[],
  { n, scores, isStream, hasCalls = false }: { n: number; scores: number; isStream: boolean; hasCalls?: boolean },
  context: Pick<RunContext, 'limits' | 'memory' | 'model'>,
): number {
  const { limits, model } = context
  const { answerBytes: most, answersBytes: mostTogether } = context.memory.limits
  const expertBytes = model.config.mixtures
    .flatMap((mixture) => {
      return mixture.experts.map((count, layer) => (count ? LAYER_BYTES + EXPERT_BYTES * usedIn(mixture, layer) : 0))
    })
    .reduce((sum, bytes) => sum + bytes, 0)
  const parts = specs.map((spec) => {
    const experts = spec.routes ? expertBytes : 0
    const token = TOKEN_BYTES + (hasCalls ? CALL_BYTES : 0) + SCORE_BYTES * scores + experts
    const promptToken = (spec.promptRoutes ? experts : 0) + (spec.scorePrompt ? SCORE_BYTES * scores : 0)
    return { answer: mostTokens(spec, context), token, prompt: spec.prompt.length * promptToken }
  })
  type Part = (typeof parts)[number]
  const sumOf = (bytes: (part: Part) => number) => n * parts.reduce((sum, part) => sum + bytes(part), 0)
  const prompts = sumOf(({ prompt }) => prompt)
  // A stream holds the prompts of the sequences that run at once.
  const stream = Math.min(n * specs.length, limits.parallel) * Math.max(...parts.map(({ prompt }) => prompt))
  if (isStream) {
    if (stream <= mostTogether) return stream
    const field = specs.some(({ routes }) => routes) ? 'routes' : 'logprobs'
    const message =
      `the scores or experts of the prompts may take ${formatBytes(stream)}, and all answers together at most ` +
      `${formatBytes(mostTogether)}: ask for less`
    throw refused(field, message, 'answer_too_large')
  }
  const whole = prompts + sumOf(({ answer, token }) => answer * token)
  if (whole <= most) return whole
  const fitting = Math.floor((most - prompts) / sumOf(({ token }) => token))
  const less = fitting > 0 ? phrase`set ${field('maxTokens')} to ${fitting} or less` : 'ask for less'
  const ways = stream <= mostTogether ? phrase`set ${field('stream')} to true, or ${less}` : less
  const tokens = sumOf(({ answer }) => answer)
  const message = phrase`an answer that is not streamed may take ${formatBytes(most)}; up to ${tokens} tokens, with the scores and experts asked for, may take more: ${ways}`
  throw refused('maxTokens', message, 'answer_too_large')
}
