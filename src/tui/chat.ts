import { renameOptions } from '../errors.js'
import type { GenerateOptions, MemoryStats, Model } from '../generation/types.js'
import { plural } from '../numbers.js'
import { harmless } from '../terminal/cell-width.js'
import type { ColourDepth } from '../terminal/colours.js'
import type { ChatMessage } from '../text/chat-template.js'
import { runCommand } from './chat-commands.js'
import { type Answer, type AnswerWatcher, Conversation } from './conversation.js'
import { Editor } from './editor.js'
import type { InputHistory } from './input-history.js'
import type { Key, KeyName } from './keys.js'
import { CellPainter } from './map-colours.js'
import { type Settings, typedHere } from './settings.js'
import { parseSlash, type Suggestion, suggest } from './slash-commands.js'
import { TokenMap } from './token-map.js'

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
  readonly painter: CellPainter
  conversation: Conversation
  map: TokenMap
  settings: Settings = {}
  /** 'working' is a command that takes its time. */
  state: 'idle' | 'answering' | 'working' | 'ended' = 'idle'
  /** What has come of the running answer. */
  answer = ''
  lastAnswer?: Answer
  memory?: MemoryStats
  /** Ctrl-C was pressed, and will leave if pressed again. */
  leaving = false
  /** Whether the user left by Ctrl-C. */
  interrupted = false

  /** Resolves when the user has left. */
  readonly ended: Promise<void>
  /** Texts that go in front of the next question. */
  private readonly waiting: string[] = []
  private resolveEnded = () => {}
  private abort?: AbortController
  private readonly listeners = new Set<() => void>()
  private version = 0
  private frame?: NodeJS.Timeout

  constructor(
    public model: Model,
    readonly options: ChatOptions,
  ) {
    this.painter = new CellPainter(options.depth)
    this.conversation = new Conversation(model)
    this.map = new TokenMap(model.config)
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
    return suggest(this.editor.text)
  }

  press(key: Key): void {
    if (this.state === 'ended') return
    if (key.kind !== 'key' || key.name !== 'ctrl-c') this.leaving = false
    if (key.kind === 'key') this.pressKey(key.name)
    else {
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
    this.map = Object.assign(new TokenMap(model.config), { mode: this.map.mode })
    this.lastAnswer = undefined
  }

  /** Leaves; harmless a second time. */
  end(): void {
    if (this.state === 'ended') return
    this.abort?.abort()
    this.state = 'ended'
    this.changed()
    this.resolveEnded()
  }

  /** Answers a new text of the user's; texts that were waiting go in front of it. */
  ask(text: string): Promise<void> {
    this.say('user', text)
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
      const answer = await this.conversation.retry(watcher, options)
      if (!answer) this.say('note', 'there is nothing to answer yet')
      return answer
    })
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
    if (name === 'escape') this.map.selected = undefined
    else if (name === 'enter') this.enter()
    else if (name === 'tab') this.complete()
    else if (!this.walk(name) && !this.editor.press(name)) this.recall(name)
  }

  private interrupt(): void {
    if (this.state === 'answering' && !this.abort?.signal.aborted) return this.abort?.abort()
    if (this.leaving) {
      this.interrupted = true
      return this.end()
    }
    this.editor.set('')
    this.leaving = true
  }

  /** With nothing written, left and right go over the tokens of the answer, and up and down then over the layers. */
  private walk(name: KeyName): boolean {
    if (this.editor.text !== '' || this.map.mode === 'off') return false
    const isWalking = this.map.selected !== undefined
    if (name === 'left') return this.map.walk(-1)
    if (name === 'right') return isWalking && this.map.walk(1)
    if (!isWalking || (name !== 'up' && name !== 'down')) return false
    this.map.changeLayer(name === 'up' ? -1 : 1)
    return true
  }

  private recall(name: KeyName): void {
    const { history } = this.options
    const entry = name === 'up' ? history.older(this.editor.text) : name === 'down' ? history.newer() : undefined
    if (entry !== undefined) this.editor.set(entry)
  }

  private complete(): void {
    const [first, ...others] = this.suggestions
    if (!first) return
    const common = others.reduce((line, other) => commonStart(line, other.line), first.line)
    this.editor.set(others.length === 0 || common.length <= this.editor.text.length ? first.line : common)
  }

  private enter(): void {
    if (this.editor.breakAtBackslash()) return
    const text = this.editor.text
    if (text.trim() === '') return
    const command = parseSlash(text)
    if (this.state !== 'idle' && !(command && ANY_TIME.has(command.name))) return
    this.editor.set('')
    this.map.selected = undefined
    this.options.history.add(text)
    if (command) runCommand(this, command)
    else this.ask(text)
  }

  private async run(work: (watcher: AnswerWatcher, options: GenerateOptions) => Promise<Answer | undefined>) {
    this.abort = new AbortController()
    this.state = 'answering'
    this.answer = this.conversation.prefill
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
    if (answer.contextFull) this.say('note', "the answer ended where the model's context does; /reset begins anew")
    this.refreshMemory()
  }

  async refreshMemory(): Promise<void> {
    this.memory = await this.model.stats().catch(() => undefined)
    this.changed()
  }

  private watcher(): AnswerWatcher {
    const { tokenizer } = this.model
    let newest = ''
    return {
      text: (piece) => {
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

/** Commands that need not wait for an answer to end. */
const ANY_TIME = new Set(['help', 'map', 'experts', 'stats', 'exit'])

function commonStart(a: string, b: string): string {
  let length = 0
  while (length < a.length && a[length] === b[length]) length++
  return a.slice(0, length)
}
