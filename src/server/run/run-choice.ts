import type { GenerateOptions, GenerationResult, PromptProgress, Step } from '../../api/generation.js'
import { eventsOf, type GenerationEvent } from '../../api/generation-events.js'
import { NoRoom } from '../../errors.js'
import { GENERATION_OPTIONS } from '../../generation-options.js'
import { type RunContext, tokenizerOf } from './context.js'
import type { HeldSession } from './held-session.js'
import { noMemory } from './prefix-cache.js'
import { readPrompt, type ScoredToken } from './read-prompt.js'
import type { RequestMask } from './request-mask.js'
import { type RoutedToken, routedToken } from './routed-experts.js'
import type { Slot, Ticket } from './ticket.js'
import { withReports } from './with-reports.js'

/** A prompt, and how to continue it. */
export interface ChoiceSpec {
  /** At least one token, with room for more within the limits. */
  prompt: readonly number[]
  options: Omit<GenerateOptions, 'signal' | 'routes' | 'probabilities' | 'onPromptProgress' | 'onPromptRoutes'>
  /** Score the prompt's tokens too. */
  scorePrompt: boolean
  /** Report the experts of each token of the answer. */
  routes: boolean
  /** Report the experts of each token of the prompt. Default: false. */
  promptRoutes?: boolean
  /** Report how much of the prompt has been read. Default: false. */
  progress?: boolean
  /** Experts that no token may use. */
  mask?: RequestMask
}

/** One of a request's texts. */
export interface Choice {
  readonly index: number
  readonly spec: ChoiceSpec
  /** Tokens generated so far. */
  generated: number
  /** Tokens of the prompt that an earlier request had left in the cache. */
  cached: number
  /** Tokens drafted by prompt lookup, and those of them that were right. */
  drafts?: { drafted: number; right: number }
  /** Milliseconds from its place to the first token, and from there to the last. */
  promptMs?: number
  answerMs?: number
}

export type FinishReason = 'stop' | 'length'

/** Progress of reading a prompt, in tokens. */
export interface PromptRead {
  total: number
  /** Tokens that were in a cache. */
  cache: number
  /** Tokens read so far, those in the cache among them. */
  processed: number
  /** Milliseconds since the reading began. */
  timeMs: number
}

/**
 * A part of a choice: first the progress and the tokens of the prompt if the request asks about them, then each token, then
 * the end.
 */
export interface Piece {
  /** The choice's index. */
  index: number
  text: string
  tokens: ScoredToken[]
  routed?: RoutedToken[]
  promptRouted?: RoutedToken[]
  /** A piece with progress has nothing else. */
  progress?: PromptRead
  /** Only in a choice's last piece. */
  finishReason?: FinishReason
}

/** Memory is taken for this many tokens of an answer at a time, since most answers stay far below their maximum. */
const ANSWER_PART = 256
/** Tokens that the engine may be ahead of the reader, and a few more. */
const AHEAD = 64

/** Waits for its turn, then generates a choice in the session whose cache has most of its prompt. */
export async function* runChoice(context: RunContext, choice: Choice, ticket: Ticket): AsyncGenerator<Piece, void> {
  const { prefixCache, metrics } = context
  const { index, spec } = choice
  const maxTokens = mostTokens(spec, context)
  const { slot, take, ...turn } = await turnOf(context, spec, ticket)
  let held = turn.held
  let finishReason: FinishReason | undefined
  try {
    for (let mayRetry = true; !finishReason; mayRetry = false) {
      if (!held) throw noMemory('there is not enough memory for this request now')
      let isBegun = false
      try {
        const answer = new RunningAnswer(context, choice, held, { slot, maxTokens })
        await prefixCache.share(held, spec.mask, ticket.signal)
        if (isReadWhole(spec)) {
          for await (const part of readWhole(context, spec, held, ticket.signal)) {
            isBegun = part.progress === undefined
            yield { index, text: '', tokens: [], ...part }
          }
        }
        metrics.promptRead(spec.prompt.length, held.cached)
        choice.cached = held.cached
        if (maxTokens === 0) {
          finishReason = 'length'
          break
        }
        for await (const { progress, step, result } of generate(spec, held, maxTokens, ticket.signal)) {
          if (progress) {
            yield { index, text: '', tokens: [], progress }
            continue
          }
          isBegun = true
          if (result) {
            finishReason = answer.end(result)
            continue
          }
          answer.add(step)
          yield pieceOf(step, choice, context)
          await answer.pauseAfter(step)
        }
      } catch (error) {
        // Sessions at rest must not keep a sequence from running.
        const isRoomWanted = error instanceof NoRoom && !isBegun && mayRetry
        if (!isRoomWanted || !prefixCache.drop()) throw error
      } finally {
        // The generation is at rest by now, so another sequence may get the session.
        prefixCache.give(held)
        held = undefined
      }
      if (!finishReason) held = take()
    }
  } finally {
    slot.release()
  }
  yield { index, text: '', tokens: [], finishReason }
}

