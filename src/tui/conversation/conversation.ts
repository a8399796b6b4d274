import type { GenerateOptions, GenerationResult, PromptProgress } from '../../api/generation.js'
import { eventsOf } from '../../api/generation-events.js'
import type { Model } from '../../api/model.js'
import type { SavedSequence, Session } from '../../api/session.js'
import type { ChatMessage } from '../../api/text.js'
import { commonPrefix } from '../../common-prefix.js'
import type { ExpertMask } from '../../model/expert-mask.js'
import { locateAnswers } from './locate-answers.js'
import { maskKey } from './masks.js'
import { type Prompt, type PromptParts, writeFittingPrompt, writePrompt } from './prompt.js'
import { readAhead } from './read-ahead.js'
import { type ReadAnswers, type ReadOptions, readAnswers } from './read-answers.js'
import { type Answer, type AnswerWatcher, RunningAnswer, speedOf, tokensOf } from './running-answer.js'

/** The parts of a conversation that are saved. */
export interface ConversationState {
  messages: ChatMessage[]
  system: string
  /** Absent if another model has to read the turns again. */
  saved?: SavedSequence
  /** Experts that were switched off when the cache was filled, as `maskKey` writes them. */
  masked?: string
}

/** An answer that was run, and what it was run after. */
interface RunAnswer {
  prompt: readonly number[]
  answer: RunningAnswer
  /** Absent if the answer was interrupted. */
  result?: GenerationResult
  /** The message that it continues. */
  begun?: ChatMessage
  /** Text of the answer that was there before. */
  before: string
}

/**
 * Turns of a user and a model over one session. The session's cache is kept as long as it agrees with the turns: only
 * new tokens are run.
 */
export class Conversation {
  private readonly turns: ChatMessage[] = []
  private parts: PromptParts = { system: '', prefill: '', templateArgs: {} }
  /** Index of the first message in the prompt. Those before it have no room in the model's context. */
  private first = 0
  private session: Session
  /** Length of the cache before each message of the user. */
  private readonly starts = new WeakMap<ChatMessage, number>()
  /** The newest answer, and all ids up to its end: the cache may lack the last. */
  private newest?: { message: ChatMessage; ids: number[] }
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

  /** Experts that the next answer must not use. */
  get mask(): ExpertMask | undefined {
    return this.currentMask
  }

  /**
   * Changes the mask. The next answer reads all turns again. Throws a UserError if the mask does not fit the model, and
   * then changes nothing.
   */
  setMask(mask?: ExpertMask): void {
    const session = this.model.createSession({ mask })
    this.unread = this.length
    this.session.dispose()
    this.session = session
    this.currentMask = mask
  }

  get messages(): readonly ChatMessage[] {
    return this.turns
  }

  get system(): string {
    return this.parts.system
  }

  /** The text that every answer begins with. */
  get prefill(): string {
    return this.parts.prefill
  }

  /** Adds messages, and sets the texts around them; default: as they are. */
  begin({ messages = [], ...parts }: Partial<PromptParts> & { messages?: readonly ChatMessage[] }): void {
    this.turns.push(...messages.map(({ role, content }) => ({ role, content })))
    this.parts = { ...this.parts, ...parts }
  }

  setSystem(system: string): void {
    this.parts = { ...this.parts, system }
  }

  /** The same conversation with another model, which has read nothing of it. */
  forModel(model: Model, mask?: ExpertMask): Conversation {
    const conversation = new Conversation(model, mask)
    conversation.begin({ ...this.parts, messages: this.turns })
    return conversation
  }

  /** Number of tokens in the cache, or to be read again into it. */
  get length(): number {
    return this.session.length || this.unread
  }

  /** Adds a user's turn and the model's answer to it. An aborted answer is kept as far as it came. */
  async ask(text: string, watcher: AnswerWatcher, options: GenerateOptions = {}): Promise<Answer> {
    return this.orAsBefore(() => {
      this.turns.push({ role: 'user', content: text })
      return this.answer(watcher, options)
    })
  }

