import type { GenerateOptions, GenerationResult } from '../../api/generation.js'
import type { Model } from '../../api/model.js'
import type { SavedSequence, Session } from '../../api/session.js'
import type { ChatMessage } from '../../api/text.js'
import { writeChat } from '../../text/chat-frame.js'
import { type Answer, type AnswerWatcher, RunningAnswer, speedOf, tokensOf } from './running-answer.js'

/** The last tokens of a question whose experts are told. */
const LOOKED_AT = 256

/** Tokens that an answer has room for where nobody says how long it may be. */
const ROOM = 256

/** A conversation as ids, what ends the answer, and whether it begins anew. */
interface Frame {
  prompt: number[]
  stop: string[]
  isAnswer: boolean
  dropsSystem: boolean
}

/** What is kept of a conversation. */
export interface ConversationState {
  messages: ChatMessage[]
  system: string
  /** Absent where another model has to read the turns again. */
  saved?: SavedSequence
}

/**
 * Turns of a user and a model over one session. The session's cache is kept as long as it agrees with the turns: only
 * what is new is run.
 */
export class Conversation {
  readonly messages: ChatMessage[] = []
  system = ''
  /** What every answer begins with. */
  prefill = ''
  /** Values for the chat template. */
  templateArgs: Readonly<Record<string, unknown>> = {}
  /** Messages before it are left out: the model's context has no room for them. */
  private first = 0
  private readonly session: Session
  /** Ids in the session's cache. */
  private cached: number[] = []
  /** Tokens in the cache before each message of the user. */
  private readonly starts = new WeakMap<ChatMessage, number>()
  /** Positions below it have been forgotten by a limited context. */
  private forgotten = 0
  /** The newest answer, and all ids up to its end: the cache may lack the last of them. */
  private newest?: { message: ChatMessage; ids: number[] }

  constructor(private readonly model: Model) {
    this.session = model.createSession()
  }

  /** Tokens in the cache. */
  get length(): number {
    return this.session.length
  }

  /** Adds a user's turn and the model's answer to it. When aborted, what has come of the answer is kept. */
  async ask(text: string, watcher: AnswerWatcher, options: GenerateOptions = {}): Promise<Answer> {
    return this.orAsBefore(() => {
      this.messages.push({ role: 'user', content: text })
      return this.answer(watcher, options)
    })
  }

  /** Answers the last turn of the user once more. Undefined where there is none. */
  async retry(watcher: AnswerWatcher, options: GenerateOptions = {}): Promise<Answer | undefined> {
    const last = this.messages.findLastIndex(({ role }) => role !== 'assistant')
    if (last < this.messages.length - 2 || this.messages[last]?.role !== 'user') return undefined
    return this.orAsBefore(() => {
      this.messages.length = last + 1
      return this.answer(watcher, options)
    })
  }

  /** Goes on with the last answer, which ended too early. Undefined where there is none. */
  async goOn(watcher: AnswerWatcher, options: GenerateOptions = {}): Promise<Answer | undefined> {
    const last = this.messages.at(-1)
    if (last?.role !== 'assistant') return undefined
    return this.orAsBefore(() => {
      this.messages.pop()
      return this.answer(watcher, options, last)
    })
  }

  /** An error leaves the turns as they were. */
  private async orAsBefore(work: () => Promise<Answer>): Promise<Answer> {
    const before = [...this.messages]
    try {
      return await work()
    } catch (error) {
      this.messages.splice(0, Infinity, ...before)
      throw error
    }
  }

  /** Takes back the last turn of the user and its answer; returns the user's text. */
  undo(): string | undefined {
    if (this.messages.at(-1)?.role === 'assistant') this.messages.pop()
    this.first = 0
    const message = this.messages.pop()
    const start = message && this.starts.get(message)
    if (start !== undefined && start >= this.forgotten && start < this.session.length) {
      this.session.truncate(start)
      this.cached.length = start
    }
    return message?.content
  }

  /** Forgets all turns. */
  reset(): void {
    this.messages.length = 0
    this.first = 0
    this.forget()
  }

  /** All that it takes to go on later. */
  async save(): Promise<ConversationState & { saved: SavedSequence }> {
    return { messages: [...this.messages], system: this.system, saved: await this.session.save() }
  }

  /** Goes on with a saved conversation of the same model. */
  async restore({ messages, system, saved }: ConversationState): Promise<void> {
    if (saved) await this.session.restore(saved)
    else this.forget()
    this.messages.splice(0, Infinity, ...messages)
    this.system = system
    this.first = 0
    this.newest = undefined
    this.cached = [...(saved?.tokens ?? [])]
    this.forgotten = saved?.oldest ?? 0
  }

  dispose(): void {
    this.session.dispose()
  }

