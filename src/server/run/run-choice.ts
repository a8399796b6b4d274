import { eventsOf } from '../../api/generation-events.js'
import { GENERATION_OPTIONS } from '../../api/generation-options.js'
import type { LayerRoutes } from '../../api/routes.js'
import type { PromptProgress, RoutedToken } from '../../api/wire.js'
import { Answer, type AnswerEnd, type AnswerToken } from '../../engine/session/answer.js'
import type { HeldSession } from '../../engine/session/shared/held-session.js'
import { generateIn, inSharedSession } from '../../engine/session/shared/shared-generation.js'
import { NoMemory } from '../../ground/errors.js'
import { type Lens, readLens } from '../../insight/lens.js'
import { layersOf } from '../../insight/usage/layers-json.js'
import type { AnswerPiece, Choice, ChoiceSpec } from './choice.js'
import { type RunContext, tokenizerOf } from './context.js'
import type { Slot, Ticket } from './queue.js'
import { readPrompt } from './read-prompt.js'

/** A sequence that pauses keeps its memory. For each, this many tokens' memory must be left, so that the others can continue. */
const PAUSED_SPARE = 1_024
/** Memory is taken for this many tokens of an answer at a time, since most answers stay far below their maximum. */
const ANSWER_PART = 256
/** Tokens that the engine may be ahead of the reader, and a few more. */
const AHEAD = 64

/** A piece without its choice. */
type Part = Partial<AnswerPiece>

/** Waits for its turn, then generates a choice in the session whose cache has most of its prompt. */
export async function* runChoice(
  context: RunContext,
  choice: Choice,
  ticket: Ticket,
): AsyncGenerator<AnswerPiece, void> {
  const { index, spec } = choice
  const { signal } = ticket
  const { slot, take } = await turnOf(context, spec, ticket)
  let last: AnswerPiece | undefined
  try {
    const startedAt = performance.now()
    const hooks = { mask: spec.mask, signal, take, isFinal: ({ progress }: Part) => progress === undefined }
    const parts = inSharedSession(context.prefixCache, hooks, (held) =>
      new RunningAnswer(context, choice, held, startedAt).parts(slot, signal),
    )
    for await (const { step, result } of eventsOf(parts)) {
      const piece = { index, text: '', tokens: [], ...(step ?? result) }
      if (step) yield piece
      else last = piece
    }
  } finally {
    slot.release()
  }
  if (last) yield last
}

/** Most tokens that may be generated after a prompt. */
export function mostTokens({ prompt, options }: ChoiceSpec, { limits, model }: Pick<RunContext, 'limits' | 'model'>) {
  const asked = options.maxTokens ?? model.generationDefaults.maxTokens ?? GENERATION_OPTIONS.maxTokens.default
  return Math.min(asked ?? Infinity, limits.contextTokens - prompt.length)
}

/** Waits for its turn, then reads what the experts of a prompt's last token say, after the beginning that a cache has. */
export function runLens(context: RunContext, spec: ChoiceSpec, ticket: Ticket): Promise<Lens> {
  const { signal } = ticket
  return inTurn(context, spec, ticket, async (held) => {
    await context.prefixCache.share(held, spec.mask, signal)
    context.metrics.promptRead(spec.prompt.length, held.cached)
    return readLens(context.model, held.session, spec.prompt, { signal })
  })
}

/** Waits for its turn, then works in the place and the session of a prompt. */
export async function inTurn<T>(
  context: RunContext,
  spec: ChoiceSpec,
  ticket: Ticket,
  work: (held: HeldSession) => Promise<T>,
): Promise<T> {
  const { slot, take } = await turnOf(context, spec, ticket)
  let held: HeldSession | undefined
  try {
    held = take(false)
    return await work(held)
  } finally {
    if (held) context.prefixCache.give(held)
    slot.release()
  }
}

/** Waits for a place, and for memory for the first part of the answer. */
async function turnOf(context: RunContext, spec: ChoiceSpec, ticket: Ticket) {
  const { prefixCache, metrics } = context
  const { prompt, mask } = spec
  const entered = performance.now()
  await prefixCache.ready()
  const answer = mostTokens(spec, context)
  const room = prompt.length + Math.min(answer, ANSWER_PART)
  const runAll = isReadWhole(spec)
  if (!runAll) await prefixCache.fetch(prompt, mask)
  let admitted: HeldSession | undefined
  const slot = await ticket.slot({
    answer,
    unread: prompt.length - (runAll ? 0 : prefixCache.cachedOf(prompt, mask)),
    admit: (pausing) => {
      admitted = prefixCache.take(prompt, room, { runAll, mask, spare: pausing * PAUSED_SPARE })
      return admitted !== undefined
    },
  })
  metrics.queued(performance.now() - entered)
  /** The session that came with the place or, if it had no room, another one. */
  const take = (isAgain: boolean): HeldSession => {
    const held = isAgain ? prefixCache.take(prompt, room, { runAll, mask, spare: 0 }) : admitted
    if (held) return held
    throw new NoMemory('there is not enough memory for this request now')
  }
  return { slot, take }
}

/** Whether all of the prompt is run, even if a cache has its beginning: the request asks about each of its tokens. */
function isReadWhole({ scorePrompt, promptRoutes = false }: ChoiceSpec): boolean {
  return scorePrompt || promptRoutes
}

/** An answer under way in a session: keeps memory ahead of its tokens, counts and times them, and pauses for others. */
class RunningAnswer {
  private readonly answer: Answer
  private readonly maxTokens: number