  /** Index of the user's last turn, if it is answered or the last of all; else -1. */
  get question(): number {
    const last = this.turns.findLastIndex(({ role }) => role !== 'assistant')
    return last >= this.turns.length - 2 && this.turns[last]?.role === 'user' ? last : -1
  }

  /** The conversation up to the answer to the last question, whose index must not be -1. */
  promptAgain(watcher: AnswerWatcher, options: GenerateOptions): Promise<Prompt> {
    return this.nextPrompt(watcher, options, this.question + 1)
  }

  /** Answers the user's last turn again; undefined if there is none. */
  async retry(watcher: AnswerWatcher, options: GenerateOptions = {}): Promise<Answer | undefined> {
    const last = this.question
    if (last < 0) return undefined
    return this.orAsBefore(() => {
      this.turns.length = last + 1
      return this.answer(watcher, options)
    })
  }

  /** Continues the last answer; undefined if there is none. */
  async resume(watcher: AnswerWatcher, options: GenerateOptions = {}): Promise<Answer | undefined> {
    const last = this.turns.at(-1)
    if (last?.role !== 'assistant') return undefined
    return this.orAsBefore(() => {
      this.turns.pop()
      return this.answer(watcher, options, last)
    })
  }

  /** An error leaves the turns as they were. */
  private async orAsBefore(work: () => Promise<Answer>): Promise<Answer> {
    const before = [...this.turns]
    try {
      return await work()
    } catch (error) {
      this.turns.splice(0, Infinity, ...before)
      throw error
    }
  }

  /** Takes back the user's last turn and its answer, and returns the user's text; undefined if there is none. */
  undo(): string | undefined {
    if (this.turns.at(-1)?.role === 'assistant') this.turns.pop()
    this.first = 0
    const message = this.turns.pop()
    const start = message && this.starts.get(message)
    this.reported = this.reported.slice(0, start ?? 0)
    this.unread = Math.min(this.unread, start ?? 0)
    // The session never keeps the last id of a prompt, so this keeps the first `start`.
    if (start !== undefined && start < this.session.length) {
      this.session.truncateToCommon(this.session.tokens.slice(0, start + 1))
    }
    return message?.content
  }

  /** Forgets all turns. */
  reset(): void {
    this.turns.length = 0
    this.first = 0
    this.forget()
  }

  /** The state to save, with the session's cache. */
  async save(): Promise<ConversationState & { saved: SavedSequence }> {
    const masked = maskKey(this.mask)
    return { messages: [...this.turns], system: this.system, masked, saved: await this.session.save() }
  }

  /**
   * Continues a saved conversation. A cache in it must come from the same model; it is not used if other experts were
   * switched off then.
   */
  async restore({ messages, system, saved, masked }: ConversationState): Promise<void> {
    if (saved && masked === maskKey(this.mask)) await this.session.restore(saved)
    else this.forget()
    this.turns.splice(0, Infinity, ...messages)
    this.setSystem(system)
    this.first = 0
    this.newest = undefined
    this.reported = []
    this.unread = 0
  }

  /**
   * Reads the last answers again, to report their experts: the tokens at their end, and the tokens before them that the
   * cache lacks. Undefined if there are no answers, or more than `most` tokens to read. An abort leaves less in the
   * cache.
   */
  async readAgain({ most = Infinity, ...options }: ReadOptions & { most?: number }): Promise<ReadAnswers | undefined> {
    const { session, model, turns, first, parts } = this
    const cached = this.newest?.message === turns.at(-1) ? (this.newest?.ids ?? []) : session.tokens
    const { signal } = options
    const located = await locateAnswers(model, { messages: turns, first, parts, cached, signal })
    if (!located) return undefined
    const { ids, from } = located
    if (ids.length - Math.min(from, commonPrefix(session.tokens, ids)) > most) return undefined
    this.unread = 0
    const read = await readAnswers(session, located, options)
    this.reported = ids
    return read
  }

