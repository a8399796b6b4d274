import type { GenerateOptions } from '../../api/generation.js'
import type { MemoryStats, Model } from '../../api/model.js'
import { NoRoom, renameOptions } from '../../errors.js'
import { plural } from '../../numbers.js'
import { harmless } from '../../terminal/cell-width.js'
import { systemDropped } from '../../text/chat-frame.js'
import { Editor } from '../input/editor.js'
import type { HistorySearch } from '../input/history-search.js'
import type { Key } from '../input/keys.js'
import { CellPainter } from '../map/cell-painter.js'
import type { Background } from '../map/ramps.js'
import { TokenMap } from '../map/token-map.js'
import { Frames } from '../screen/frames.js'
import { runCommand } from './chat-commands.js'
import { ChatKeys } from './chat-keys.js'
import { cutNote, lengthNote } from './chat-notes.js'
import type { ChatBeginning, ChatItem, ChatOptions } from './chat-options.js'
import { watchAnswer } from './chat-watcher.js'
import { Conversation } from './conversation.js'
import { Replay } from './replay.js'
import type { Answer, AnswerWatcher } from './running-answer.js'
import { type Settings, typedHere } from './settings.js'
import { parseSlash, type Suggestion } from './slash-commands.js'

/** A conversation at the terminal: everything that is on the screen, and what each key does to it. Draws nothing. */
export class Chat {
  readonly items: ChatItem[] = []
  readonly editor = new Editor()
  painter: CellPainter
  conversation: Conversation
  map: TokenMap
  settings: Settings = {}
  /** 'working' is a command that takes its time. */
  state: 'idle' | 'answering' | 'working' | 'ended' = 'idle'
  /** What has come of the running answer. */
  answer = ''
  lastAnswer?: Answer
  /** How far the prompt of the running answer has been read, while that takes a while. */
  reading?: string
  /** Most tokens per second of an answer. */
  pace?: number
  memory?: MemoryStats
  /** Whether the user left by Ctrl-C. */
  interrupted = false

  /** Resolves when the user has left. */
  readonly ended: Promise<void>
  /** Texts that go in front of the next question. */
  private readonly waiting: string[] = []
  /** What was sent while something else went on. */
  private readonly queue: string[] = []
  private readonly keys: ChatKeys
  private replay: Replay
  /** Times that the last question was answered once more. */
  private retries = 0
  private hasWarnedOfLength = false
  private warnedOfSystem?: Model
  private resolveEnded = () => {}
  private abort?: AbortController
  private readonly frames = new Frames()

  constructor(
    public model: Model,
    readonly options: ChatOptions,
  ) {
    this.painter = new CellPainter(options.depth, options.background)
    this.pace = options.pace
    this.keys = new ChatKeys(this)
    this.conversation = new Conversation(model)
    this.map = new TokenMap(model.config)
    this.replay = new Replay(this.map, () => this.changed())
    this.ended = new Promise((resolve) => {
      this.resolveEnded = resolve
    })
  }

  readonly subscribe = (listener: () => void) => this.frames.subscribe(listener)

  /** Changes with everything that is to be drawn. */
  readonly getVersion = () => this.frames.version

  /** Ways to complete the line that is being written. */
  get suggestions(): Suggestion[] {
    return this.search ? [] : this.keys.completion.suggestions
  }

  /** Number of the suggestion that is chosen. */
  get chosen(): number | undefined {
    return this.keys.completion.chosen
  }

  /** A question for the empty line, before the first one is asked: a newcomer cannot know what nano knows. */
  get placeholder(): string | undefined {
    const { options, model, items, editor, state } = this
    const isFirst = model.name === 'nano' && state === 'idle' && !items.some(({ kind }) => kind === 'user')
    // Without colour it would look as if it were written.
    return isFirst && editor.text === '' && options.depth !== 'none' ? 'What is a lighthouse?' : undefined
  }

  /** A search in what was written before, while it goes on. */
  get search(): HistorySearch | undefined {
    return this.keys.search
  }

