import type { GenerateOptions, GenerationResult, Step } from '../../api/generation.js'
import type { Model } from '../../api/model.js'
import type { Session } from '../../api/session.js'
import type { ChatMessage, ToolCall } from '../../api/text.js'
import { commonPrefix } from '../../common-prefix.js'
import { NoRoom, UserError } from '../../errors.js'
import type { ExpertMask } from '../../model/expert-mask.js'
import { loadCache, saveCache } from '../../prompt-cache/prompt-cache.js'
import type { AnswerEnd } from '../../session/answer.js'
import { type Asking, type Prompt, type Said, writeFittingPrompt, writePrompt } from '../../session/prompt.js'
import { takeTurn } from '../../session/turn.js'
import { alreadyReported } from './already-reported.js'
import { isEmpty, locateAnswers } from './locate-answers.js'
import { openCalls } from './open-calls.js'
import { isReply, lastQuestion, latestReplies } from './questions.js'
import { readAhead } from './read-ahead.js'
import { type ReadAnswers, type ReadOptions, readAnswers } from './read-answers.js'
import {
  type AnswerWatcher,
  type CallWatcher,
  type FinishedAnswer,
  type NewestAnswer,
  RunningAnswer,
} from './running-answer.js'

/** Texts of a conversation besides its messages, and how the model is asked. */
export interface PromptParts extends Required<Omit<Said, 'messages' | 'text' | 'isRaw'>> {
  asking: Asking
}

/** The parts of a conversation that are saved. */
export interface ConversationState {
  messages: readonly ChatMessage[]
  system: string
}

/**
 * Turns of a user and a model over one session. The session's cache is kept as long as it agrees with the turns: only
 * new tokens are run.
 */
export class Conversation {
  private readonly turns: ChatMessage[] = []
  private parts: PromptParts = { system: '', prefill: '', args: {}, asking: {} }
  /** Index of the first message in the prompt. Those before it have no room in the model's context. */
  private first = 0
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

  /** Whether the form of the model's calls is known, so that it can be offered tools. */
  get callsTools(): boolean {
    return this.model.chatTemplate?.response?.fields.tool_calls !== undefined
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
    for (const message of messages) this.turns.push(message)
    this.parts = { ...this.parts, ...parts }
  }

  setSystem(system: string): void {
    this.parts = { ...this.parts, system }
  }

  /** How the model is asked. */
  get asking(): Asking {
    return this.parts.asking
  }

