import type { GenerateOptions, PromptProgress } from '../../../api/generation.js'
import { settle } from '../../../api/generation-options.js'
import type { MemoryStats, Model } from '../../../api/model.js'
import { hasForm } from '../../../engine/session/prompt.js'
import type { Atlas } from '../../../lab/experts/atlas/atlas.js'
import { awakeSentence } from '../../../lab/experts/usage/awake.js'
import type { TextColour } from '../../../lab/experts/usage/text-colours.js'
import { ExpertUsage } from '../../../lab/experts/usage/usage.js'
import { haveSameExperts, type ModelConfig } from '../../../model/config/config.js'
import type { ExpertMask } from '../../../model/config/expert-mask.js'
import type { TokenMap } from '../../map/token-map.js'
import { Conversation, type ConversationState } from '../conversation.js'
import type { AnswersScreen } from '../items.js'
import { endNotes, Warnings } from '../notes.js'
import type { ChatBeginning, ChatOptions } from '../options.js'
import type { AnswerSettings } from '../settings.js'
import { ChatWatcher, type WatchedChat } from '../watcher.js'
import { callInWords } from './call-words.js'
import { colourAnswer, spansWithin } from './colouring.js'
import { Replay } from './replay.js'
import type { CallWatcher, FinishedAnswer } from './running-answer.js'
import { RunningWork } from './running-work.js'
import { stoppedResult, ToolExchange } from './tool-exchange.js'
import { type AnswerToken, TurnTokens } from './turn-tokens.js'

/** Gets answers from a model, one at a time, and shows them with their experts as they come. */
export class Answers implements WatchedChat {
  readonly warnings = new Warnings()
  /** The running answer, or other work of the model. */
  readonly work: RunningWork
  readonly tools: ToolExchange
  readonly settings: AnswerSettings
  readonly replay: Replay
  /** Texts to put before the next question, such as files. */
  pending: string[] = []
  /** Questions that were sent with texts, by the whole message. */
  private readonly sentWith = new Map<string, { texts: string[]; question: string }>()
  conversation: Conversation
  private readonly turns: TurnTokens
  colour?: TextColour
  private latest?: FinishedAnswer
  /** Options and texts that the last answer was generated with. */
  private latestOrigin?: string
  private retries = 0
  memory?: MemoryStats

  constructor(
    readonly screen: AnswersScreen,
    public model: Model,
    options: Pick<ChatOptions, 'generation' | 'mask' | 'atlas' | 'isAllowed' | 'tools'>,
  ) {
    this.settings = { generation: options.generation, drawsMarkdown: true }
    this.conversation = new Conversation(model, options.mask)
    this.turns = new TurnTokens(model.config)
    this.map.masked = options.mask
    this.map.atlas = options.atlas
    this.work = new RunningWork(screen)
    this.tools = new ToolExchange(screen, options)
    this.replay = new Replay(() => screen.changed())
  }

  get map(): TokenMap {
    return this.turns.map
  }

  get speed(): number | undefined {
    return this.latest?.tokensPerSecond
  }

  /** Changes the model. The mask stays if both have the same numbers of experts. The caller disposes of the old one. */
  setModel(model: Model, atlas?: Atlas): void {
    const mask = haveSameExperts(this.model.config, model.config) ? this.conversation.mask : undefined
    this.conversation = this.conversation.forModel(model, mask)
    this.model = model
    this.replay.stop()
    this.beginTokens(model.config)
    this.map.masked = mask
    this.map.atlas = atlas
    this.colour = undefined
    this.screen.keep('changed')
  }

  /** Switches experts off, from the next answer on. Throws a UserError if the mask does not fit the model. */
  setMask(mask?: ExpertMask): void {
    this.conversation.read.setMask(mask)
    this.map.masked = mask
    this.screen.keep('changed')
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
    this.pending.push(...files)
    this.beginTokens()
  }

