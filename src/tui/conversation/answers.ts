import type { GenerateOptions, PromptProgress } from '../../api/generation.js'
import type { MemoryStats, Model } from '../../api/model.js'
import type { Atlas } from '../../experts/atlas.js'
import type { TextColour } from '../../experts/text-colours.js'
import { settle } from '../../generation-options.js'
import { haveSameExperts } from '../../model/config.js'
import type { ExpertMask } from '../../model/expert-mask.js'
import type { Background } from '../../terminal/ramps.js'
import type { TokenMap } from '../map/token-map.js'
import type { AnswerToken } from './answer-tokens.js'
import { Conversation, type ConversationState } from './conversation.js'
import type { ChatItem, ItemExtra } from './items.js'
import type { KeepOccasion } from './keeper.js'
import { Warnings } from './notes.js'
import type { ChatBeginning, ChatOptions } from './options.js'
import { PendingTexts } from './pending-texts.js'
import { stoppedResult } from './questions.js'
import { Replay } from './replay.js'
import type { CallWatcher, FinishedAnswer } from './running-answer.js'
import { RunningWork } from './running-work.js'
import { AnswerSettings } from './settings.js'
import { showAnswer } from './show-answer.js'
import { ToolExchange } from './tool-exchange.js'
import { TurnTokens } from './turn-tokens.js'
import { ChatWatcher, type WatchedChat } from './watcher.js'

/** Shows what comes of questions. */
export interface AnswersScreen {
  readonly background: Background
  say(kind: ChatItem['kind'], text: string, extra?: ItemExtra): void
  fail(error: unknown): void
  changed(when?: 'now' | 'soon'): void
  /** Keeps the turns so far in the conversation's file. */
  keep(occasion: KeepOccasion): void
}

/** Gets answers from a model, one at a time, and shows them with their experts as they come. */
export class Answers implements WatchedChat {
  readonly warnings = new Warnings()
  /** The running answer, or other work of the model. */
  readonly work: RunningWork
  readonly tools: ToolExchange
  readonly settings: AnswerSettings
  /** Replays the last answer on the map. */
  readonly replay: Replay
  /** Texts to put before the next question. */
  readonly pending = new PendingTexts()
  private currentModel: Model
  private currentConversation: Conversation
  private readonly turns: TurnTokens
  /** Colours of answers; absent: none. */
  colour?: TextColour
  private latest?: FinishedAnswer
  /** Options and texts that the last answer was generated with. */
  private latestOrigin?: string
  /** Number of times that the last question was answered again. */
  private retries = 0
  private latestMemory?: MemoryStats

  constructor(
    private readonly screen: AnswersScreen,
    model: Model,
    options: Pick<ChatOptions, 'generation' | 'mask' | 'atlas' | 'isAllowed' | 'tools'>,
  ) {
    this.settings = new AnswerSettings(options.generation)
    this.currentModel = model
    this.currentConversation = new Conversation(model, options.mask)
    this.turns = new TurnTokens(model.config)
    this.map.masked = options.mask
    this.map.atlas = options.atlas
    this.work = new RunningWork(screen)
    this.tools = new ToolExchange(screen, options)
    this.replay = new Replay(() => screen.changed())
  }

  get model(): Model {
    return this.currentModel
  }

  get conversation(): Conversation {
    return this.currentConversation
  }

  get map(): TokenMap {
    return this.turns.map
  }

  /** Tokens per second of the last answer. */
  get speed(): number | undefined {
    return this.latest?.tokensPerSecond
  }

  get memory(): MemoryStats | undefined {
    return this.latestMemory
  }

  /**
   * Continues the conversation with another model, whose experts may have names. The mask stays if both models have the
   * same numbers of experts. The caller disposes of the old model.
   */
  setModel(model: Model, atlas?: Atlas): void {
    const mask = haveSameExperts(this.model.config, model.config) ? this.conversation.mask : undefined
    this.currentConversation = this.conversation.forModel(model, mask)
    this.currentModel = model
    this.replay.stop()
    this.beginTokens(model.config)
    this.map.masked = mask
    this.map.atlas = atlas
    this.colour = undefined
    this.keep('changed')
  }

  /** Switches experts off, from the next answer on. Throws a UserError if the mask does not fit the model. */
  setMask(mask?: ExpertMask): void {
    this.conversation.setMask(mask)
    this.map.masked = mask
    this.keep('changed')
  }

  /** The last answer, if the same options would give it again at temperature 0. */
  get greedyText(): string | undefined {
    const { latest, model, settings } = this
    const isGreedy = settle(settings.generation, model.generationDefaults, { seed: 0 }).temperature === 0
    const isWhole = latest && !latest.continues && !latest.calls && latest.finishReason !== 'interrupted'
    return isGreedy && isWhole && this.latestOrigin === this.origin ? latest.text : undefined
  }

  /** Begins with a system text, messages, and texts to put before the first question. */
  begin({ system, prefill, messages, args, files, asking = {} }: ChatBeginning): void {
    this.conversation.begin({ system, prefill, messages, args, asking })
    this.pending.add(...files)
    this.beginTokens()
  }

  /** Continues a saved conversation. */
  restore(state: ConversationState): void {
    this.conversation.restore(state)
    this.beginTokens()
  }

  /** Forgets the conversation. */
  reset(): void {
    this.conversation.reset()
    this.beginTokens()
    this.warnings.reset()
  }

  /** Takes back the last question and its answer, and returns the question; undefined if there is none. */
  undo(): string | undefined {
    const question = this.conversation.undo()
    if (question === undefined) return undefined
    this.turns.undo(this.conversation.messages.length)
    this.latest = undefined
    this.keep('changed')
    return this.pending.takeBack(question)
  }

