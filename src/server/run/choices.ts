import type { Step } from '../../api/generation.js'
import type { ScoredToken } from '../api/read-prompt.js'
import { type RoutedToken, routedToken } from '../api/routed-experts.js'
import { ApiError } from '../http/errors.js'
import type { Serving } from './context.js'
import { interleaved } from './interleaved.js'
import { runSequence, type SequenceAsk } from './run-choice.js'
import type { Ticket } from './ticket.js'

export type FinishReason = 'stop' | 'length'

/** A part of a choice, as it came. */
export interface Piece {
  /** Number of the choice. */
  index: number
  text: string
  /** Its tokens; those of the prompt too where they are scored. */
  tokens: ScoredToken[]
  routed?: RoutedToken[]
  promptRouted?: RoutedToken[]
  /** Of a choice's last piece. */
  finishReason?: FinishReason
}

export interface Usage {
  prompt_tokens: number
  completion_tokens: number
  total_tokens: number
  prompt_tokens_details: { cached_tokens: number }
}

const refuse = (param: string, message: string, code?: string) => new ApiError(400, message, { param, code })

/** Throws an ApiError if so many prompts, `n` times each, are not a request; before any of them is encoded. */
export function checkCount(prompts: number, n: number, { limits }: Pick<Serving, 'limits'>): void {
  if (prompts === 0) throw refuse('prompt', '"prompt" must have a prompt in it')
  if (prompts * n <= limits.sequences) return
  throw refuse('n', `${prompts} prompts times ${n} are more than the ${limits.sequences} texts of a request`)
}

/** Throws an ApiError if more is asked than the limits allow. */
export function checkAsks(asks: SequenceAsk[], n: number, { limits, model }: Pick<Serving, 'limits' | 'model'>): void {
  const all = asks.reduce((sum, { prompt }) => sum + n * prompt.length, 0)
  if (all > limits.promptTokens) {
    throw refuse('prompt', `prompts of ${all} tokens are more than the ${limits.promptTokens} of a request`)
  }
  const [{ scorePrompt, options }] = asks
  const scores = scorePrompt ? all * (1 + (options.logprobs ?? 0)) : 0
  if (scores > limits.scores) {
    throw refuse('logprobs', `${scores} log-probabilities are more than the ${limits.scores} of a request`)
  }
  for (const { prompt, routes } of asks) {
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

/** All that is generated for a request: `n` choices of each prompt. */
export class Answer {
  private completion = 0
  private cached = 0

  constructor(
    private readonly serving: Serving,
    private readonly asks: readonly SequenceAsk[],
    private readonly n: number,
    private readonly ticket: Ticket,
  ) {}

  /** What it has taken up to now. A prompt counts once, however many choices it has. */
  get usage(): Usage {
    const { completion, cached } = this
    const prompt = this.asks.reduce((sum, { prompt }) => sum + prompt.length, 0)
    return {
      prompt_tokens: prompt,
      completion_tokens: completion,
      total_tokens: prompt + completion,
      prompt_tokens_details: { cached_tokens: cached },
    }
  }

  /**
   * All pieces of all choices, as they come; to be called once. Choices of a prompt differ by their seeds: the second has
   * the next number.
   */
  async *pieces(): AsyncGenerator<Piece> {
    const { serving, asks, n, ticket } = this
    const sources = asks.flatMap((ask, i) =>
      Array.from({ length: n }, (_, j) => () => this.choice(withSeed(ask, j), i * n + j)),
    )
    const ended = (index: number, cached: number) => {
      if (index % n === 0) this.cached += cached
    }
    const pieces = interleaved(sources, serving.limits.parallel, { ended, stop: () => ticket.abort() })
    for await (const { value } of pieces) yield value
  }

  /** The pieces of one choice; returns how many tokens of its prompt were in a cache. */
  private async *choice(ask: SequenceAsk, index: number): AsyncGenerator<Piece, number> {
    const { serving, ticket } = this
    const { model } = serving
    const tokenizer = model.hasTokenizer ? model.tokenizer : undefined
    const events = runSequence(serving, ask, ticket)
    let shown = 0
    try {
      for (;;) {
        const { done, value } = await events.next()
        if (done) {
          const { finishReason, text } = value.result
          const reason = finishReason === 'length' ? 'length' : 'stop'
          yield { index, text: text.slice(shown), tokens: [], finishReason: reason }
          return value.cached
        }
        if (value.kind === 'prompt') {
          const promptRouted = value.routes?.map((routes, i) => routedToken(ask.prompt[i], routes, tokenizer))
          yield { index, text: '', tokens: value.scores ?? [], ...(promptRouted && { promptRouted }) }
          continue
        }
        const { step } = value
        // Here, not at the end: the log tells of an answer that is cut off, too.
        this.completion++
        shown += step.text.length
        const routed = ask.routes ? [routedToken(step.token, step.routes, tokenizer)] : undefined
        yield { index, text: step.text, tokens: [scoredStep(step)], ...(routed && { routed }) }
      }
    } finally {
      await events.return(undefined as never)
    }
  }
}

/** The next seed after the largest is 0. */
function withSeed(ask: SequenceAsk, choice: number): SequenceAsk {
  const { seed } = ask.options
  if (seed === undefined || choice === 0) return ask
  const left = Number.MAX_SAFE_INTEGER - seed
  return { ...ask, options: { ...ask.options, seed: choice <= left ? seed + choice : choice - left - 1 } }
}

function scoredStep({ token, logprob, topLogprobs = [] }: Step): ScoredToken {
  return { token, logprob, top: topLogprobs }
}