  restore(state: ConversationState): void {
    this.conversation.restore(state)
    this.beginTokens()
  }

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
    this.screen.keep('changed')
    const sent = this.sentWith.get(question)
    this.pending.unshift(...(sent?.texts ?? []))
    return sent?.question ?? question
  }

  /** Answers a new question; pending texts go before it. */
  ask(text: string): Promise<void> {
    this.screen.say('user', text)
    this.retries = 0
    const { pending } = this
    const whole = [...pending, text].join('\n')
    const { openCalls } = this.conversation
    if (openCalls.length > 0 && this.tools.available.length > 0) {
      this.conversation.breakOff(openCalls.map(stoppedResult))
    }
    this.turns.ask(this.conversation.messages.length)
    return this.run(async (...given) => {
      const answer = await this.conversation.ask(whole, ...given)
      if (pending.length > 0) this.sentWith.set(whole, { texts: pending, question: text })
      this.pending = []
      return answer
    })
  }

  async retry(): Promise<void> {
    const { question } = this.conversation
    if (question < 0) return this.screen.say('note', 'there is nothing to answer yet')
    this.turns.retry(question)
    await this.run((watcher, options, calls) => {
      const seed = options.seed === undefined ? undefined : options.seed + ++this.retries
      return this.conversation.retry(watcher, { ...options, seed }, calls)
    })
  }

  async resume(): Promise<void> {
    const { conversation, tools } = this
    const hasCalls = tools.available.length > 0 && conversation.openCalls.length > 0
    const last = conversation.messages.at(-1)
    if (!hasCalls && last?.role !== 'assistant') return this.screen.say('note', 'there is no answer to resume')
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

  async refreshMemory(): Promise<void> {
    this.memory = await this.model.stats().catch(() => undefined)
    this.screen.changed()
  }

  private get hasAnswers(): boolean {
    return this.conversation.messages.some(({ role }) => role === 'assistant')
  }

  /** Tokens of the last answer; undefined if there is none, or it must be read again. */
  get tokens(): readonly AnswerToken[] | undefined {
    return this.turns.latest
  }

  private get origin(): string {
    const { mask, parts } = this.conversation
    return JSON.stringify([this.settings.generation, mask, parts])
  }

  /** Begins an empty map; the answers so far are not on it. */
  private beginTokens(shape?: Model['config']): void {
    this.turns.begin(this.hasAnswers, shape)
    this.latest = undefined
  }

  /** Runs a turn; `begun` is the part of its first answer that is there already. */
  private async run(
    work: (watcher: ChatWatcher, options: GenerateOptions, calls: CallWatcher) => Promise<FinishedAnswer | undefined>,
    begun = this.conversation.parts.prefill,
  ): Promise<void> {
    const { conversation, map } = this
    const before = map.tokens.at(-1)
    map.beginAnswer()
    await this.follow(begun, async (watcher, options) => {
      const answered = (answer: FinishedAnswer) => {
        this.answered(answer, watcher.tokens)
        this.screen.keep('answered')
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
        this.screen.keep('answered')
      }
    })
  }

  /** Shows work like an answer that continues `begun`. Ctrl-C aborts its signal. False if it was aborted or failed. */
  follow(begun: string, work: (watcher: ChatWatcher, options: GenerateOptions) => Promise<void>): Promise<boolean> {
    this.tools.offer(this.conversation)
    const watcher = new ChatWatcher(this, begun)
    return this.work.run(watcher, (signal) => work(watcher, { ...this.settings.generation, signal }))
  }

  /** Keeps the tokens of an answer. Returns the tokens of the whole exchange; undefined if some must be read again. */
  private answered(answer: FinishedAnswer, tokens: readonly AnswerToken[]): readonly AnswerToken[] | undefined {
    this.latest = answer
    this.latestOrigin = this.origin
    return this.turns.answered(this.conversation.question, tokens, answer)
  }

  /** Shows the last answer of an exchange with its experts, its calls and notes about its end. */
  private finish(answer: FinishedAnswer, tokens: readonly AnswerToken[]): void {
    // The text moves from the running answer to the finished ones.
    this.work.watcher = undefined
    if (answer.hadEnded) {
      this.map.dropAnswer()
      return this.screen.say('note', 'the answer had already ended: nothing was added')
    }
    const { model, map, colour, screen } = this
    const all = this.answered(answer, tokens)
    const text = answer.text.trimEnd()
    const look = { model, background: screen.background, atlas: map.atlas }
    const spans = all && colour && spansWithin(text, colourAnswer(all, colour, look).spans)
    const isLiteral = hasForm(this.conversation.parts.asking)
    screen.say('answer', text, { footer: all && answerAwake(all, model.config), spans, isLiteral })
    for (const call of answer.calls ?? []) screen.say('call', callInWords(call))
    if (answer.calls) screen.say('note', `${model.name} calls a tool, and the chat has none: molm chat --mcp adds some`)
    for (const note of endNotes(answer, map.answerLength, isLiteral)) screen.say('note', note)
    void this.refreshMemory()
  }
}

/** Describes the experts that an answer woke, in one sentence; undefined if no token reports any. */
function answerAwake(tokens: readonly AnswerToken[], { mixtures }: ModelConfig): string | undefined {
  const usage = new ExpertUsage({ mixtures })
  for (const { routes } of tokens) if (routes) usage.add(routes, 1)
  return mixtures.length === 0 || usage.tokens === 0 ? undefined : awakeSentence(usage)
}
