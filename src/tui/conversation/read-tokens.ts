import type { GenerateOptions, GenerationResult, Step } from '../../api/generation.js'
import type { Model } from '../../api/model.js'
import type { Session } from '../../api/session.js'
import type { ChatMessage } from '../../api/text.js'
import { commonPrefix } from '../../common-prefix.js'
import type { ExpertMask } from '../../model/expert-mask.js'
import { loadCache, saveCache } from '../../prompt-cache/prompt-cache.js'
import type { Generation } from '../../session/shared/shared-generation.js'
import { alreadyReported } from './already-reported.js'
import type { LocatedAnswers } from './locate-answers.js'
import { readAhead } from './read-ahead.js'
import { type ReadAnswers, type ReadOptions, readAnswers } from './read-answers.js'
import type { AnswerWatcher, NewestAnswer } from './running-answer.js'

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
    private currentMask?: ExpertMask,
  ) {
    this.session = model.createSession({ mask: currentMask })
  }

  get mask(): ExpertMask | undefined {
    return this.currentMask
  }

  set mask(mask: ExpertMask | undefined) {
    const session = this.model.createSession({ mask })
    this.unread = this.length
    this.session.dispose()
    this.session = session
    this.currentMask = mask
  }

  /** Number of tokens in the cache, or to be read again into it. */
  get length(): number {
    return this.session.length || this.unread
  }

  /** The newest answer, if it is this message. */
  newestIs(message: ChatMessage | undefined): NewestAnswer | undefined {
    return this.newest?.message === message ? this.newest : undefined
  }

  /** Ids up to the end of an answer, as far as they are known. */
  idsTo(answer: ChatMessage | undefined): readonly number[] {
    return this.newest?.message === answer ? (this.newest?.ids ?? []) : this.session.tokens
  }

  /** Generates after a prompt, whose last message is `asked`, and reports the experts of its new tokens. */
  generate(
    ids: readonly number[],
    asked: ChatMessage | undefined,
    watcher: AnswerWatcher,
    options: GenerateOptions,
  ): Generation {
    const { session } = this
    const cachedTokens = session.truncateToCommon(ids)
    this.unread = 0
    if (asked && !this.starts.has(asked)) this.starts.set(asked, session.length)
    const unreported = ids.length - Math.max(cachedTokens, alreadyReported(this.reported, ids))
    async function* steps(): AsyncGenerator<Step, GenerationResult> {
      const { signal, context } = options
      const rest = await readAhead(session, ids.slice(cachedTokens), { unreported, watcher, signal, context })
      return yield* session.generate(rest, { ...options, routes: true, probabilities: true })
    }
    return { cachedTokens, steps: steps() }
  }

  /** Keeps the part of a prompt that was read before an abort. */
  keepRead(prompt: readonly number[]): void {
    if (this.session.length < prompt.length) this.session.truncateToCommon(prompt)
  }

  /** An answer has been written. */
  wrote(answer: NewestAnswer): void {
    this.session.truncate(answer.ids.length)
    this.newest = answer
    this.reported = answer.ids
  }

  /**
   * The user's message is taken back. What was read of one without an answer stays in the cache, since the user is likely
   * to ask it in other words.
   */
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

  dispose(): void {
    this.session.dispose()
  }
}