  /** Whether Ctrl-C was pressed, and will leave if pressed again. */
  get leaving(): boolean {
    return this.keys.leaving
  }

  /** Messages that wait for the end of what goes on. */
  get queued(): number {
    return this.queue.length
  }

  /** Whether an answer is being shown once more. */
  get isPlaying(): boolean {
    return this.replay.isOn
  }

  press(key: Key): void {
    if (this.state === 'ended') return
    if (key.kind === 'background') return this.setBackground(key.isLight ? 'light' : 'dark')
    this.replay.stop()
    this.keys.press(key)
    this.changed()
  }

  /** Adds to what is finished. */
  say(kind: ChatItem['kind'], text: string, rows?: ChatItem['rows']): void {
    this.items.push({ id: this.items.length, kind, text: harmless(text), rows })
    this.changed()
  }

  fail(error: unknown): void {
    this.say('error', renameOptions(messageOf(error), typedHere))
  }

  /** Goes on with another model. */
  use(model: Model): void {
    const { messages, system, prefill, templateArgs } = this.conversation
    this.model = model
    this.conversation = new Conversation(model)
    this.conversation.messages.push(...messages)
    Object.assign(this.conversation, { system, prefill, templateArgs })
    this.map = Object.assign(new TokenMap(model.config), { mode: this.map.mode, hasWalked: this.map.hasWalked })
    this.replay.stop()
    this.replay = new Replay(this.map, () => this.changed())
    this.lastAnswer = undefined
  }

  /** Leaves; harmless a second time. */
  end(how: 'left' | 'interrupted' = 'left'): void {
    if (this.state === 'ended') return
    this.interrupted = how === 'interrupted'
    this.replay.stop()
    this.abort?.abort()
    this.state = 'ended'
    this.changed()
    this.resolveEnded()
  }

  /** Answers a new text of the user's; texts that were waiting go in front of it. */
  ask(text: string): Promise<void> {
    this.say('user', text)
    this.retries = 0
    const whole = [...this.waiting, text].join('\n')
    return this.run(async (watcher, options) => {
      const answer = await this.conversation.ask(whole, watcher, options)
      this.waiting.length = 0
      return answer
    })
  }

  /** Begins with what the command line gives: a system text, messages, texts that go before the first question. */
  begin({ system, prefill, messages, args, files }: ChatBeginning): void {
    Object.assign(this.conversation, { system, prefill, templateArgs: args })
    for (const { role, content } of messages) {
      this.conversation.messages.push({ role, content })
      this.say(role === 'assistant' ? 'answer' : role === 'user' ? 'user' : 'note', content)
    }
    this.waiting.push(...files)
    if (files.length === 0) return
    const characters = files.reduce((sum, text) => sum + text.length, 0)
    this.say('note', `${plural(files.length, 'file')}, ${characters} characters, go before your first message`)
  }

  /** Answers the last text again. */
  async retry(): Promise<void> {
    await this.run(async (watcher, options) => {
      const seed = options.seed === undefined ? undefined : options.seed + ++this.retries
      const answer = await this.conversation.retry(watcher, { ...options, seed })
      if (!answer) this.say('note', 'there is nothing to answer yet')
      return answer
    })
  }

  /** Goes on with the last answer. */
  async goOn(): Promise<void> {
    const last = this.conversation.messages.at(-1)
    const begun = last?.role === 'assistant' ? last.content : undefined
    await this.run(async (watcher, options) => {
      const answer = await this.conversation.goOn(watcher, options)
      if (!answer) this.say('note', 'there is no answer to resume')
      return answer
    }, begun)
  }

  /** Shows the last answer once more; false where there is none. */
  play(pace?: number): boolean {
    return this.replay.start(pace)
  }

  /** Forgets the conversation. */
  reset(): void {
    this.conversation.reset()
    this.map.reset()
    this.lastAnswer = undefined
    this.hasWarnedOfLength = false
  }

  /** Draws: at once what the user does, with the next frame what the model does. */
  changed(when: 'now' | 'soon' = 'now'): void {
    this.frames.draw(when)
  }