  /** Answers a new question; pending texts go before it. */
  ask(text: string): Promise<void> {
    this.retries = 0
    const whole = this.pending.joinedWith(text)
    const { openCalls } = this.conversation
    if (openCalls.length > 0 && this.tools.available.length > 0) {
      this.conversation.breakOff(openCalls.map(stoppedResult))
    }
    this.turns.ask(this.conversation.messages.length)
    return this.run(async (...given) => {
      const answer = await this.conversation.ask(whole, ...given)
      this.pending.sent(text)
      return answer
    })
  }

  /** Answers the last question again. */
  async retry(): Promise<void> {
    const { question } = this.conversation
    if (question < 0) return this.say('note', 'there is nothing to answer yet')
    this.turns.retry(question)
    await this.run((watcher, options, calls) => {
      const seed = options.seed === undefined ? undefined : options.seed + ++this.retries
      return this.conversation.retry(watcher, { ...options, seed }, calls)
    })
  }

  /** Continues the last answer. */
  async resume(): Promise<void> {
    const { conversation, tools } = this
    const hasCalls = tools.available.length > 0 && conversation.openCalls.length > 0
    const last = conversation.messages.at(-1)
    if (!hasCalls && last?.role !== 'assistant') return this.say('note', 'there is no answer to resume')
    await this.run((...given) => conversation.resume(...given), hasCalls ? '' : last?.content)
  }

  /** Whether the answers so far are not on the map, but could be. */
  get isUnread(): boolean {
    return this.turns.isUnread && this.model.config.mixtures.length > 0
  }

  /**
   * Reads the last answers again and shows their tokens on the map. Given `most`, it is a service that the user did not
   * ask for: if more tokens have to be read, or it fails, it does nothing. False if the answers are not shown.
   */
  async readAgain(most?: number): Promise<boolean> {
    let isShown = false
    await this.follow('', async (watcher, { signal }) => {
      const onProgress = (progress: PromptProgress) => watcher.progress(progress)
      const read = await this.conversation.readAgain({ most, onProgress, signal }).catch((error) => {
        if (most === undefined || signal?.aborted) throw error
        return undefined
      })
      if (read) this.turns.fill(read, (token) => this.model.tokenizer.decode([token]))
      isShown = read !== undefined
    })
    return isShown
  }

  /** Reads the model's memory figures again. */
  async refreshMemory(): Promise<void> {
    this.latestMemory = await this.model.stats().catch(() => undefined)
    this.changed()
  }

  say(kind: ChatItem['kind'], text: string, extra?: ItemExtra): void {
    this.screen.say(kind, text, extra)
  }

  changed(when?: 'soon'): void {
    this.screen.changed(when)
  }

  keep(occasion: KeepOccasion): void {
    this.screen.keep(occasion)
  }

  /** Whether the conversation has answers. */
  private get hasAnswers(): boolean {
    return this.conversation.messages.some(({ role }) => role === 'assistant')
  }

  /** Tokens of the last answer; undefined if there is none, or it must be read again. */
  get tokens(): readonly AnswerToken[] | undefined {
    return this.turns.latest
  }

  private get origin(): string {
    const { mask, system, prefill, asking } = this.conversation
    return JSON.stringify([this.settings.generation, mask, system, prefill, asking])
  }

  /** Begins an empty map; the answers so far are not on it. */
  private beginTokens(shape?: Model['config']): void {
    this.turns.begin(this.hasAnswers, shape)
    this.latest = undefined
  }

  /** Runs a turn; `begun` is the part of its first answer that is there already. */
  private async run(
    work: (watcher: ChatWatcher, options: GenerateOptions, calls: CallWatcher) => Promise<FinishedAnswer | undefined>,
    begun = this.conversation.prefill,
  ): Promise<void> {
    const { conversation, map } = this
    const before = map.tokens.at(-1)
    map.beginAnswer()
    await this.follow(begun, async (watcher, options) => {
      const answered = (answer: FinishedAnswer) => {
        this.answered(answer, watcher.tokens)
        this.keep('answered')
      }
      try {
        const last = await work(watcher, options, this.tools.follow({ conversation, map, watcher, answered }, options))
        watcher.fold()
        if (last) this.finish(last, watcher.tokens)
      } catch (error) {
        this.turns.failed(before, this.hasAnswers)
        throw error
      } finally {
        map.settle()
        this.keep('answered')
      }
    })
  }

  /**
   * Shows work like an answer until it ends; `begun` is the text that it continues. Ctrl-C aborts its signal. False if
   * it was aborted or failed.
   */
  follow(begun: string, work: (watcher: ChatWatcher, options: GenerateOptions) => Promise<void>): Promise<boolean> {
    this.tools.offer(this.conversation)
    return this.work.run(new ChatWatcher(this, begun), (watcher, signal) => {
      return work(watcher, { ...this.settings.generation, signal })
    })
  }

  /** Keeps the tokens of an answer. Returns those of the whole exchange; undefined if some must be read again. */
  private answered(answer: FinishedAnswer, tokens: readonly AnswerToken[]): readonly AnswerToken[] | undefined {
    this.latest = answer
    this.latestOrigin = this.origin
    return this.turns.answered(this.conversation.question, tokens, answer)
  }

  /** Shows the last answer of an exchange. */
  private finish(answer: FinishedAnswer, tokens: readonly AnswerToken[]): void {
    // The text moves from the running answer to the finished ones.
    this.work.hide()
    if (answer.hadEnded) {
      this.map.dropAnswer()
      return this.say('note', 'the answer had already ended: nothing was added')
    }
    const all = this.answered(answer, tokens)
    const { model, map, colour, screen } = this
    showAnswer(screen, answer, { model, map, tokens: all, colour, asking: this.conversation.asking })
    void this.refreshMemory()
  }
}
