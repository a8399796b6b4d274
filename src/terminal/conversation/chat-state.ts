import type { Model } from '../../api/model.js'
import type { ChatMessage } from '../../api/text.js'
import { firstQuestions } from '../../chat/conversations/first-questions.js'
import { hasForm } from '../../engine/session/prompt.js'
import { plural } from '../../ground/numbers.js'
import { harmless } from '../../ground/output/cell-width.js'
import type { Background } from '../../lab/pictures/blocks/ramps.js'
import { modelWord } from '../../library/finding/model-word.js'
import { maskJson } from '../../model/config/read-mask.js'
import { InputLine } from '../input/input-line.js'
import { CellPainter } from '../map/cell-painter.js'
import type { TokenMap } from '../map/token-map.js'
import { Answers } from './answers/answers.js'
import { nameInWords } from './answers/call-words.js'
import { suggest } from './commands/slash-commands.js'
import type { Conversation, ConversationState } from './conversation.js'
import type { AnswersScreen, ChatItem, ItemExtra } from './items.js'
import { Keeper, type KeepOccasion } from './keeper.js'
import { messageOf } from './notes.js'
import type { ChatBeginning, ChatOptions, ChatTerminal } from './options.js'
import { lastTurns, trailOf } from './past-turns.js'
import type { Thought } from './watcher.js'

/** 'working' is a command that takes its time. */
type ChatState = 'idle' | 'answering' | 'working' | 'ended'

/** Ms between redraws of a running answer: ten a second look steady. */
const REDRAW_MS = 100
/** The most ms between them, however long a drawing takes. */
const SLOWEST_MS = 500
/** Drawing has at most this share of the time of a core, which the model needs more. */
const SHARE = 1 / 6
/** Maximum tokens to read again without being asked to. */
const QUICK = 256

/** All that is on the screen, and the verbs that change it. Keys and commands act on it; screens draw it. */
export class Chat implements AnswersScreen {
  readonly input: InputLine
  readonly answers: Answers
  readonly keeper: Keeper
  /** Absent if it only takes lines. */
  terminal?: ChatTerminal
  private resolveEnded = () => {}
  /** Resolves when the user has left. */
  readonly ended = new Promise<void>((resolve) => {
    this.resolveEnded = resolve
  })
  readonly items: ChatItem[] = []
  /** Lines that were sent while the chat was busy. */
  readonly queue: string[] = []
  private readonly listeners = new Set<() => void>()
  private nextDrawing?: NodeJS.Timeout
  private drawingMs = 0
  painter: CellPainter
  private isWorking = false
  /** Whether running thoughts are shown as far as they fit, rather than in two lines. */
  areThoughtsOpen = false
  isLeaving = false
  /** How the user has left; interrupted is by Ctrl-C. */
  left?: 'left' | 'interrupted'

  constructor(
    model: Model,
    readonly options: ChatOptions,
  ) {
    this.input = new InputLine(options.history, (line) => suggest(line, options.modelNames))
    this.answers = new Answers(this, model, options)
    this.keeper = new Keeper(options, (note) => this.say('note', note))
    this.painter = new CellPainter(options.depth, options.background)
    if (options.isPlain) this.map.mode = 'off'
  }

