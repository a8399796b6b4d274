import type { PromptProgress } from '../../api/generation.js'
import { eventsOf, type GenerationEvent } from '../../api/generation-events.js'
import { NoMemory, NoRoom } from '../../errors.js'
import { GENERATION_OPTIONS } from '../../generation-options.js'
import { Answer, type AnswerEnd, type AnswerToken } from '../../session/answer.js'
import type { HeldSession } from '../../session/shared/held-session.js'
import type { Choice, ChoiceSpec, Piece, PromptRead } from './choice.js'
import { type RunContext, tokenizerOf } from './context.js'
import { readPrompt } from './read-prompt.js'
import { routedToken } from './routed-experts.js'
import { ANSWER_PART, RunningAnswer } from './running-answer.js'
import type { Slot, Ticket } from './ticket.js'
import { withReports } from './with-reports.js'

/** Waits for its turn, then generates a choice in the session whose cache has most of its prompt. */
export async function* runChoice(context: RunContext, choice: Choice, ticket: Ticket): AsyncGenerator<Piece, void> {
  const { prefixCache, metrics } = context
  const { index, spec } = choice
  const maxTokens = mostTokens(spec, context)
  const { slot, take, ...turn } = await turnOf(context, spec, ticket)
  let held = turn.held
  let last: Piece | undefined
  try {
    for (let mayRetry = true; !last; mayRetry = false) {
      if (!held) throw new NoMemory('there is not enough memory for this request now')
      let isBegun = false
      try {
        const running = new RunningAnswer(context, choice, held, { slot, maxTokens })
        const answer = new Answer(spec.reading)
        await prefixCache.share(held, spec.mask, ticket.signal)
        if (isReadWhole(spec)) {
          for await (const part of readWhole(context, spec, held, ticket.signal)) {
            isBegun = part.progress === undefined
            yield { index, text: '', tokens: [], part: answer.part, ...part }
          }
        }
        metrics.promptRead(spec.prompt.length, held.cached)
        choice.cached = held.cached
        if (maxTokens === 0) {
          last = {
            index,
            text: '',
            tokens: [],
            finishReason: 'length',
            events: answer.end(true),
            message: answer.message,
          }
          break
        }
        for await (const { progress, step, result } of generate(answer, spec, held, maxTokens, ticket.signal)) {
          if (progress) {
            yield { index, text: '', tokens: [], progress }
            continue
          }
          isBegun = true
          if (result) {
            const { events, message } = result
            last = { index, text: '', tokens: [], finishReason: running.end(result.result), events, message }
            continue
          }
          running.add(step.step)
          yield pieceOf(step, choice, context)
          await running.pauseAfter(step.step)
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
      if (!last) held = take()
    }
  } finally {
    slot.release()
  }
  yield last
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
  | (GenerationEvent<AnswerToken, AnswerEnd> & { progress?: undefined })

/** Generates after the part of the prompt that the session has. */
function generate(
  answer: Answer,
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
    const generation = held.session.generate(rest, { ...options, maxTokens, routes, signal, onPromptProgress })
    return eventsOf(answer.read(generation))
  }
  return spec.progress && !isReadWhole(spec) ? generateWithProgress(spec, held, begin) : begin()
}

/** Yields the progress of reading the prompt, then the events of a generation. */
async function* generateWithProgress(
  spec: ChoiceSpec,
  held: HeldSession,
  begin: (onRead: (read: number) => void) => AsyncGenerator<GenerationEvent<AnswerToken, AnswerEnd>, void>,
): AsyncGenerator<ChoiceEvent, void> {
  let events: ReturnType<typeof begin> | undefined
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

function pieceOf({ step, events, part }: AnswerToken, { index, spec }: Choice, context: RunContext): Piece {
  const { token, text, logprob, topLogprobs, routes } = step
  const tokens = [{ token, logprob, top: topLogprobs ?? [] }]
  const read = { index, text, tokens, events, part }
  return { ...read, ...(spec.routes && { routed: [routedToken(token, routes, tokenizerOf(context))] }) }
}