  /** Adds an answer, or the rest of one that has been begun. */
  private async answer(watcher: AnswerWatcher, options: GenerateOptions, begun?: ChatMessage): Promise<Answer> {
    const { session } = this
    const { tokenizer } = this.model
    const { signal } = options
    let answer = new RunningAnswer(watcher)
    let prompt: number[] = []
    let result: GenerationResult | undefined
    const before = begun?.content ?? this.prefill
    try {
      const frame = begun ? await this.frame(signal, before) : await this.fittingFrame(watcher, options)
      // The ids of what was written go on as they are; encoded once more, they might be others.
      prompt = begun && begun === this.newest?.message ? this.newest.ids : frame.prompt
      answer = new RunningAnswer(watcher, begun ? false : frame.isAnswer)
      const stop = [...frame.stop, ...(options.stop ?? [])]
      if (frame.dropsSystem) watcher.systemDropped?.()
      watcher.prompt(prompt.length)
      const left = this.keepCommon(prompt, options.context)
      const asked = this.messages.at(-1)
      if (asked && !this.starts.has(asked)) this.starts.set(asked, session.length)
      const fresh = await this.readAhead(left, watcher, options)
      const reports = { routes: true, probabilities: true, onPromptProgress: watcher.progress }
      const steps = session.generate(fresh, { ...options, ...reports, stop })
      for (let next = await steps.next(); ; next = await steps.next()) {
        if (next.done) {
          result = next.value
          break
        }
        answer.add(next.value)
        await watcher.pause?.()
      }
    } catch (error) {
      if (!signal?.aborted) {
        this.forget()
        throw error
      }
    }
    if (result) answer.end(result.text)
    if (result?.finishReason === 'stop') answer.keep(tokensOf(result, tokenizer))
    const ended = result?.finishReason === 'stop' || result?.finishReason === 'eos'
    const hadEnded = begun !== undefined && ended && answer.text.trim() === ''
    if (hadEnded) answer.keep(0)
    this.cached = [...prompt, ...answer.tokens].slice(0, session.length)
    session.truncate(this.cached.length)
    const message = hadEnded ? begun : { role: 'assistant', content: before + answer.text }
    this.newest = { message, ids: [...prompt, ...answer.tokens] }
    this.messages.push(message)
    const tokensPerSecond = result ? speedOf(result) : answer.speed
    const { finishReason = 'interrupted', contextFull } = result ?? {}
    return { text: message.content, finishReason, contextFull, tokensPerSecond, ...(hadEnded && { hadEnded }) }
  }

  /** Runs what is new, and tells the experts of the latest tokens of it; returns what is left to run. */
  private async readAhead(
    fresh: readonly number[],
    watcher: AnswerWatcher,
    { signal, context }: GenerateOptions,
  ): Promise<number[]> {
    // A limit of what counts holds for a generation only.
    if (context !== undefined) return [...fresh]
    const seen = fresh.slice(-LOOKED_AT)
    const unseen = fresh.slice(0, fresh.length - seen.length)
    const options = { logits: 'none', signal } as const
    if (unseen.length > 0) {
      await this.session.forward(unseen, { ...options, onPromptProgress: watcher.progress })
    }
    const { routes } = await this.session.forward(seen, { ...options, routes: true, probabilities: true })
    watcher.read(seen, routes)
    return []
  }

  /**
   * The conversation up to the beginning of the next answer. Where the model's context ends, the oldest turns are left
   * out, whole ones, until there is room for an answer; the system text stays.
   */
  private async fittingFrame(watcher: AnswerWatcher, options: GenerateOptions): Promise<Frame> {
    const { config, generationDefaults } = this.model
    const { maxPositions = Infinity } = config
    const limit = Math.min(maxPositions, options.context ?? Infinity)
    const { maxTokens = generationDefaults.maxTokens ?? ROOM } = options
    const before = this.first
    let frame = await this.frame(options.signal)
    // A model without positions forgets by itself what lies too far back.
    while (maxPositions < Infinity && frame.prompt.length + Math.min(maxTokens, limit / 4) > limit) {
      const next = this.messages.findIndex(({ role }, i) => i > this.first && role === 'user')
      if (next < 0) break
      this.first = next
      frame = await this.frame(options.signal)
    }
    if (this.first > before) watcher.leftOut(this.first)
    return frame
  }

  private async frame(signal?: AbortSignal, prefill = this.prefill): Promise<Frame> {
    const { chatTemplate, generationDefaults, tokenizer } = this.model
    const { system, templateArgs } = this
    const options = { template: chatTemplate, args: templateArgs, system, prefill, signal }
    const { text, hasSpecialTokens, ...frame } = await writeChat(this.messages.slice(this.first), options)
    const prompt = await tokenizer.encodeAsync(text, { addSpecialTokens: !hasSpecialTokens, signal })
    return { ...frame, prompt, stop: generationDefaults.stop ?? frame.stop }
  }

  /** Cuts the cache back to what it has in common with the prompt; returns the ids that are still to be run. */
  private keepCommon(prompt: readonly number[], context = Infinity): number[] {
    this.forgotten = Math.max(this.forgotten, this.session.length - context)
    let common = 0
    while (common < prompt.length - 1 && common < this.cached.length && prompt[common] === this.cached[common]) common++
    if (common < this.forgotten) {
      this.forget()
      return [...prompt]
    }
    this.session.truncate(common)
    return prompt.slice(common)
  }

  private forget(): void {
    this.session.reset()
    this.cached = []
    this.forgotten = 0
    this.newest = undefined
  }
}
