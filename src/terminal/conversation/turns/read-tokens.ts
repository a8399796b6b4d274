import type { GenerateOptions, PromptProgress } from '../../../api/generation.js'
import type { Model } from '../../../api/model.js'
import type { LayerRoutes } from '../../../api/routes.js'
import type { Session } from '../../../api/session.js'
import type { ChatMessage } from '../../../api/text.js'
import { loadCache, saveCache } from '../../../chat/prompt-cache/prompt-cache.js'
import type { Generation } from '../../../engine/session/shared/shared-generation.js'
import { commonPrefix } from '../../../ground/common-prefix.js'
import { routesOfToken } from '../../../insight/usage/token-routes.js'
import type { ExpertMask } from '../../../model/config/expert-mask.js'
import type { LocatedAnswers } from './locate-answers.js'
import type { NewestAnswer } from './running-answer.js'

/** Tokens of a conversation that its session has read. They stay as long as they agree with the turns. */
export class ReadTokens {
  private session: Session
  /** Length of the cache before each message of the user. */
  private readonly starts = new WeakMap<ChatMessage, number>()
  private newest?: NewestAnswer
  /** The ids up to here whose experts have been reported, or were too many to report. */
  private reported: readonly number[] = []
  /** Tokens to read again after a change of the mask. */
  private unread = 0

  /** Throws a UserError if the mask does not fit the model. */
  constructor(
    private readonly model: Model,
    public mask?: ExpertMask,
  ) {
    this.session = model.createSession({ mask })
  }

  /** The next answer reads all turns again. Throws a UserError if the mask does not fit, and then changes nothing. */
  setMask(mask: ExpertMask | undefined): void {
    const session = this.model.createSession({ mask })
    this.unread = this.length
    this.session.dispose()
    this.session = session
    this.mask = mask
  }

  /** Number of tokens in the cache, or to be read again into it. */
  get length(): number {
    return this.session.length || this.unread
  }

  newestIs(message: ChatMessage | undefined): NewestAnswer | undefined {
    return this.newest?.message === message ? this.newest : undefined
  }

  /** Ids up to the end of an answer, as far as they are known. */
  idsTo(answer: ChatMessage | undefined): readonly number[] {
    return this.newestIs(answer)?.ids ?? this.session.tokens
  }

  /** Reads the new tokens of a prompt, whose last message is `question`, as far as that shows their experts. */
  async ahead(ids: readonly number[], question: ChatMessage | undefined, options: GenerateOptions): Promise<ReadAhead> {
    const { session } = this
    const cachedTokens = session.truncateToCommon(ids)
    this.unread = 0
    if (question && !this.starts.has(question)) this.starts.set(question, session.length)
    const unreported = ids.length - Math.max(cachedTokens, alreadyReported(this.reported, ids))
    return readAhead(session, ids.slice(cachedTokens), unreported, options)
  }

  /** Generates after a prompt whose last tokens are `rest`; those before it have been read. */
  generate(rest: readonly number[], options: GenerateOptions): Generation {
    const cachedTokens = this.session.length
    return { cachedTokens, steps: this.session.generate(rest, { ...options, routes: true, probabilities: true }) }
  }

  /** Keeps the part of a prompt that was read before an abort. */
  keepRead(prompt: readonly number[]): void {
    if (this.session.length < prompt.length) this.session.truncateToCommon(prompt)
  }

  wrote(answer: NewestAnswer): void {
    this.session.truncate(answer.ids.length)
    this.newest = answer
    this.reported = answer.ids
  }

  /** Takes a message back. What was read of one without an answer stays: the user may ask it in other words. */
  undo(message: ChatMessage | undefined, isAnswered: boolean): void {
    const start = message && this.starts.get(message)
    this.reported = this.reported.slice(0, start ?? 0)
    this.unread = Math.min(this.unread, start ?? 0)
    // The session never keeps the last id of a prompt, so this keeps the first `start`.
    if (isAnswered && start !== undefined && start < this.session.length) {
      this.session.truncateToCommon(this.session.tokens.slice(0, start + 1))
    }
  }

  forget(): void {
    this.session.reset()
    this.newest = undefined
    this.reported = []
    this.unread = 0
  }

  /** Reads answers again. Resolves with undefined if these are more than `most` tokens. */
  async again(located: LocatedAnswers, most: number, options: ReadOptions): Promise<ReadAnswers | undefined> {
    const { ids, from } = located
    if (ids.length - Math.min(from, commonPrefix(this.session.tokens, ids)) > most) return undefined
    this.unread = 0
    const read = await readAnswers(this.session, located, options)
    this.reported = ids
    return read
  }

