import type { GenerateOptions, PromptProgress } from '../../api/generation.js'
import type { MemoryStats, Model } from '../../api/model.js'
import { firstQuestions } from '../../chat/conversations/first-questions.js'
import { plural } from '../../ground/numbers.js'
import type { Atlas } from '../../insight/atlas/atlas.js'
import type { Background } from '../../insight/pictures/blocks/ramps.js'
import type { TextColour } from '../../insight/usage/text-colours.js'
import { modelWord } from '../../library/finding/model-words.js'
import { haveSameExperts } from '../../model/config/config.js'
import type { ExpertMask } from '../../model/config/expert-mask.js'
import { maskJson } from '../../model/config/read-mask.js'
import { InputLine } from '../input/input-line.js'
import { CellPainter } from '../map/cell-painter.js'
import { Replay } from '../map/replay.js'
import { TokenMap } from '../map/token-map.js'
import { Keeper, type KeepOccasion } from './keeper.js'
import type { ChatBeginning, ChatOptions, ChatTerminal, ChatTool } from './options.js'
import { Drawn } from './redraws.js'
import { suggest } from './slash-commands.js'
import { CallQuestion } from './state/call-question.js'
import type { ChatItem, ItemExtra } from './state/items.js'
import { lastTurns } from './state/past-turns.js'
import { type RunningText, type ScreenEvent, type ScreenState, screenAfter } from './state/screen-state.js'
import type { AnswerSettings } from './state/settings.js'
import { TurnTokens } from './state/turn-tokens.js'
import { Conversation, type ConversationState } from './turns/conversation.js'
import type { FinishedAnswer } from './turns/running-answer.js'

/** 'working' is a command that takes its time. */
type ChatState = 'idle' | 'answering' | 'working' | 'ended'

/** All that is on the screen, and the verbs that change it. Keys and commands act on it; screens draw it. */
export class Chat extends Drawn implements ScreenState {
  readonly input: InputLine
  readonly keeper: Keeper
  conversation: Conversation
  readonly map: TokenMap
  readonly turns: TurnTokens
  readonly settings: AnswerSettings
  readonly replay = new Replay(() => this.changed())
  /** The question whether a tool may run. */
  readonly question: CallQuestion
  /** Tools that there are now. */
  readonly tools: () => readonly ChatTool[]
  /** Absent if it only takes lines. */
  terminal?: ChatTerminal
  private resolveEnded = () => {}
  /** Resolves when the user has left. */
  readonly ended = new Promise<void>((resolve) => {
    this.resolveEnded = resolve
  })
  items: readonly ChatItem[] = []
  running?: RunningText
  /** Lines that were sent while the chat was busy. */
  readonly queue: string[] = []
  /** Texts that were pasted into the input since the last question. */
  readonly pasted: string[] = []
  /** Texts to put before the next question, such as files. */
  pending: string[] = []
  /** Questions that were sent with texts, by the whole message. */
  readonly sentWith = new Map<string, { texts: string[]; question: string }>()
  /** Number of times that the last question was answered again. */
  retries = 0
  /** Notes about prompts that this model has caused: the user needs to read each only once. */
  readonly noted = new Set<string>()
  /** Whether a note has said that the conversation is longer than the model's training texts. */
  hasNotedLength = false
  /** The last answer, and the options and texts that it was generated with. */
  latest?: { answer: FinishedAnswer; origin: string }
  colour?: TextColour
  memory?: MemoryStats
  painter: CellPainter
  private isWorking = false
  /** Stops what the model does. */
  private stopper?: AbortController
  private lastRun: Promise<boolean> = Promise.resolve(true)
  /** Whether running thoughts are shown as far as they fit, rather than in two lines. */
  areThoughtsOpen = false
  isLeaving = false
  /** How the user has left; interrupted is by Ctrl-C. */
  left?: 'left' | 'interrupted'

  constructor(
    public model: Model,
    readonly options: ChatOptions,
  ) {
    super()
    const { history, modelNames, generation, mask, isAllowed, depth, background } = options
    this.input = new InputLine(history, (line) => suggest(line, modelNames))
    this.tools = options.tools ?? (() => [])
    this.settings = { generation, drawsMarkdown: true }
    this.conversation = new Conversation(model, { mask, offered: this.tools })
    this.question = new CallQuestion(isAllowed)
    this.map = new TokenMap(model.config)
    this.turns = new TurnTokens(this.map)
    this.map.masked = mask
    this.map.atlas = options.atlas
    if (options.isPlain) this.map.mode = 'off'
    this.keeper = new Keeper(options, (note) => this.say('note', note))
    this.painter = new CellPainter(depth, background)
  }

  get state(): ChatState {
    if (this.left) return 'ended'
    if (this.running) return 'answering'
    return this.isWorking ? 'working' : 'idle'
  }

  /** A question to show in the empty input, which Tab takes. */
  get placeholder(): string | undefined {
    const { options, model, items, input, state } = this
    const isFirst = state === 'idle' && !items.some(({ kind }) => kind === 'user')
    // Without colour the question would look like input.
    return isFirst && input.text === '' && options.depth !== 'none' ? firstQuestions(model.name)[0] : undefined
  }

  /** Changes what is shown after an event, and draws it: at once what the user does, soon what the model does. */
  show(event: ScreenEvent): void {
    const { items, running } = this
    Object.assign(this, screenAfter({ items, running }, event, performance.now()))
    const isSoon = ['token', 'progress', 'search'].includes(event.kind) && items === this.items
    this.changed(isSoon ? 'soon' : 'now')
  }