  /** Calls `listener` when the chat is to be drawn again, until the returned function is called. */
  subscribe(listener: () => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
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

  get background(): Background {
    return this.painter.ground
  }

  get answer(): string {
    return this.answers.work.watcher?.answer ?? ''
  }

  get drawsMarkdown(): boolean {
    return this.answers.settings.drawsMarkdown
  }

  /** Whether the running answer is shown as written: it has a form, or will be coloured or compared. */
  get isLiteral(): boolean {
    const { work, colour, conversation } = this.answers
    return work.watcher?.isLiteral === true || colour !== undefined || hasForm(conversation.parts.asking)
  }

  /** Thoughts that come now; absent once they are over. */
  get thought(): Thought | undefined {
    const { thought } = this.answers.work.watcher ?? {}
    return thought && !thought.isOver && !thought.isBlank ? thought : undefined
  }

  get askedTool(): string | undefined {
    const { tool } = this.answers.tools.question
    return tool === undefined ? undefined : nameInWords(tool)
  }

  /** Work of the model or of a tool, in words; absent when idle. */
  get activity(): string | undefined {
    if (this.state !== 'answering') return this.state === 'working' ? 'working' : undefined
    const { tools, work } = this.answers
    const part = work.watcher?.part
    if (this.askedTool !== undefined) return 'asking'
    if (tools.running !== undefined) return `running ${nameInWords(tools.running)}`
    if (this.reading !== undefined) return 'reading'
    return part === 'thinking' ? 'thinking' : part === 'call' ? 'writing a call' : 'answering'
  }

  /** Progress of reading a long prompt, in words; absent once the answer begins. */
  get reading(): string | undefined {
    return this.answers.work.watcher?.reading
  }

  /** A question to show in the empty input, which Tab takes. */
  get placeholder(): string | undefined {
    const { options, model, items, input, state } = this
    const isFirst = state === 'idle' && !items.some(({ kind }) => kind === 'user')
    // Without colour the question would look like input.
    return isFirst && input.text === '' && options.depth !== 'none' ? firstQuestions(model.name)[0] : undefined
  }

  /** Adds a finished piece to the conversation. */
  say(kind: ChatItem['kind'], text: string, extra: ItemExtra = {}): void {
    const spans = extra.spans?.map((span) => ({ ...span, text: harmless(span.text) }))
    this.items.push({ ...extra, ...(spans && { spans }), kind, text: harmless(text) })
    this.changed()
  }

  /** Shows an error, with options by the names that they have here. Once the user has left, does nothing. */
  fail(error: unknown): void {
    if (!this.left) this.say('error', messageOf(error))
  }

  /** Draws again: now for what the user does; soon for what the model does, once for all changes until then. */
  changed(when: 'now' | 'soon' = 'now'): void {
    if (when === 'soon') {
      const wait = Math.min(SLOWEST_MS, Math.max(REDRAW_MS, this.drawingMs / SHARE))
      this.nextDrawing ??= setTimeout(() => this.changed(), wait)
      return
    }
    clearTimeout(this.nextDrawing)
    this.nextDrawing = undefined
    const start = performance.now()
    for (const listener of this.listeners) listener()
    this.drawingMs = performance.now() - start
  }

  setBackground(background: Background): void {
    if (this.options.theme || background === this.painter.ground) return
    this.painter = new CellPainter(this.options.depth, background)
    this.changed()
  }

  begin(beginning: ChatBeginning): void {
    const { messages, files } = beginning
    this.answers.begin(beginning)
    this.sayMessages(messages)
    if (files.length === 0) return
    const characters = files.reduce((sum, text) => sum + text.length, 0)
    this.say('note', `${plural(files.length, 'file')}, ${characters} characters, go before your first message`)
  }

  restore(state: ConversationState): void {
    this.answers.restore(state)
    this.sayMessages(state.messages)
  }

  keep(occasion: KeepOccasion): void {
    if (!this.keeper.conversations) return
    const { messages, mask } = this.conversation
    const { system } = this.conversation.parts
    const state = { messages, system, model: modelWord(this.model), ...(mask && { mask: maskJson(mask) }) }
    void this.keeper.keep(state, occasion)
  }

  private sayMessages(messages: readonly ChatMessage[]): void {
    const { items, earlier } = lastTurns(messages, this.terminal?.size)
    if (earlier > 0) this.say('note', `... ${plural(earlier, 'earlier turn')}`)
    for (const { kind, text } of items) this.say(kind, text, { isEarlier: true })
  }

  /** Opens running thoughts or folds them; after them, shows the thoughts, calls and results of the last answer. */
  openThoughts(): void {
    const { isRunning, watcher } = this.answers.work
    const thought = watcher?.thought
    const running = thought?.isBlank === false ? [{ role: 'assistant', content: '', thinking: thought.text }] : []
    const text = [...this.conversation.latest, ...running].flatMap(trailOf).join('\n').trim()
    if (this.thought || (isRunning && text === '')) {
      this.areThoughtsOpen = !this.areThoughtsOpen
      return this.changed()
    }
    if (text === '') return this.say('note', 'the last answer came without thoughts')
    // Pressed again, the key adds nothing.
    const last = this.items.at(-1)
    if (last?.kind !== 'thoughts' || last.text !== harmless(text)) this.say('thoughts', text)
  }

  /** Shows the tokens of answers that were not written here on the map, if few have to be read. */
  async showFewAnswers(): Promise<void> {
    if (this.answers.isUnread) await this.answers.readAgain(QUICK)
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

  /** Stops the running answer; false if none runs. The user decides whether to send what was to follow it. */
  stop(): boolean {
    if (!this.answers.work.stop()) return false
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
    this.answers.replay.stop()
    this.answers.work.stop()
    this.changed()
    this.resolveEnded()
  }
}
