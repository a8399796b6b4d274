import { phrase } from '../../ground/message.js'
import { formatBytes } from '../../ground/numbers.js'
import { usedIn } from '../../model/config/experts-per-token.js'
import { field, refused } from '../common/api-error.js'
import type { AnswerPiece, Choice, ChoiceSpec } from './choice.js'
import type { RunContext } from './context.js'
import type { Ticket } from './queue.js'
import { mostTokens, runChoice } from './run-choice.js'

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
