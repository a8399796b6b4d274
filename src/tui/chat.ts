import { setTimeout as wait } from 'node:timers/promises'
import { renameOptions } from '../errors.js'
import type { GenerateOptions, MemoryStats, Model } from '../generation/types.js'
import { plural } from '../numbers.js'
import { harmless } from '../terminal/cell-width.js'
import type { ColourDepth } from '../terminal/colours.js'
import { describeReading } from '../terminal/reading.js'
import type { ChatMessage } from '../text/chat-template.js'
import { CellPainter } from './cell-painter.js'
import { runCommand } from './chat-commands.js'
import { cutNote, lengthNote } from './chat-notes.js'
import { Completion } from './completion.js'
import { type Answer, type AnswerWatcher, Conversation } from './conversation.js'
import { Editor } from './editor.js'
import { HistorySearch } from './history-search.js'
import type { InputHistory } from './input-history.js'
import type { Key, KeyName } from './keys.js'
import type { Background } from './map-ramps.js'
import { Replay } from './replay.js'
import { type Settings, typedHere } from './settings.js'
import { parseSlash, type Suggestion } from './slash-commands.js'
import { type Stride, TokenMap } from './token-map.js'

/** A finished piece of the conversation, for the terminal's scrollback. */
export interface ChatItem {
  id: number
  kind: 'user' | 'answer' | 'note' | 'error'
  text: string
}

/** What a conversation begins with. */
export interface ChatBeginning {
  system: string
  prefill: string
  messages: readonly ChatMessage[]
  /** Values for the chat template. */
  args: Readonly<Record<string, unknown>>
  /** Texts that go before the first question. */
  files: readonly string[]
}

export interface ChatOptions {
  history: InputHistory
  depth: ColourDepth
  /** What the terminal draws on, as far as the environment tells. */
  background?: Background
  /** Most tokens per second of an answer; absent, as fast as it goes. */
  pace?: number
  /** Names of models on this computer. */
  modelNames?: readonly string[]
  /** Options of generation from the command line. */
  generation: GenerateOptions
  loadModel: (name: string, onWarning?: (message: string) => void) => Promise<Model>
}