  setAsking(asking: Asking): void {
    this.parts = { ...this.parts, asking }
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

  /**
   * Adds a user's turn and the model's answers to it. An aborted answer is kept as far as it came. Resolves with the last
   * answer; undefined if calls have been broken off.
   */
  async ask(
    text: string,
    watcher: AnswerWatcher,
    options: GenerateOptions = {},
    calls?: CallWatcher,
  ): Promise<FinishedAnswer | undefined> {
    return this.orAsBefore(() => {
      this.turns.push({ role: 'user', content: text })
      return this.answer(watcher, options, { watcher: calls })
    })
  }

  /** Index of the user's last turn, if it is answered or the last of all; else -1. */
  get question(): number {
    return lastQuestion(this.turns)
  }

  /** The messages after the user's last turn: answers, and results of the calls in them. */
  get latest(): readonly ChatMessage[] {
    return latestReplies(this.turns)
  }

  /** The conversation up to the answer to the last question, whose index must not be -1. */
  promptAgain(watcher: AnswerWatcher, options: GenerateOptions): Promise<Prompt> {
    return this.nextPrompt(watcher, options, { end: this.question + 1 })
  }

  /** Answers the user's last turn again, whose index must not be -1. */
  async retry(
    watcher: AnswerWatcher,
    options: GenerateOptions = {},
    calls?: CallWatcher,
  ): Promise<FinishedAnswer | undefined> {
    return this.orAsBefore(() => {
      this.turns.length = this.question + 1
      return this.answer(watcher, options, { watcher: calls })
    })
  }

  /** Runs the open calls and answers their results, else continues the last answer, which must be there. */
  async resume(
    watcher: AnswerWatcher,
    options: GenerateOptions = {},
    calls?: CallWatcher,
  ): Promise<FinishedAnswer | undefined> {
    const open = calls ? this.openCalls : []
    return this.orAsBefore(() => {
      const begun = open.length > 0 ? undefined : this.turns.pop()
      return this.answer(watcher, options, { begun, watcher: calls, open })
    })
  }

  /** Calls of the last answer that have no results yet. */
  get openCalls(): readonly ToolCall[] {
    return openCalls(this.turns)
  }

  /** Adds the results of calls and, if no call lacks its own, an empty answer, which `resume` continues. */
  breakOff(results: readonly ChatMessage[]): void {
    this.turns.push(...results)
    if (this.openCalls.length === 0) this.turns.push({ role: 'assistant', content: '' })
  }

  /** An error leaves the turns as they were. */
  private async orAsBefore<T>(work: () => Promise<T>): Promise<T> {
    const before = [...this.turns]
    try {
      return await work()
    } catch (error) {
      this.turns.splice(0, Infinity, ...before)
      throw error
    }
  }

  /**
   * Takes back the user's last turn and its answer, and returns the user's text; undefined if there is none. What was read
   * of a turn without an answer stays in the cache, since the user is likely to ask it in other words.
   */
  undo(): string | undefined {
    const isAnswered = this.latest.some((message) => !isEmpty(message))
    while (isReply(this.turns.at(-1))) this.turns.pop()
    this.first = 0
    const message = this.turns.pop()
    const start = message && this.starts.get(message)
    this.reported = this.reported.slice(0, start ?? 0)
    this.unread = Math.min(this.unread, start ?? 0)
    // The session never keeps the last id of a prompt, so this keeps the first `start`.
    if (isAnswered && start !== undefined && start < this.session.length) {
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

  /** Saves the session's cache in a file of at most `most` bytes. Resolves with the number of tokens; 0 if there is none. */
  saveCache(path: string, most: number): Promise<number> {
    return saveCache(path, this.session, this.model, { mask: this.mask, most })
  }

  /** Loads the cache of such a file. Resolves with the number of tokens; 0 if it cannot be used. */
  loadCache(path: string): Promise<number> {
    return loadCache(path, this.session, this.model, { mask: this.mask })
  }

  /** Continues a saved conversation. */
  restore({ messages, system }: ConversationState): void {
    this.reset()
    this.begin({ messages, system })
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

  /** Adds answers and results of their calls. The first answer continues `begun`, or follows the results of `open` calls. */
  private async answer(
    watcher: AnswerWatcher,
    options: GenerateOptions,
    { begun, watcher: calls, open = [] }: { begun?: ChatMessage; watcher?: CallWatcher; open?: readonly ToolCall[] },
  ): Promise<FinishedAnswer | undefined> {
    const { session, model } = this
    const { signal } = options
    let running: RunningAnswer | undefined
    let isCalling = false
    let hasResults = false
    const turn = takeTurn({
      asking: this.asking,
      tools: () => calls?.tools ?? this.asking.tools ?? [],
      allow: calls && ((call, tool) => calls.allow(call, tool)),
      calls: open,
      write: (added, asking) => {
        if (hasResults) calls?.asksAgain()
        return this.nextPrompt(watcher, options, { asking, begun: added.length === 0 ? begun : undefined })
      },
      generate: ({ ids }, generation) => {
        const cachedTokens = session.truncateToCommon(ids)
        this.unread = 0
        const asked = this.turns.at(-1)
        if (asked && !this.starts.has(asked)) this.starts.set(asked, session.length)
        const unreported = ids.length - Math.max(cachedTokens, alreadyReported(this.reported, ids))
        const reports = { ...generation, routes: true, probabilities: true }
        const steps = readAndGenerate(session, ids.slice(cachedTokens), { unreported, watcher }, reports)
        return { cachedTokens, steps }
      },
      generation: { ...options, onPromptProgress: (progress) => watcher.progress(progress) },
    })
    const conclude = (end?: AnswerEnd): FinishedAnswer => {
      const finished = this.conclude(running?.end(end, model.tokenizer), begun)
      return { ...finished, continues: finished.continues || hasResults }
    }
    try {
      for await (const event of turn) {
        switch (event.kind) {
          case 'prompt': {
            const { prompt, answer } = event
            running = new RunningAnswer(watcher, answer, prompt.ids, hasResults ? undefined : begun)
            if (prompt.dropsSystem) watcher.systemDropped?.()
            watcher.notes?.(prompt.notes)
            watcher.prompt(prompt.ids.length)
            break
          }
          case 'token':
            running?.add(event)
            break
          case 'answer': {
            const finished = conclude(event)
            running = undefined
            if (!finished.calls || !calls || calls.tools.length === 0) return finished
            calls.answered(finished)
            break
          }
          case 'call':
            isCalling = true
            calls?.called(event.call)
            break
          case 'result':
            isCalling = false
            hasResults = true
            this.turns.push(event.message)
            calls?.result(event.message)
        }
      }
    } catch (error) {
      if (!signal?.aborted) {
        // A refused question leaves the cache whole. After other failures its state is unknown, or it must make room.
        if (!(error instanceof UserError) || error instanceof NoRoom) this.forget()
        if (!hasResults) throw error
        calls?.failed(error)
      } else if (!isCalling) {
        // The part that was read stays for the next prompt, and for the cache in a file.
        if (running && session.length < running.prompt.length) session.truncateToCommon(running.prompt)
        return conclude()
      }
    }
    this.breakOff(calls?.stopped() ?? [])
    calls?.brokeOff(this.openCalls.length > 0, signal?.aborted)
    return undefined
  }

  /** Adds an answer. Without one, it was interrupted before it was asked for. */
  private conclude(ended: ReturnType<RunningAnswer['end']> | undefined, begun?: ChatMessage): FinishedAnswer {
    const nothing = begun ?? { role: 'assistant', content: this.prefill }
    this.turns.push(ended?.newest.message ?? nothing)
    if (!ended) {
      const { content: text, thinking } = nothing
      return { text, thinking, continues: begun !== undefined, finishReason: 'interrupted' }
    }
    this.session.truncate(ended.newest.ids.length)
    this.newest = ended.newest
    this.reported = ended.newest.ids
    return ended.finished
  }

  /**
   * Writes the conversation up to a new answer, or to the end of one that has begun. For a new one, old turns that have
   * no room are left out from now on.
   */
  private async nextPrompt(
    watcher: AnswerWatcher,
    options: GenerateOptions,
    { asking = this.asking, end = Infinity, begun }: { asking?: Asking; end?: number; begun?: ChatMessage } = {},
  ): Promise<Prompt> {
    const { first, model, turns } = this
    const { asking: _, ...texts } = this.parts
    if (begun) {
      const messages = [...turns.slice(first), ...(isEmpty(begun) ? [] : [begun])]
      const prompt = await writePrompt(model, { ...texts, messages, prefill: '' }, asking, options)
      if (begun !== this.newest?.message) return prompt
      // The ids of a text that the model wrote stay: encoded again, they might be others.
      const { ids, reading, raw } = this.newest
      return { ...prompt, ids, reading, written: raw }
    }
    const said = { ...texts, messages: turns.slice(0, end), first }
    const prompt = await writeFittingPrompt(model, said, asking, options)
    this.first = prompt.first
    if (this.first > first) watcher.leftOut(this.first)
    return prompt
  }

  private forget(): void {
    this.session.reset()
    this.newest = undefined
    this.reported = []
    this.unread = 0
  }
}

/** Reads new tokens, reports their experts, and generates. */
async function* readAndGenerate(
  session: Session,
  fresh: readonly number[],
  read: { unreported: number; watcher: AnswerWatcher },
  options: GenerateOptions,
): AsyncGenerator<Step, GenerationResult> {
  const { signal, context } = options
  const rest = await readAhead(session, fresh, { ...read, signal, context })
  return yield* session.generate(rest, options)
}