  /** Saves the cache in a file of at most `most` bytes. Resolves with the number of tokens; 0 if there is none. */
  save(path: string, most: number): Promise<number> {
    return saveCache(path, this.session, this.model, { mask: this.mask, most })
  }

  /** Loads the cache of such a file. Resolves with the number of tokens; 0 if it cannot be used. */
  load(path: string): Promise<number> {
    return loadCache(path, this.session, this.model, { mask: this.mask })
  }
}

/** Number of equal tokens in a row after which two texts are taken to agree again. */
const SURE = 4

/** Number of tokens that begin a prompt and that `reported` has, too. A template may leave out old thoughts of them. */
function alreadyReported(reported: readonly number[], prompt: readonly number[]): number {
  let from = commonPrefix(reported, prompt)
  let at = from
  while (from < reported.length && at < prompt.length) {
    const next = reported.findIndex((_, i) => i > from && agrees(reported, i, prompt, at))
    if (next < 0) break
    from = next
    while (from < reported.length && reported[from] === prompt[at]) {
      from++
      at++
    }
  }
  return at
}

/** Whether both texts have the same tokens from these places on, as far as it matters. */
function agrees(one: readonly number[], i: number, other: readonly number[], j: number): boolean {
  const length = Math.min(SURE, one.length - i)
  for (let k = 0; k < length; k++) if (one[i + k] !== other[j + k]) return false
  return true
}

/** Maximum tokens at the end of a question whose experts are reported. */
const LOOKED_AT = 256

interface ReadAhead {
  /** Tokens that are left to read. */
  rest: readonly number[]
  /** The last tokens that were read, if any, with the routes of all of them. */
  seen?: { tokens: readonly number[]; routes: readonly LayerRoutes[] }
}

/** Reads new tokens, and looks at the experts of the last `unreported` ones. */
async function readAhead(
  session: Session,
  fresh: readonly number[],
  unreported: number,
  { signal, context, onPromptProgress }: GenerateOptions,
): Promise<ReadAhead> {
  // Only a generation can limit the context.
  if (context !== undefined) return { rest: fresh }
  const tokens = fresh.slice(fresh.length - Math.min(LOOKED_AT, unreported))
  const unseen = fresh.slice(0, fresh.length - tokens.length)
  const options = { logits: 'none', signal } as const
  if (unseen.length > 0) await session.forward(unseen, { ...options, onPromptProgress })
  if (tokens.length === 0) return { rest: [] }
  const { routes } = await session.forward(tokens, { ...options, routes: true, probabilities: true })
  return { rest: [], seen: { tokens, routes } }
}

/** Aborting the signal leaves fewer tokens in the cache. */
export type ReadOptions = Pick<GenerateOptions, 'onPromptProgress' | 'signal'>

/** Answers whose tokens were read again. The functions take the index of a token from `from` on. */
export interface ReadAnswers extends LocatedAnswers {
  routesOf(token: number): LayerRoutes[]
  /** Natural logarithm of the token's probability; 0 for the first. */
  logprobOf(token: number): number
}

/** Reads the tokens from `from` on again, with their experts, and those before them that the cache lacks. */
export async function readAnswers(
  session: Session,
  located: LocatedAnswers,
  { onPromptProgress: onProgress, signal }: ReadOptions,
): Promise<ReadAnswers> {
  const { ids, from } = located
  const kept = session.truncateToCommon(ids.slice(0, from + 1))
  const before = ids.slice(kept, from)
  const progressAfter =
    (done: number) =>
    ({ processed, timeMs }: PromptProgress) => {
      onProgress?.({ processed: done + processed, total: ids.length - kept, timeMs })
    }
  const options = { logits: 'none', signal } as const
  if (before.length > 0) await session.forward(before, { ...options, onPromptProgress: progressAfter(0) })
  const reports = { ...options, routes: true, probabilities: true } as const
  // No id follows the last token: it runs alone.
  const seen = ids.slice(from, -1)
  const onPromptProgress = progressAfter(before.length)
  const read = await session.forward(seen, { ...reports, targets: ids.slice(from + 1), onPromptProgress })
  const { routes: last } = await session.forward(ids.slice(-1), reports)
  const isLast = (token: number) => token === ids.length - 1
  return {
    ...located,
    routesOf: (token) =>
      isLast(token) ? last : read.routes.map((layer) => routesOfToken(layer, token - from, seen.length)),
    logprobOf: (token) => read.logprobs?.[token - from - 1] ?? 0,
  }
}
