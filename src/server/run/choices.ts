import { phrase } from '../../ground/message.js'
import { field, refused } from '../common/api-error.js'
import type { AnswerPiece, Choice, ChoiceSpec } from './choice.js'
import type { RunContext } from './context.js'
import type { Ticket } from './queue.js'
import { runChoice } from './run-choice.js'

/** Tokens of a request so far. A prompt counts once, however many choices it has. */
export interface Usage {
  promptTokens: number
  cachedTokens: number
  generatedTokens: number
  thoughtTokens: number
  /** Drafts that were wrong are not among the tokens above. */
  drafts: { drafted: number; right: number }
}

/** Checks the number of prompts before any is encoded. Throws an ApiError if it is 0 or, `n` times, above the limit. */
export function checkCount(prompts: number, n: number, { limits }: Pick<RunContext, 'limits'>): void {
  if (prompts === 0) throw refused('prompt', phrase`${field('prompt')} must have at least one prompt`)
  if (prompts * n <= limits.sequences) return
  throw refused('n', `${prompts} prompts times ${n} exceed the limit of ${limits.sequences} texts per request`)
}

/** Throws an ApiError if a prompt is wrong, or the request exceeds the limits. */
export function checkSpecs(
  specs: ChoiceSpec[],
  n: number,
  { limits, model }: Pick<RunContext, 'limits' | 'model'>,
): void {
  const all = specs.reduce((sum, { prompt }) => sum + n * prompt.length, 0)
  if (all > limits.promptTokens) {
    throw refused('prompt', `prompts of ${all} tokens exceed the limit of ${limits.promptTokens} per request`)
  }
  const [{ scorePrompt, options }] = specs
  const scores = scorePrompt ? all * (1 + (options.logprobs ?? 0)) : 0
  if (scores > limits.scores) {
    throw refused('logprobs', `${scores} log-probabilities exceed the limit of ${limits.scores} per request`)
  }
  for (const { prompt, promptRoutes } of specs) {
    if (prompt.length === 0) throw refused('prompt', 'the prompt is empty')
    // The last position is for the first token of the answer.
    if (prompt.length >= limits.contextTokens) {
      const message = `the prompt has ${prompt.length} tokens; the limit is ${limits.contextTokens}, including the answer`
      throw refused('prompt', message, 'context_length_exceeded')
    }
    if (promptRoutes && prompt.length > limits.routedTokens) {
      const message =
        `experts are reported for prompts of at most ${limits.routedTokens} tokens; this one has ${prompt.length}; ` +
        'send "answer" for the answer’s alone'
      throw refused('routes', message)
    }
    const unknown = prompt.find((id) => id >= model.config.vocabSize)
    if (unknown !== undefined) {
      throw refused('prompt', `token ${unknown} does not exist; the last is ${model.config.vocabSize - 1}`)
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

  get usage(): Usage {
    return {
      promptTokens: this.specs.reduce((sum, { prompt }) => sum + prompt.length, 0),
      cachedTokens: this.sum(({ index, cached }) => (index % this.n === 0 ? cached : 0)),
      generatedTokens: this.sum(({ generated }) => generated),
      thoughtTokens: this.sum(({ thoughtTokens }) => thoughtTokens),
      drafts: { drafted: this.sum(({ drafts }) => drafts?.drafted), right: this.sum(({ drafts }) => drafts?.right) },
    }
  }

  /** Times so far, summed over the choices, in milliseconds. */
  get times(): { promptMs: number; answerMs: number } {
    return { promptMs: this.sum(({ promptMs }) => promptMs), answerMs: this.sum(({ answerMs }) => answerMs) }
  }

  private sum(of: (choice: Choice) => number | undefined): number {
    return this.all.reduce((total, choice) => total + (of(choice) ?? 0), 0)
  }

  /** Runs all choices and yields their pieces as they come. Call it once. */
  pieces(): AsyncGenerator<AnswerPiece> {
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

/**
 * Runs generators, at most `most` at once, and yields their values as they come. Each is asked for one value ahead at most.
 * If one fails or the reader leaves, calls `stop` and ends all others.
 */
export async function* interleaved<T>(
  sources: readonly (() => AsyncGenerator<T, void>)[],
  most: number,
  stop: () => void,
): AsyncGenerator<T> {
  const active = new Map<AsyncGenerator<T, void>, Promise<Next<T>>>()
  const ask = (source: AsyncGenerator<T, void>) => {
    const next = source.next().then((result) => ({ source, result }))
    // The race below throws the first error; later ones come from `stop`.
    next.catch(() => undefined)
    // Moves it behind the others, so that each has its turn.
    active.delete(source)
    active.set(source, next)
  }
  let begun = 0
  try {
    for (;;) {
      for (; begun < sources.length && active.size < most; begun++) ask(sources[begun]())
      if (active.size === 0) return
      const { source, result } = await Promise.race(active.values())
      if (result.done) {
        active.delete(source)
      } else {
        ask(source)
        yield result.value
      }
    }
  } finally {
    if (active.size > 0) stop()
    await Promise.allSettled([...active.keys()].map((source) => source.return()))
  }
}

interface Next<T> {
  source: AsyncGenerator<T, void>
  result: IteratorResult<T, void>
}