  constructor(
    private readonly context: RunContext,
    private readonly choice: Choice,
    private readonly held: HeldSession,
    private lastAt: number,
  ) {
    this.answer = new Answer(choice.spec.reading)
    this.maxTokens = mostTokens(choice.spec, context)
  }

  /** Yields the prompt as the request asks about it, then each token. Returns the end. */
  async *parts(slot: Slot, signal: AbortSignal): AsyncGenerator<Part, Part> {
    const { answer, choice, held, maxTokens } = this
    const { prompt } = choice.spec
    if (isReadWhole(choice.spec)) yield* this.readWhole(signal)
    this.context.metrics.promptRead(prompt.length, held.cached)
    choice.cached = held.cached
    if (maxTokens === 0) return { finishReason: 'length', events: answer.end(true) }
    const { result, events } = yield* this.generate(slot, signal)
    const { readAgain = 0, drafts, finishReason, stopString } = result
    choice.cached -= readAgain
    choice.drafts = drafts
    return {
      finishReason: finishReason === 'length' ? 'length' : 'stop',
      ...(stopString !== undefined && { stopString }),
      events,
    }
  }

  /** Runs the prompt, and yields its tokens as the request asks for them. */
  private async *readWhole(signal: AbortSignal): AsyncGenerator<Part> {
    const { context, held } = this
    const { prompt, options, scorePrompt, promptRoutes: routes = false } = this.choice.spec
    const top = scorePrompt ? (options.logprobs ?? 0) : undefined
    const read = yield* withProgress(this.choice.spec, held, (report) => {
      const onRead = (read: number) => {
        held.read = read
        report(read)
      }
      return readPrompt(context.model, held.session, prompt, { top, routes, signal, onRead })
    })
    const promptRouted = read.routes?.map((layers, i) => routedToken(prompt[i], layers, context))
    yield { part: this.answer.part, tokens: read.scores ?? [], ...(promptRouted && { promptRouted }) }
  }

  private async *generate(slot: Slot, signal: AbortSignal): AsyncGenerator<Part, AnswerEnd> {
    const { answer, choice, held, maxTokens } = this
    const { options, routes } = choice.spec
    let report = (_read: number) => {}
    const onPromptProgress = () => report(held.read)
    const generation = answer.read(generateIn(held, { ...options, maxTokens, routes, signal, onPromptProgress }))
    try {
      const first = (onRead: typeof report) => {
        report = onRead
        return generation.next()
      }
      let next = isReadWhole(choice.spec) ? await generation.next() : yield* withProgress(choice.spec, held, first)
      while (!next.done) {
        yield this.add(next.value)
        if (choice.generated < maxTokens) await this.pause(slot)
        next = await generation.next()
      }
      return next.value
    } finally {
      await generation.return(undefined as never)
    }
  }

  /** Adds a token. Throws an ApiError if there is no memory for those after it. */
  private add({ step, events, part }: AnswerToken): Part {
    const { context, choice, held, lastAt } = this
    const { spec } = choice
    const { index, token, text, logprob, topLogprobs, routes } = step
    const mostRoom = spec.prompt.length + this.maxTokens
    const isNear = spec.prompt.length + index + 1 + AHEAD >= held.room && held.room < mostRoom
    if (isNear) context.prefixCache.extend(held, Math.min(held.room + ANSWER_PART, mostRoom))
    const tookMs = performance.now() - lastAt
    context.metrics.generated(tookMs, index === 0)
    if (index === 0) choice.promptMs = tookMs
    else choice.answerMs = (choice.answerMs ?? 0) + tookMs
    this.lastAt = performance.now()
    choice.generated++
    if (part === 'thinking') choice.thoughtTokens = (choice.thoughtTokens ?? 0) + 1
    const tokens = [{ token, logprob, top: topLogprobs ?? [] }]
    return { text, tokens, events, part, ...(spec.routes && { routed: [routedToken(token, routes, context)] }) }
  }

  /** Waits while others need the place more. The engine pauses too: it is not asked for more. */
  private async pause(slot: Slot): Promise<void> {
    await slot.turn()
    this.lastAt = performance.now()
  }
}

function routedToken(token: number, routes: readonly LayerRoutes[] | undefined, context: RunContext): RoutedToken {
  const text = tokenizerOf(context)?.decode([token]) ?? ''
  // The engine knows all gates.
  return { token, text, experts: routes ? (layersOf(routes) as RoutedToken['experts']) : null }
}

/**
 * Does work that reads a prompt. While it lasts, and if the request asks for it, yields the latest progress whenever
 * the reader asks for one, so that a slow reader misses some. Returns the result. If the reader leaves early, waits for
 * the end of the work.
 */
export async function* withProgress<T>(
  { prompt, progress: isAsked }: Pick<ChoiceSpec, 'prompt' | 'progress'>,
  { cached: cache }: Pick<HeldSession, 'cached'>,
  work: (onRead: (read: number) => void) => Promise<T>,
): AsyncGenerator<{ progress: PromptProgress }, T> {
  const started = performance.now()
  let unread: { progress: PromptProgress } | undefined
  let wake = () => {}
  let isOver = false
  const working = work((processed) => {
    if (!isAsked) return
    unread = { progress: { total: prompt.length, cache, processed, time_ms: Math.round(performance.now() - started) } }
    wake()
  })
  const over = () => {
    isOver = true
    wake()
  }
  working.then(over, over)
  try {
    while (!isOver || unread) {
      if (unread) {
        const latest: { progress: PromptProgress } = unread
        unread = undefined
        yield latest
      } else {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    }
    return await working
  } finally {
    await working.catch(() => undefined)
  }
}