/** So often a running answer is drawn: 12 times a second are seen as steady, and leave the cores to the model. */
const FRAME_MS = 80

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
  /** A search in what was written before, while it goes on. */
  search?: HistorySearch
  /** Most tokens per second of an answer. */
  pace?: number
  memory?: MemoryStats
  /** Ctrl-C was pressed, and will leave if pressed again. */
  leaving = false
  /** Whether the user left by Ctrl-C. */
  interrupted = false

  /** Resolves when the user has left. */
  readonly ended: Promise<void>
  /** Texts that go in front of the next question. */
  private readonly waiting: string[] = []
  /** What was sent while something else went on. */
  private readonly queue: string[] = []
  private readonly completion: Completion
  private replay: Replay
  /** Times that the last question was answered once more. */
  private retries = 0
  private hasWarnedOfLength = false
  private resolveEnded = () => {}
  private abort?: AbortController
  private readonly listeners = new Set<() => void>()
  private version = 0
  private frame?: NodeJS.Timeout

  constructor(
    public model: Model,
    readonly options: ChatOptions,
  ) {
    this.painter = new CellPainter(options.depth, options.background)
    this.pace = options.pace
    this.completion = new Completion(this.editor, () => options.modelNames ?? [])
    this.conversation = new Conversation(model)
    this.map = new TokenMap(model.config)
    this.replay = new Replay(this.map, () => this.changed())
    this.ended = new Promise((resolve) => {
      this.resolveEnded = resolve
    })
  }

  readonly subscribe = (listener: () => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** Changes with everything that is to be drawn. */
  readonly getVersion = () => this.version

  /** Ways to complete the line that is being written. */
  get suggestions(): Suggestion[] {
    return this.search ? [] : this.completion.suggestions
  }

  /** Number of the suggestion that is chosen. */
  get chosen(): number | undefined {
    return this.completion.chosen
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
    if (key.kind !== 'key' || key.name !== 'ctrl-c') this.leaving = false
    this.replay.stop()
    if (this.search) this.pressInSearch(this.search, key)
    else if (key.kind === 'key') this.pressKey(key.name)
    else {
      this.completion.end()
      this.map.selected = undefined
      this.editor.insert(harmless(key.text))
    }
    this.changed()
  }

  /** Adds to what is finished. */
  say(kind: ChatItem['kind'], text: string): void {
    this.items.push({ id: this.items.length, kind, text: harmless(text) })
    this.changed()
  }

  fail(error: unknown): void {
    this.say('error', renameOptions(error instanceof Error ? error.message : String(error), typedHere))
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
  end(): void {
    if (this.state === 'ended') return
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
      if (!answer) this.say('note', 'there is no answer to go on with')
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

  /** Draws soon: at once for what the user does, with the next frame for what the model does. */
  changed(when: 'now' | 'soon' = 'now'): void {
    if (when === 'soon') {
      this.frame ??= setTimeout(() => this.changed(), FRAME_MS)
      return
    }
    clearTimeout(this.frame)
    this.frame = undefined
    this.version++
    for (const listener of this.listeners) listener()
  }

  private pressKey(name: KeyName): void {
    if (name === 'ctrl-c') return this.interrupt()
    if (name === 'ctrl-d') return this.editor.text === '' ? this.end() : void this.editor.press('delete')
    if (name === 'tab') return this.completion.tab()
    const isBrowsing = this.options.history.isBrowsing
    if (name === 'down' && !isBrowsing && this.completion.choose(1)) return
    if (name === 'up' && this.completion.choose(-1)) return
    this.completion.end()
    if (name === 'escape') this.map.selected = undefined
    else if (name === 'enter') this.enter()
    else if (name === 'search') this.search = new HistorySearch(this.options.history)
    else if (!this.walk(name) && !this.editor.press(name)) this.recall(name)
  }

  private interrupt(): void {
    if (this.state === 'answering' && !this.abort?.signal.aborted) {
      // What waits was meant to come after the answer: it is for its writer to say whether it still is.
      if (this.editor.text === '') this.editor.set(this.queue.join('\n'))
      this.queue.length = 0
      return this.abort?.abort()
    }
    if (this.leaving) {
      this.interrupted = true
      return this.end()
    }
    this.editor.set('')
    this.leaving = true
  }

  /** With nothing written, left and right go over the tokens, and up and down then over the layers. */
  private walk(name: KeyName): boolean {
    if (this.editor.text !== '' || this.map.mode === 'off') return false
    const isWalking = this.map.selected !== undefined
    if (name === 'left') return this.map.walk(-1)
    if (name === 'right') return isWalking && this.map.walk(1)
    const stride = STRIDES[name]
    if (stride && (isWalking || name === 'word-left' || name === 'home')) return this.map.stride(stride)
    if (!isWalking || (name !== 'up' && name !== 'down')) return false
    this.map.changeLayer(name === 'up' ? -1 : 1)
    return true
  }

  private recall(name: KeyName): void {
    const { history } = this.options
    const { text } = this.editor
    const entry = name === 'up' ? history.older(text) : name === 'down' ? history.newer(text) : undefined
    if (entry !== undefined) this.editor.set(entry)
  }

  private pressInSearch(search: HistorySearch, key: Key): void {
    if (search.press(key)) return
    this.search = undefined
    if (search.taken !== undefined) this.editor.set(search.taken)
  }

  private setBackground(background: Background): void {
    if (background === this.painter.ground) return
    this.painter = new CellPainter(this.options.depth, background)
    this.changed()
  }

  private enter(): void {
    if (this.editor.breakAtBackslash()) return
    const text = this.editor.text
    if (text.trim() === '') return
    const command = parseSlash(text)
    this.editor.set('')
    this.map.selected = undefined
    this.options.history.add(text)
    if (this.state === 'idle' || (command && ANY_TIME.has(command.name))) this.send(text)
    else this.queue.push(text)
  }

  /** Does what a line asks for; afterwards, what has been waiting for that. */
  private async send(text: string): Promise<void> {
    const command = parseSlash(text)
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
      const answer = await work(this.watcher(), options)
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
    this.lastAnswer = answer
    this.answer = ''
    this.say('answer', answer.text.trimEnd())
    if (answer.finishReason === 'interrupted') this.say('note', 'interrupted')
    else if (answer.finishReason === 'length' && !answer.contextFull) this.say('note', cutNote(this.map.answerLength))
    if (answer.contextFull) this.say('note', "the answer ended where the model's context does; /reset begins anew")
    this.refreshMemory()
  }

  /** Says once when the conversation is longer than anything that the model was trained on. */
  private warnOfLength(tokens: number): void {
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

  private watcher(): AnswerWatcher {
    const { tokenizer } = this.model
    let newest = ''
    let due = 0
    return {
      prompt: (tokens) => this.warnOfLength(tokens),
      progress: (progress) => {
        this.reading = progress.total > LONG ? describeReading(progress) : undefined
        this.changed('soon')
      },
      read: (tokens, routes) => {
        this.map.read(
          tokens.map((token) => tokenizer.decode([token])),
          routes,
        )
      },
      pause: async () => {
        if (this.pace === undefined) return
        const now = performance.now()
        due = Math.max(now, due + 1000 / this.pace)
        this.changed('soon')
        // An abort ends the pause as it ends the answer.
        if (due > now) await wait(due - now, undefined, { signal: this.abort?.signal }).catch(() => undefined)
      },
      text: (piece) => {
        this.reading = undefined
        this.answer += harmless(piece)
        this.changed('soon')
      },
      token: (token) => {
        newest = tokenizer.decode([token])
      },
      routes: (routes) => {
        this.map.add(newest, routes)
        this.changed('soon')
      },
      leftOut: (messages) => {
        this.say('note', `the model's context is full: ${plural(messages, 'old message')} left out from here on`)
      },
      end: (tokens) => this.map.endAnswer(tokens),
    }
  }
}

/** Shorter prompts are read at once. */
const LONG = 256

const STRIDES: Partial<Record<KeyName, Stride>> = {
  'word-left': 'word-back',
  'word-right': 'word-on',
  home: 'first',
  end: 'last',
}

/** Commands that need not wait for an answer to end. */
const ANY_TIME = new Set(['help', 'map', 'pace', 'experts', 'stats', 'history', 'exit'])
