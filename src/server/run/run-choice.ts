import type { PromptProgress } from '../../api/generation.js'
import { eventsOf, type GenerationEvent } from '../../api/generation-events.js'
import { GENERATION_OPTIONS } from '../../api/generation-options.js'
import type { LayerRoutes } from '../../api/routes.js'
import { Answer, type AnswerEnd, type AnswerToken } from '../../engine/session/answer.js'
import type { HeldSession } from '../../engine/session/shared/held-session.js'
import { NoMemory, NoRoom } from '../../ground/errors.js'
import { type Lens, readLens } from '../../insight/lens.js'
import { layersOf } from '../../insight/usage/layers-json.js'
import type { AnswerPiece, Choice, ChoiceSpec, PromptRead, RoutedToken } from './choice.js'
import { type RunContext, tokenizerOf } from './context.js'
import type { Ticket } from './queue.js'
import { readPrompt } from './read-prompt.js'
import { ANSWER_PART, RunningAnswer } from './running-answer.js'
import { withProgress } from './with-progress.js'

/** A sequence that pauses keeps its memory. For each, this many tokens' memory must be left, so that the others can continue. */
const PAUSED_SPARE = 1_024

/** Waits for its turn, then generates a choice in the session whose cache has most of its prompt. */
export async function* runChoice(
  context: RunContext,
  choice: Choice,
  ticket: Ticket,
): AsyncGenerator<AnswerPiece, void> {
  const { prefixCache, metrics } = context
  const { index, spec } = choice
  const empty: AnswerPiece = { index, text: '', tokens: [] }
  const maxTokens = mostTokens(spec, context)
  const { slot, take, ...turn } = await turnOf(context, spec, ticket)
  let held = turn.held
  let last: AnswerPiece | undefined
  try {
    for (let mayRetry = true; !last; mayRetry = false) {
      if (!held) throw new NoMemory('there is not enough memory for this request now')
      let isBegun = false
      try {
        const running = new RunningAnswer(context, choice, held, maxTokens)
        const answer = new Answer(spec.reading)
        await prefixCache.share(held, spec.mask, ticket.signal)
        if (isReadWhole(spec)) {
          for await (const part of readWhole(context, spec, held, ticket.signal)) {
            isBegun = part.progress === undefined
            yield { ...empty, part: answer.part, ...part }
          }
        }
        metrics.promptRead(spec.prompt.length, held.cached)
        choice.cached = held.cached
        if (maxTokens === 0) {
          last = { ...empty, finishReason: 'length', events: answer.end(true), message: answer.message }
          break
        }
        for await (const { progress, step, result } of generate(answer, spec, held, maxTokens, ticket.signal)) {
          if (progress) {
            yield { ...empty, progress }
            continue
          }
          isBegun = true
          if (result) {
            const { events, message } = result
            last = { ...empty, finishReason: running.end(result.result), events, message }
            continue
          }
          running.add(step.step)
          yield pieceOf(step, choice, context)
          if (choice.generated < maxTokens) await running.pause(slot)
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

/** Waits for its turn, then reads what the experts of a prompt's last token say, after the beginning that a cache has. */
export async function runLens(context: RunContext, spec: ChoiceSpec, ticket: Ticket): Promise<Lens> {
  const { model, prefixCache, metrics } = context
  const { slot, held } = await turnOf(context, spec, ticket)
  try {
    if (!held) throw new NoMemory('there is not enough memory for this request now')
    await prefixCache.share(held, spec.mask, ticket.signal)
    metrics.promptRead(spec.prompt.length, held.cached)
    return await readLens(model, held.session, spec.prompt, { signal: ticket.signal })
  } finally {
    if (held) prefixCache.give(held)
    slot.release()
  }
}

async function turnOf(context: RunContext, spec: ChoiceSpec, ticket: Ticket) {
  const { prefixCache, metrics } = context
  const { prompt, mask } = spec
  const entered = performance.now()
  await prefixCache.ready()
  const answer = mostTokens(spec, context)
  const room = prompt.length + Math.min(answer, ANSWER_PART)
  const runAll = isReadWhole(spec)
  if (!runAll) await prefixCache.fetch(prompt, mask)
  /** Takes a session with memory for the first part of the answer; undefined if there is not enough. */
  const take = (spare = 0) => prefixCache.take(prompt, room, { runAll, mask, spare })
  let held: HeldSession | undefined
  const slot = await ticket.slot({
    answer,
    unread: prompt.length - (runAll ? 0 : prefixCache.cachedOf(prompt, mask)),
    admit: (pausing) => {
      held = take(pausing * PAUSED_SPARE)
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
): AsyncGenerator<Partial<AnswerPiece>> {
  const { prompt, options, scorePrompt, promptRoutes: routes = false } = spec
  const top = scorePrompt ? (options.logprobs ?? 0) : undefined
  const read = yield* withProgress(spec, held, (report) => {
    const onRead = (read: number) => {
      held.read = read
      report(read)
    }
    return readPrompt(context.model, held.session, prompt, { top, routes, signal, onRead })
  })
  const promptRouted = read.routes?.map((layers, i) => routedToken(prompt[i], layers, context))
  yield { tokens: read.scores ?? [], ...(promptRouted && { promptRouted }) }
}

type ChoiceEvent =
  | { progress: PromptRead; step?: undefined; result?: undefined }
  | (GenerationEvent<AnswerToken, AnswerEnd> & { progress?: undefined })

/** Generates after the part of the prompt that the session has. Yields the progress of reading it, if that is asked for. */
async function* generate(
  answer: Answer,
  spec: ChoiceSpec,
  held: HeldSession,
  maxTokens: number,
  signal: AbortSignal,
): AsyncGenerator<ChoiceEvent, void> {
  const { prompt, options, routes } = spec
  const rest = prompt.slice(held.session.length)
  let report = (_read: number) => {}
  const onPromptProgress = ({ processed }: PromptProgress) => {
    held.read = prompt.length - rest.length + processed
    report(held.read)
  }
  const generation = held.session.generate(rest, { ...options, maxTokens, routes, signal, onPromptProgress })
  const events = eventsOf(answer.read(generation))
  try {
    if (!isReadWhole(spec)) {
      const first = yield* withProgress(spec, held, (onRead) => {
        report = onRead
        return events.next()
      })
      if (first.done) return
      yield first.value
    }
    yield* events
  } finally {
    await events.return()
  }
}

function pieceOf({ step, events, part }: AnswerToken, { index, spec }: Choice, context: RunContext): AnswerPiece {
  const { token, text, logprob, topLogprobs, routes } = step
  const tokens = [{ token, logprob, top: topLogprobs ?? [] }]
  const read = { index, text, tokens, events, part }
  return { ...read, ...(spec.routes && { routed: [routedToken(token, routes, context)] }) }
}

function routedToken(token: number, routes: readonly LayerRoutes[] | undefined, context: RunContext): RoutedToken {
  const text = tokenizerOf(context)?.decode([token]) ?? ''
  return { token, text, experts: routes ? layersOf(routes) : null }
}
