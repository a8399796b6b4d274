import type { GenerateOptions } from '../../api/generation.js'
import type { MemoryStats, Model } from '../../api/model.js'
import { TokenMap } from '../map/token-map.js'
import { Conversation, type ConversationState } from './conversation.js'
import type { ChatItem } from './items.js'
import { cutNote, Warnings } from './notes.js'
import type { ChatBeginning, ChatOptions } from './options.js'
import { Replay } from './replay.js'
import type { Answer, AnswerWatcher } from './running-answer.js'
import type { Settings } from './settings.js'
import { ChatWatcher, type WatchedChat } from './watcher.js'

/** Shows what comes of questions. */
export interface AnswersScreen {
  say(kind: ChatItem['kind'], text: string): void
  fail(error: unknown): void
  changed(when?: 'now' | 'soon'): void
}

/** Gets answers from a model, one at a time, and shows them with their experts as they come. */
export class Answers implements WatchedChat {
  readonly warnings = new Warnings()
  private readonly replay: Replay
  /** Texts to put before the next question. */
  private readonly pending: string[] = []
  private currentModel: Model
  private currentConversation: Conversation
  private currentMap: TokenMap
  private settings: Settings = {}
  private maximumPace?: number
  private watcher?: ChatWatcher
  /** Stops the running answer; absent if none is running. */
  private running?: AbortController
  private latest?: Answer
  /** Number of times that the last question was answered again. */
  private retries = 0
  private latestMemory?: MemoryStats

  constructor(
    private readonly screen: AnswersScreen,
    model: Model,
    private readonly options: Pick<ChatOptions, 'generation' | 'pace'>,
  ) {
    this.maximumPace = options.pace
    this.currentModel = model
    this.currentConversation = new Conversation(model)
    this.currentMap = new TokenMap(model.config)
    this.replay = new Replay(() => screen.changed())
  }

  get model(): Model {
    return this.currentModel
  }

  get conversation(): Conversation {
    return this.currentConversation
  }

  get map(): TokenMap {
    return this.currentMap
  }

  get isRunning(): boolean {
    return this.running !== undefined
  }

  /** Text of the running answer so far. */
  get text(): string {
    return this.watcher?.answer ?? ''
  }

  /** Progress of reading a long prompt, in words. */
  get reading(): string | undefined {
    return this.watcher?.reading
  }

  /** Tokens per second of the last answer. */
  get speed(): number | undefined {
    return this.latest?.tokensPerSecond
  }

  get memory(): MemoryStats | undefined {
    return this.latestMemory
  }

  get isPlaying(): boolean {
    return this.replay.isOn
  }

  /** Maximum tokens per second. */
  get pace(): number | undefined {
    return this.maximumPace
  }

  /** Options of generation: those set here, then those of the command line. */
  get generation(): GenerateOptions & Settings {
    return { ...this.options.generation, ...this.settings }
  }

  get context(): number | undefined {
    return this.generation.context
  }

  /** Changes some options of generation. */
  setOptions(settings: Settings): void {
    this.settings = { ...this.settings, ...settings }
  }

  /** Limits the tokens per second; undefined lifts the limit. */
  setPace(pace?: number): void {
    this.maximumPace = pace
  }

  /** Continues the conversation with another model. The caller disposes of the old one. */
  setModel(model: Model): void {
    this.currentConversation = this.conversation.forModel(model)
    this.currentModel = model
    this.currentMap = this.map.forModel(model.config)
    this.replay.stop()
    this.latest = undefined
  }

  /** Begins with a system text, messages, and texts to put before the first question. */
  begin({ system, prefill, messages, args, files }: ChatBeginning): void {
    this.conversation.begin({ system, prefill, messages, templateArgs: args })
    this.pending.push(...files)
  }

  /** Continues a saved conversation. */
  async restore(state: ConversationState): Promise<void> {
    await this.conversation.restore(state)
    this.map.reset()
    this.latest = undefined
  }

  /** Forgets the conversation. */
  reset(): void {
    this.conversation.reset()
    this.map.reset()
    this.latest = undefined
    this.warnings.reset()
  }

  /** Takes back the last question and its answer, and returns the question; undefined if there is none. */
  undo(): string | undefined {
    const question = this.conversation.undo()
    if (question === undefined) return undefined
    this.map.beginAnswer()
    this.latest = undefined
    return question
  }

  /** Answers a new question; pending texts go before it. */
  ask(text: string): Promise<void> {
    this.retries = 0
    const whole = [...this.pending, text].join('\n')
    return this.run(async (watcher, options) => {
      const answer = await this.conversation.ask(whole, watcher, options)
      this.pending.length = 0
      return answer
    })
  }

  /** Answers the last question again. */
  async retry(): Promise<void> {
    await this.run(async (watcher, options) => {
      const seed = options.seed === undefined ? undefined : options.seed + ++this.retries
      const answer = await this.conversation.retry(watcher, { ...options, seed })
      if (!answer) this.say('note', 'there is nothing to answer yet')
      return answer
    })
  }

  /** Continues the last answer. */
  async resume(): Promise<void> {
    const last = this.conversation.messages.at(-1)
    const begun = last?.role === 'assistant' ? last.content : undefined
    await this.run(async (watcher, options) => {
      const answer = await this.conversation.resume(watcher, options)
      if (!answer) this.say('note', 'there is no answer to resume')
      return answer
    }, begun)
  }

  /** Stops the running answer; false if none is running, or it has been stopped. */
  stop(): boolean {
    if (!this.running || this.running.signal.aborted) return false
    this.running.abort()
    return true
  }

  /** Replays the last answer on the map, at `pace` tokens per second; false if there is none. */
  play(pace?: number): boolean {
    return this.replay.start(this.map, pace)
  }

  stopPlaying(): void {
    this.replay.stop()
  }

  /** Reads the model's memory figures again. */
  async refreshMemory(): Promise<void> {
    this.latestMemory = await this.model.stats().catch(() => undefined)
    this.changed()
  }

  say(kind: ChatItem['kind'], text: string): void {
    this.screen.say(kind, text)
  }

  changed(when?: 'soon'): void {
    this.screen.changed(when)
  }

  /** Runs an answer; `begun` is the part of it that is there already. */
  private async run(
    work: (watcher: AnswerWatcher, options: GenerateOptions) => Promise<Answer | undefined>,
    begun = this.conversation.prefill,
  ): Promise<void> {
    this.running = new AbortController()
    const { signal } = this.running
    const watcher = new ChatWatcher(this, begun, signal)
    this.watcher = watcher
    this.map.beginAnswer()
    this.changed()
    try {
      const answer = await work(watcher, { ...this.generation, signal })
      if (answer) this.finish(answer)
    } catch (error) {
      this.screen.fail(error)
    } finally {
      this.watcher = undefined
      this.running = undefined
      this.map.settle()
      this.changed()
    }
  }

  private finish(answer: Answer): void {
    // The text moves from the running answer to the finished ones.
    this.watcher = undefined
    if (answer.hadEnded) {
      this.map.dropAnswer()
      return this.say('note', 'the answer had already ended: nothing was added')
    }
    this.latest = answer
    this.say('answer', answer.text.trimEnd())
    if (answer.finishReason === 'interrupted') {
      this.say('note', `interrupted: ${answer.text === '' ? '/retry answers again' : '/continue resumes it'}`)
    } else if (answer.finishReason === 'length' && !answer.contextFull) this.say('note', cutNote(this.map.answerLength))
    if (answer.contextFull)
      this.say('note', "the answer ended because the model's context is full; /reset begins again")
    void this.refreshMemory()
  }
}
