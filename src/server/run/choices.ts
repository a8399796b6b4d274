import { ApiError } from '../shared/api-error.js'
import type { RunContext } from './context.js'
import { interleaved } from './interleaved.js'
import { type Choice, type ChoiceSpec, type Piece, runChoice } from './run-choice.js'
import type { Ticket } from './ticket.js'

export interface Usage {
  prompt_tokens: number
  completion_tokens: number
  total_tokens: number
  prompt_tokens_details: { cached_tokens: number }
}

const refuse = (param: string, message: string, code?: string) => new ApiError(400, message, { param, code })

/** Throws an ApiError if so many prompts, `n` times each, are not a request; before any of them is encoded. */
export function checkCount(prompts: number, n: number, { limits }: Pick<RunContext, 'limits'>): void {
  if (prompts === 0) throw refuse('prompt', '"prompt" must have a prompt in it')
  if (prompts * n <= limits.sequences) return
  throw refuse('n', `${prompts} prompts times ${n} are more than the ${limits.sequences} texts of a request`)
}

/** Throws an ApiError if more is asked than the limits allow. */
export function checkSpecs(
  specs: ChoiceSpec[],
  n: number,
  { limits, model }: Pick<RunContext, 'limits' | 'model'>,
): void {
  const all = specs.reduce((sum, { prompt }) => sum + n * prompt.length, 0)
  if (all > limits.promptTokens) {
    throw refuse('prompt', `prompts of ${all} tokens are more than the ${limits.promptTokens} of a request`)
  }
  const [{ scorePrompt, options }] = specs
  const scores = scorePrompt ? all * (1 + (options.logprobs ?? 0)) : 0
  if (scores > limits.scores) {
    throw refuse('logprobs', `${scores} log-probabilities are more than the ${limits.scores} of a request`)
  }
  for (const { prompt, routes } of specs) {
    if (prompt.length === 0) throw refuse('prompt', 'the prompt is empty')
    // The last place is that of the first token of the answer.
    if (prompt.length >= limits.contextTokens) {
      const message = `the prompt has ${prompt.length} tokens; ${limits.contextTokens} is the most, with the answer`
      throw refuse('prompt', message, 'context_length_exceeded')
    }
    if (routes && prompt.length > limits.routedTokens) {
      const message = `experts are told of prompts of at most ${limits.routedTokens} tokens; this has ${prompt.length}`
      throw refuse('routed_experts', message)
    }
    const stranger = prompt.find((id) => id >= model.config.vocabSize)
    if (stranger !== undefined) {
      throw refuse('prompt', `there is no token ${stranger}; the last is ${model.config.vocabSize - 1}`)
    }
  }
}

/** The texts of a request: `n` choices for each prompt. */
export class Choices {
  private readonly all: Choice[]

  constructor(
    private readonly context: RunContext,
    private readonly specs: readonly ChoiceSpec[],
    private readonly n: number,
    private readonly ticket: Ticket,
  ) {
    this.all = specs.flatMap((spec, i) =>
      Array.from({ length: n }, (_, j) => ({ index: i * n + j, spec: withSeed(spec, j), generated: 0, cached: 0 })),
    )
  }

  /** Tokens up to now. A prompt counts once, however many choices it has. */
  get usage(): Usage {
    const prompt = this.specs.reduce((sum, { prompt }) => sum + prompt.length, 0)
    const completion = this.all.reduce((sum, { generated }) => sum + generated, 0)
    const cached = this.all.reduce((sum, { cached }, i) => (i % this.n === 0 ? sum + cached : sum), 0)
    return {
      prompt_tokens: prompt,
      completion_tokens: completion,
      total_tokens: prompt + completion,
      prompt_tokens_details: { cached_tokens: cached },
    }
  }

  /** Runs all choices and yields their pieces as they come. To be called once. */
  pieces(): AsyncGenerator<Piece> {
    const { context, ticket } = this
    const sources = this.all.map((choice) => () => runChoice(context, choice, ticket))
    return interleaved(sources, context.limits.parallel, () => ticket.abort())
  }
}

/** Choices of a prompt differ by their seeds: the second has the next number. The next seed after the largest is 0. */
function withSeed(spec: ChoiceSpec, choice: number): ChoiceSpec {
  const { seed } = spec.options
  if (seed === undefined || choice === 0) return spec
  const left = Number.MAX_SAFE_INTEGER - seed
  return { ...spec, options: { ...spec.options, seed: choice <= left ? seed + choice : choice - left - 1 } }
}