/** An answer under way: keeps memory ahead of its tokens, counts and times them, and pauses for others. */
class RunningAnswer {
  private lastAt = performance.now()

  constructor(
    private readonly context: RunContext,
    private readonly choice: Choice,
    private readonly held: HeldSession,
    private readonly bounds: { slot: Slot; maxTokens: number },
  ) {}

  /** Adds a token. Throws an ApiError if there is no memory for those after it. */
  add({ index }: Step): void {
    const { context, choice, held, lastAt } = this
    const { prompt } = choice.spec
    const mostRoom = prompt.length + this.bounds.maxTokens
    const isNear = prompt.length + index + 1 + AHEAD >= held.room && held.room < mostRoom
    if (isNear) context.prefixCache.extend(held, Math.min(held.room + ANSWER_PART, mostRoom))
    const tookMs = performance.now() - lastAt
    context.metrics.generated(tookMs, index === 0)
    if (index === 0) choice.promptMs = tookMs
    else choice.answerMs = (choice.answerMs ?? 0) + tookMs
    this.lastAt = performance.now()
    choice.generated++
  }

  /** Waits for another turn if the slot's tokens are used up. The engine pauses too: it is not asked for more. */
  async pauseAfter({ index }: Step): Promise<void> {
    const { slot, maxTokens } = this.bounds
    if (index + 1 < slot.answerTokens || index + 1 >= maxTokens) return
    await slot.resume()
    this.lastAt = performance.now()
  }

  /** Takes the counts of a generation that has ended. Returns why it ended. */
  end({ readAgain = 0, drafts, finishReason }: GenerationResult): FinishReason {
    this.choice.cached -= readAgain
    this.choice.drafts = drafts
    return finishReason === 'length' ? 'length' : 'stop'
  }
}

/** Most tokens that may be generated after a prompt. */
export function mostTokens({ prompt, options }: ChoiceSpec, { limits, model }: Pick<RunContext, 'limits' | 'model'>) {
  const asked = options.maxTokens ?? model.generationDefaults.maxTokens ?? GENERATION_OPTIONS.maxTokens.default
  return Math.min(asked ?? Infinity, limits.contextTokens - prompt.length)
}

/** A place to run in, and a session with memory for the first part of the answer. */
interface Turn {
  slot: Slot
  held?: HeldSession
  /** Takes another session; undefined if there is no memory for one. */
  take(): HeldSession | undefined
}

async function turnOf(context: RunContext, spec: ChoiceSpec, ticket: Ticket): Promise<Turn> {
  const { prefixCache, metrics, limits } = context
  const { prompt, mask } = spec
  const entered = performance.now()
  await prefixCache.ready()
  const answer = mostTokens(spec, context)
  const room = prompt.length + Math.min(answer, ANSWER_PART)
  const runAll = isReadWhole(spec)
  if (!runAll) await prefixCache.fetch(prompt, mask)
  const take = (spare = 0) => prefixCache.take(prompt, room, { runAll, mask, spare })
  let held: HeldSession | undefined
  const slot = await ticket.slot({
    answer,
    unread: () => prompt.length - (runAll ? 0 : prefixCache.cachedOf(prompt, mask)),
    admit: (kind) => {
      // A sequence that pauses keeps its memory; quick ones must have theirs meanwhile.
      held = take(kind === 'trial' ? (limits.parallel * limits.quickTokens) / 2 : 0)
      return held !== undefined
    },
  })
  metrics.queued(performance.now() - entered)
  return { slot, held, take: () => take() }
}

