import type { MemoryStats, Model } from '../../api/model.js'
import type { ChatMessage } from '../../api/text.js'
import { firstQuestions } from '../../conversations/first-questions.js'
import { renameOptions } from '../../errors.js'
import { modelWord } from '../../library/model-word.js'
import { maskJson } from '../../model/read-mask.js'
import { plural } from '../../numbers.js'
import { hasForm } from '../../session/prompt.js'
import { harmless } from '../../terminal/cell-width.js'
import type { Background } from '../../terminal/ramps.js'
import { InputLine } from '../input/input-line.js'
import { CellPainter } from '../map/cell-painter.js'
import type { TokenMap } from '../map/token-map.js'
import { Answers, type AnswersScreen } from './answers.js'
import { nameInWords } from './call-words.js'
import type { ChatState, ChatView } from './chat-view.js'
import type { Conversation, ConversationState } from './conversation.js'
import type { ChatItem, ItemExtra } from './items.js'
import { Keeper, type KeepOccasion } from './keeper.js'
import { messageOf } from './notes.js'
import type { ChatBeginning, ChatOptions, ChatTerminal } from './options.js'
import { lastTurns, trailOf } from './past-turns.js'
import { Redraws } from './redraws.js'
import { typedHere } from './settings.js'
import { suggest } from './slash-commands.js'
import type { Thought } from './watcher.js'

/** Maximum tokens to read again without being asked to. */
const QUICK = 256

/**
 * A conversation at the terminal: all that is on the screen, and the verbs that change it. Keys (keys.ts) and commands
 * (commands.ts) act on it; screens draw it, as a ChatView.
 */
export class Chat implements ChatView, AnswersScreen {
  readonly input: InputLine
  readonly answers: Answers
  readonly keeper: Keeper
  /** Absent if it only takes lines. */
  terminal?: ChatTerminal
  /** Resolves when the user has left. */
  readonly ended: Promise<void>
  private readonly said: ChatItem[] = []
  /** Lines that were sent while the chat was busy. */
  private readonly queue: string[] = []
  private readonly redraws = new Redraws()
  private currentPainter: CellPainter
  private isWorking = false
  private opensThoughts = false
  /** Ctrl-C was the last key. */
  private leaving = false
  private left?: 'left' | 'interrupted'
  private resolveEnded = () => {}

  constructor(
    model: Model,
    readonly options: ChatOptions,
  ) {
    this.input = new InputLine(options.history, (line) => suggest(line, options.modelNames))
    this.answers = new Answers(this, model, options)
    this.keeper = new Keeper(options, (note) => this.say('note', note))
    this.currentPainter = new CellPainter(options.depth, options.background)
    if (options.isPlain) this.map.setMode('off')
    this.ended = new Promise((resolve) => {
      this.resolveEnded = resolve
    })
  }

  readonly subscribe = (listener: () => void) => this.redraws.subscribe(listener)

  readonly getVersion = () => this.redraws.version

  get items(): readonly ChatItem[] {
    return this.said
  }

  get state(): ChatState {
    if (this.left) return 'ended'
    return this.answers.work.isRunning ? 'answering' : this.isWorking ? 'working' : 'idle'
  }

  get model(): Model {
    return this.answers.model
  }

  get conversation(): Conversation {
    return this.answers.conversation
  }

  get map(): TokenMap {
    return this.answers.map
  }

  get painter(): CellPainter {
    return this.currentPainter
  }

  get background(): Background {
    return this.painter.ground
  }

  get answer(): string {
    return this.answers.work.text
  }

  get drawsMarkdown(): boolean {
    return this.answers.settings.drawsMarkdown
  }

  get isLiteral(): boolean {
    const { work, colour, conversation } = this.answers
    return work.isLiteral || colour !== undefined || hasForm(conversation.asking)
  }

  get thought(): Thought | undefined {
    const { thought } = this.answers.work
    return thought && !thought.isOver && !thought.isBlank ? thought : undefined
  }

  get areThoughtsOpen(): boolean {
    return this.opensThoughts
  }

  get askedTool(): string | undefined {
    const { tool } = this.answers.tools.question
    return tool === undefined ? undefined : nameInWords(tool)
  }

  get activity(): string | undefined {
    if (this.state !== 'answering') return this.state === 'working' ? 'working' : undefined
    const { tools, work } = this.answers
    if (this.askedTool !== undefined) return 'asking'
    if (tools.running !== undefined) return `running ${nameInWords(tools.running)}`
    if (this.reading !== undefined) return 'reading'
    return work.part === 'thinking' ? 'thinking' : work.part === 'call' ? 'writing a call' : 'answering'
  }

  get reading(): string | undefined {
    return this.answers.work.reading
  }

  get speed(): number | undefined {
    return this.answers.speed
  }

  get contextLength(): number {
    return this.conversation.length
  }

  get isUnread(): boolean {
    return this.answers.isUnread
  }

  get memory(): MemoryStats | undefined {
    return this.answers.memory
  }