  /** Adds a finished piece to the conversation. */
  say(kind: ChatItem['kind'], text: string, extra: ItemExtra = {}): void {
    this.show({ kind: 'item', item: { ...extra, kind, text } })
  }

  /** Shows an error. Once the user has left, does nothing. */
  fail(error: unknown): void {
    if (!this.left) this.show({ kind: 'failed', error })
  }

  setBackground(background: Background): void {
    if (this.options.theme || background === this.painter.ground) return
    this.painter = new CellPainter(this.options.depth, background)
    this.changed()
  }

  /** Changes the model. The mask stays if both have the same numbers of experts. The caller disposes of the old one. */
  setModel(model: Model, atlas?: Atlas): void {
    const mask = haveSameExperts(this.model.config, model.config) ? this.conversation.mask : undefined
    this.conversation = this.conversation.forModel(model, mask)
    this.model = model
    this.replay.stop()
    this.noted.clear()
    this.beginTokens()
    this.map.masked = mask
    this.map.atlas = atlas
    this.colour = undefined
    this.keep('changed')
  }

  /** Switches experts off, from the next answer on. Throws a UserError if the mask does not fit the model. */
  setMask(mask?: ExpertMask): void {
    this.conversation.read.setMask(mask)
    this.map.masked = mask
    this.keep('changed')
  }

  /** Begins with a system text, messages, and texts to put before the first question. */
  begin({ system, prefill, messages, args, files, asking = {} }: ChatBeginning): void {
    this.conversation.begin({ system, prefill, messages, args, asking })
    this.pending.push(...files)
    this.beginTokens()
    this.sayMessages(messages)
    if (files.length === 0) return
    const characters = files.reduce((sum, text) => sum + text.length, 0)
    this.say('note', `${plural(files.length, 'file')}, ${characters} characters, go before your first message`)
  }

  restore(state: ConversationState): void {
    this.conversation.restore(state)
    this.beginTokens()
    this.sayMessages(state.messages)
  }

  reset(): void {
    this.conversation.reset()
    this.beginTokens()
    this.hasNotedLength = false
  }

  /** Begins an empty map; the answers so far are not on it. */
  private beginTokens(): void {
    this.turns.begin(this.conversation.hasAnswers, this.model.config)
    this.latest = undefined
  }

  /** Keeps the turns so far in the conversation's file. */
  keep(occasion: KeepOccasion): void {
    if (!this.keeper.conversations) return
    const { messages, mask } = this.conversation
    const { system } = this.conversation.parts
    const state = { messages, system, model: modelWord(this.model), ...(mask && { mask: maskJson(mask) }) }
    void this.keeper.keep(state, occasion)
  }

  private sayMessages(messages: ConversationState['messages']): void {
    const { items, earlier } = lastTurns(messages, this.terminal?.size)
    if (earlier > 0) this.say('note', `... ${plural(earlier, 'earlier turn')}`)
    for (const { kind, text } of items) this.say(kind, text, { isEarlier: true })
  }

  async refreshMemory(): Promise<void> {
    this.memory = await this.model.stats().catch(() => undefined)
    this.changed()
  }

  /** Does work that takes its time; meanwhile the chat takes no questions. */
  async work(task: () => Promise<void>): Promise<void> {
    this.isWorking = true
    this.changed()
    try {
      await task()
    } finally {
      this.isWorking = false
      this.changed()
    }
  }

  /**
   * Runs work of the model, shown like an answer that continues `text`, until its signal says that it is to stop. Errors are
   * shown. False if it was stopped or failed.
   */
  run(work: (options: GenerateOptions) => Promise<void>, { text = '', isLiteral = false } = {}): Promise<boolean> {
    this.lastRun = this.carryOut(work, { text, isLiteral })
    return this.lastRun
  }

  private async carryOut(
    work: (options: GenerateOptions) => Promise<void>,
    start: { text: string; isLiteral: boolean },
  ): Promise<boolean> {
    this.stopper = new AbortController()
    const { signal } = this.stopper
    const onPromptProgress = (progress: PromptProgress) => this.show({ kind: 'progress', ...progress })
    this.show({ kind: 'start', ...start })
    try {
      await work({ ...this.settings.generation, signal, onPromptProgress })
      return true
    } catch (error) {
      if (signal.aborted) this.say('note', 'stopped')
      else this.fail(error)
      return false
    } finally {
      this.stopper = undefined
      this.show({ kind: 'end' })
    }
  }

  /** Resolves when the model has ended what it did last. */
  async settled(): Promise<void> {
    await this.lastRun
  }

  /** Stops the running answer; false if none runs. The user decides whether to send what was to follow it. */
  stop(): boolean {
    if (!this.stopper || this.stopper.signal.aborted) return false
    this.stopper.abort()
    if (this.input.text === '') this.input.set(this.queue.join('\n'))
    this.queue.length = 0
    return true
  }

  /** Ctrl-C: stops the running answer; else empties the input, and the second time leaves. */
  interrupt(): void {
    if (this.stop()) return
    if (this.isLeaving) return this.end('interrupted')
    this.input.set('')
    this.isLeaving = true
  }

  /** Leaves. Harmless a second time. */
  end(how: 'left' | 'interrupted' = 'left'): void {
    if (this.left) return
    this.left = how
    this.replay.stop()
    this.stopper?.abort()
    this.changed()
    this.resolveEnded()
  }
}