/** Whether all of the prompt is run, even if a cache has its beginning: the request asks about each of its tokens. */
function isReadWhole({ scorePrompt, promptRoutes = false }: ChoiceSpec): boolean {
  return scorePrompt || promptRoutes
}

/** Runs the prompt and yields its tokens as the request asks for them, after the progress. */
async function* readWhole(
  context: RunContext,
  spec: ChoiceSpec,
  held: HeldSession,
  signal: AbortSignal,
): AsyncGenerator<Partial<Piece>> {
  const { prompt, options, scorePrompt, promptRoutes: routes = false } = spec
  const top = scorePrompt ? (options.logprobs ?? 0) : undefined
  const read = yield* withProgress(spec, held, (report) => {
    const onRead = (read: number) => {
      held.read = read
      report(read)
    }
    return readPrompt(context.model, held.session, prompt, { top, routes, signal, onRead })
  })
  const tokenizer = tokenizerOf(context)
  const promptRouted = read.routes?.map((layers, i) => routedToken(prompt[i], layers, tokenizer))
  yield { tokens: read.scores ?? [], ...(promptRouted && { promptRouted }) }
}

type ChoiceEvent =
  | { progress: PromptRead; step?: undefined; result?: undefined }
  | (GenerationEvent & { progress?: undefined })

/** Generates after the part of the prompt that the session has. */
function generate(
  spec: ChoiceSpec,
  held: HeldSession,
  maxTokens: number,
  signal: AbortSignal,
): AsyncGenerator<ChoiceEvent, void> {
  const { prompt, options, routes } = spec
  const rest = prompt.slice(held.session.length)
  const begin = (onRead?: (read: number) => void) => {
    const onPromptProgress = ({ processed }: PromptProgress) => {
      held.read = prompt.length - rest.length + processed
      onRead?.(held.read)
    }
    return eventsOf(held.session.generate(rest, { ...options, maxTokens, routes, signal, onPromptProgress }))
  }
  return spec.progress && !isReadWhole(spec) ? generateWithProgress(spec, held, begin) : begin()
}

/** Yields the progress of reading the prompt, then the events of a generation. */
async function* generateWithProgress(
  spec: ChoiceSpec,
  held: HeldSession,
  begin: (onRead: (read: number) => void) => AsyncGenerator<GenerationEvent, void>,
): AsyncGenerator<ChoiceEvent, void> {
  let events: AsyncGenerator<GenerationEvent, void> | undefined
  try {
    const first = yield* withProgress(spec, held, (onRead) => {
      events = begin(onRead)
      return events.next()
    })
    if (!first.done) yield first.value
    if (events) yield* events
  } finally {
    await events?.return()
  }
}

/** Does work that reads the prompt, and meanwhile yields the progress if the request asks for it. */
async function* withProgress<T>(
  { prompt, progress }: ChoiceSpec,
  { cached: cache }: HeldSession,
  work: (onRead: (read: number) => void) => Promise<T>,
): AsyncGenerator<{ progress: PromptRead }, T> {
  if (!progress) return work(() => undefined)
  const started = performance.now()
  return yield* withReports<{ progress: PromptRead }, T>((report) =>
    work((processed) => {
      report({ progress: { total: prompt.length, cache, processed, timeMs: performance.now() - started } })
    }),
  )
}

function pieceOf(
  { token, text, logprob, topLogprobs, routes }: Step,
  { index, spec }: Choice,
  context: RunContext,
): Piece {
  const tokens = [{ token, logprob, top: topLogprobs ?? [] }]
  return { index, text, tokens, ...(spec.routes && { routed: [routedToken(token, routes, tokenizerOf(context))] }) }
}