  /** Does what a line asks for, or will when what goes on has ended. */
  submit(text: string): void {
    const command = parseSlash(text)
    if (this.state === 'idle' || (command && ANY_TIME.has(command.name))) this.send(text)
    else this.queue.push(text)
  }

  /** Stops the running answer; false where there is none. */
  stop(): boolean {
    if (this.state !== 'answering' || this.abort?.signal.aborted) return false
    // What waits was meant to come after the answer: it is for its writer to say whether it still is.
    if (this.editor.text === '') this.editor.set(this.queue.join('\n'))
    this.queue.length = 0
    this.abort?.abort()
    return true
  }

  private setBackground(background: Background): void {
    if (background === this.painter.ground) return
    this.painter = new CellPainter(this.options.depth, background)
    this.changed()
  }

  /** Does what a line asks for; afterwards, what has been waiting for that. */
  private async send(text: string): Promise<void> {
    const command = parseSlash(text)
    if (command) this.say('command', text)
    await (command ? runCommand(this, command) : this.ask(text))
    const next = this.state === 'idle' ? this.queue.shift() : undefined
    if (next !== undefined) await this.send(next)
  }

  /** An answer, of which a part may have been there before. */
  private async run(
    work: (watcher: AnswerWatcher, options: GenerateOptions) => Promise<Answer | undefined>,
    begun = this.conversation.prefill,
  ) {
    this.abort = new AbortController()
    this.state = 'answering'
    this.answer = harmless(begun)
    this.map.beginAnswer()
    this.changed()
    try {
      const options = { ...this.options.generation, ...this.settings, signal: this.abort.signal }
      const answer = await work(watchAnswer(this, this.abort.signal), options)
      if (answer) this.finish(answer)
    } catch (error) {
      if (!this.isOver) this.fail(error)
    } finally {
      this.answer = ''
      this.reading = undefined
      this.map.settle()
      if (!this.isOver) this.state = 'idle'
      this.changed()
    }
  }

  private get isOver(): boolean {
    return this.state === 'ended'
  }

  private finish(answer: Answer): void {
    this.answer = ''
    if (answer.hadEnded) {
      this.map.dropAnswer()
      return this.say('note', 'the answer had ended; nothing came')
    }
    this.lastAnswer = answer
    this.say('answer', answer.text.trimEnd())
    if (answer.finishReason === 'interrupted') {
      this.say('note', `interrupted: ${answer.text === '' ? '/retry answers again' : '/continue resumes it'}`)
    } else if (answer.finishReason === 'length' && !answer.contextFull) this.say('note', cutNote(this.map.answerLength))
    if (answer.contextFull) this.say('note', "the answer ended where the model's context does; /reset begins again")
    this.refreshMemory()
  }

  /** Says once of a model that its template leaves system texts out. */
  warnOfSystem(): void {
    if (this.warnedOfSystem === this.model) return
    this.warnedOfSystem = this.model
    this.say('note', systemDropped(this.model.name))
  }

  /** Says once when the conversation is longer than anything that the model was trained on. */
  warnOfLength(tokens: number): void {
    const { context } = { ...this.options.generation, ...this.settings }
    const note = this.hasWarnedOfLength ? undefined : lengthNote(tokens, this.model, context)
    if (note === undefined) return
    this.hasWarnedOfLength = true
    this.say('note', note)
  }

  async refreshMemory(): Promise<void> {
    this.memory = await this.model.stats().catch(() => undefined)
    this.changed()
  }
}

/** Commands that need not wait for an answer to end. */
const ANY_TIME = new Set(['help', 'map', 'pace', 'experts', 'stats', 'history', 'exit'])

function messageOf(error: unknown): string {
  // The library's message advises on sessions, of which a conversation is one.
  if (error instanceof NoRoom) {
    return 'no room for more text in the 4 GiB of a WebAssembly memory; /reset begins again, /set context N counts only the latest N tokens'
  }
  return error instanceof Error ? error.message : String(error)
}