  get placeholder(): string | undefined {
    const { options, model, items, input, state } = this
    const isFirst = state === 'idle' && !items.some(({ kind }) => kind === 'user')
    // Without colour the question would look like input.
    return isFirst && input.text === '' && options.depth !== 'none' ? firstQuestions(model.name)[0] : undefined
  }

  get queued(): number {
    return this.queue.length
  }

  get isPlaying(): boolean {
    return this.answers.replay.isOn
  }

  get isLeaving(): boolean {
    return this.leaving
  }

  /** Whether the user left by Ctrl-C. */
  get interrupted(): boolean {
    return this.left === 'interrupted'
  }

  /** Adds a finished piece to the conversation. */
  say(kind: ChatItem['kind'], text: string, extra: ItemExtra = {}): void {
    const spans = extra.spans?.map((span) => ({ ...span, text: harmless(span.text) }))
    this.said.push({ ...extra, ...(spans && { spans }), id: this.said.length, kind, text: harmless(text) })
    this.changed()
  }

  /** Shows an error, with options by the names that they have here. Once the user has left, does nothing. */
  fail(error: unknown): void {
    if (!this.left) this.say('error', renameOptions(messageOf(error), typedHere))
  }

  /** Draws again: now for what the user does, 'soon' for what the model does. */
  changed(when: 'now' | 'soon' = 'now'): void {
    this.redraws.draw(when)
  }

  setBackground(background: Background): void {
    if (background === this.painter.ground) return
    this.currentPainter = new CellPainter(this.options.depth, background)
    this.changed()
  }

  /** Begins with what the command line gives. */
  begin(beginning: ChatBeginning): void {
    const { messages, files } = beginning
    this.answers.begin(beginning)
    this.sayMessages(messages)
    if (files.length === 0) return
    const characters = files.reduce((sum, text) => sum + text.length, 0)
    this.say('note', `${plural(files.length, 'file')}, ${characters} characters, go before your first message`)
  }

  /** Continues a saved conversation. */
  restore(state: ConversationState): void {
    this.answers.restore(state)
    this.sayMessages(state.messages)
  }

  /** Keeps the turns so far. */
  keep(occasion: KeepOccasion): void {
    if (!this.keeper.conversations) return
    const { messages, system, mask } = this.conversation
    const state = { messages, system, model: modelWord(this.model), ...(mask && { mask: maskJson(mask) }) }
    void this.keeper.keep(state, occasion)
  }

  /** Shows the last turns of an earlier conversation. */
  private sayMessages(messages: readonly ChatMessage[]): void {
    const { items, earlier } = lastTurns(messages, this.terminal?.size)
    if (earlier > 0) this.say('note', `... ${plural(earlier, 'earlier turn')}`)
    for (const { kind, text } of items) this.say(kind, text, { isEarlier: true })
  }

  /** Opens running thoughts or folds them; after them, shows the thoughts, calls and results of the last answer. */
  openThoughts(): void {
    const { isRunning, thought } = this.answers.work
    const running = thought?.isBlank === false ? [{ role: 'assistant', content: '', thinking: thought.text }] : []
    const text = [...this.conversation.latest, ...running].flatMap(trailOf).join('\n').trim()
    if (this.thought || (isRunning && text === '')) {
      this.opensThoughts = !this.opensThoughts
      return this.changed()
    }
    if (text === '') return this.say('note', 'the last answer came without thoughts')
    // Pressed again, the key adds nothing.
    const last = this.said.at(-1)
    if (last?.kind !== 'thoughts' || last.text !== harmless(text)) this.say('thoughts', text)
  }

  /** Shows the tokens of answers that were not written here on the map, if few have to be read. */
  async showFewAnswers(): Promise<void> {
    if (this.isUnread) await this.answers.readAgain(QUICK)
  }

  /** Answers a question. */
  ask(text: string): Promise<void> {
    this.say('user', text)
    return this.answers.ask(text)
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

  /** Keeps a line until the chat is idle. */
  enqueue(line: string): void {
    this.queue.push(line)
  }

  /** Takes the oldest line from the queue; undefined if the queue is empty or the chat is busy. */
  dequeue(): string | undefined {
    return this.state === 'idle' ? this.queue.shift() : undefined
  }

  /** Stops the running answer; false if none is running. */
  stop(): boolean {
    if (!this.answers.work.stop()) return false
    this.giveBackQueue()
    return true
  }

  /** Ctrl-C: stops the running answer; else empties the input, and the second time leaves. */
  interrupt(): void {
    if (this.stop()) return
    if (this.leaving) return this.end('interrupted')
    this.input.set('')
    this.leaving = true
  }

  /** Any key but Ctrl-C: the user does not want to leave. */
  stay(): void {
    this.leaving = false
  }

  /** Leaves. Harmless a second time. */
  end(how: 'left' | 'interrupted' = 'left'): void {
    if (this.left) return
    this.left = how
    this.answers.replay.stop()
    this.answers.work.stop()
    this.changed()
    this.resolveEnded()
  }

  /** The queued lines were to follow the stopped answer: the user decides whether to send them now. */
  private giveBackQueue(): void {
    if (this.input.text === '') this.input.set(this.queue.join('\n'))
    this.queue.length = 0
  }
}