  dispose(): void {
    this.session.dispose()
  }

  /** Adds an answer, or continues `begun`. */
  private async answer(watcher: AnswerWatcher, options: GenerateOptions, begun?: ChatMessage): Promise<Answer> {
    const { session } = this
    const { signal } = options
    let answer = new RunningAnswer(watcher)
    let prompt: number[] = []
    let result: GenerationResult | undefined
    const before = begun?.content ?? this.prefill
    try {
      const next = begun ? await this.promptAfter(before, signal) : await this.nextPrompt(watcher, options)
      // The ids of a text that the model wrote stay: encoded again, they might be others.
      prompt = begun && begun === this.newest?.message ? this.newest.ids : next.ids
      answer = new RunningAnswer(watcher, begun ? false : next.isAnswer)
      const stop = [...next.stop, ...(options.stop ?? [])]
      if (next.dropsSystem) watcher.systemDropped?.()
      watcher.prompt(prompt.length)
      const kept = session.truncateToCommon(prompt)
      this.unread = 0
      const unreported = prompt.length - Math.max(kept, commonPrefix(this.reported, prompt))
      const asked = this.turns.at(-1)
      if (asked && !this.starts.has(asked)) this.starts.set(asked, session.length)
      const fresh = await readAhead(session, prompt.slice(kept), { unreported, watcher, ...options })
      const onPromptProgress = (progress: PromptProgress) => watcher.progress(progress)
      const reports = { routes: true, probabilities: true, onPromptProgress }
      for await (const event of eventsOf(session.generate(fresh, { ...options, ...reports, stop }))) {
        if (event.step) {
          answer.add(event.step)
          await watcher.pause?.()
        } else result = event.result
      }
    } catch (error) {
      if (!signal?.aborted) {
        this.forget()
        throw error
      }
    }
    return this.conclude({ prompt, answer, result, begun, before })
  }

  /** Adds a finished or interrupted answer to the turns. */
  private conclude({ prompt, answer, result, begun, before }: RunAnswer): Answer {
    if (result) answer.end()
    if (result?.finishReason === 'stop') answer.keep(tokensOf(result, this.model.tokenizer))
    const ended = result?.finishReason === 'stop' || result?.finishReason === 'eos'
    const hadEnded = begun !== undefined && ended && answer.text.trim() === ''
    if (hadEnded) answer.keep(0)
    this.session.truncate(prompt.length + answer.tokens.length)
    const message = hadEnded ? begun : { role: 'assistant', content: before + answer.text }
    this.newest = { message, ids: [...prompt, ...answer.tokens] }
    this.reported = this.newest.ids
    this.turns.push(message)
    const tokensPerSecond = result ? speedOf(result) : answer.speed
    const { finishReason = 'interrupted', contextFull } = result ?? {}
    const continues = begun !== undefined
    return {
      text: message.content,
      continues,
      finishReason,
      contextFull,
      tokensPerSecond,
      ...(hadEnded && { hadEnded }),
    }
  }

  /** Writes the conversation up to a new answer; old turns that have no room are left out from now on. */
  private async nextPrompt(watcher: AnswerWatcher, options: GenerateOptions, end = Infinity): Promise<Prompt> {
    const { first } = this
    const messages = this.turns.slice(0, end)
    const prompt = await writeFittingPrompt(this.model, { ...this.parts, messages, first }, options)
    this.first = prompt.first
    if (this.first > first) watcher.leftOut(this.first)
    return prompt
  }

  /** Writes the conversation up to the end of an answer that has begun as `prefill`. */
  private promptAfter(prefill: string, signal?: AbortSignal): Promise<Prompt> {
    return writePrompt(this.model, this.turns.slice(this.first), { ...this.parts, prefill }, signal)
  }

  private forget(): void {
    this.session.reset()
    this.newest = undefined
    this.reported = []
    this.unread = 0
  }
}
