import type { Asking } from '../../api/ask-options.js'
import type { GenerateOptions } from '../../api/generation.js'
import type { Model } from '../../api/model.js'
import type { ChatMessage, ToolCall } from '../../api/text.js'
import type { AnswerEnd } from '../../engine/session/answer.js'
import { type Prompt, type Said, writeFittingPrompt, writePrompt } from '../../engine/session/prompt.js'
import { takeTurn } from '../../engine/session/turn.js'
import { NoRoom, UserError } from '../../ground/errors.js'
import type { ExpertMask } from '../../model/config/expert-mask.js'
import { isEmpty, locateAnswers } from './answers/locate-answers.js'
import { type ReadAnswers, type ReadOptions, ReadTokens } from './answers/read-tokens.js'
import { type AnswerWatcher, type CallWatcher, type FinishedAnswer, RunningAnswer } from './answers/running-answer.js'

/** Texts of a conversation besides its messages, and how the model is asked. */
export interface PromptParts extends Required<Omit<Said, 'messages' | 'text' | 'isRaw'>> {
  asking: Asking
}

/** The parts of a conversation that are saved. */
export interface ConversationState {
  messages: readonly ChatMessage[]
  system: string
}

/** How a turn is followed, its options, and the follower of its calls. */
type TurnArguments = [watcher: AnswerWatcher, options?: GenerateOptions, calls?: CallWatcher]

/** Turns of a user and a model over one session. Only new tokens are run while its cache agrees with the turns. */
export class Conversation {
  readonly messages: ChatMessage[] = []
  readonly parts: PromptParts = { system: '', prefill: '', args: {}, asking: {} }
  /** Index of the first message in the prompt. Those before it have no room in the model's context. */
  private first = 0
  readonly read: ReadTokens

  /** Throws a UserError if the mask does not fit the model. */
  constructor(
    private readonly model: Model,
    mask?: ExpertMask,
  ) {
    this.read = new ReadTokens(model, mask)
  }

  /** Whether the form of the model's calls is known, so that it can be offered tools. */
  get callsTools(): boolean {
    return this.model.chatTemplate?.response?.fields.tool_calls !== undefined
  }

  get mask(): ExpertMask | undefined {
    return this.read.mask
  }

  /** Adds messages, and sets the texts around them; default: as they are. */
  begin({ messages = [], ...parts }: Partial<PromptParts> & { messages?: readonly ChatMessage[] }): void {
    for (const message of messages) this.messages.push(message)
    Object.assign(this.parts, parts)
  }

  /** The same conversation with another model, which has read nothing of it. */
  forModel(model: Model, mask?: ExpertMask): Conversation {
    const conversation = new Conversation(model, mask)
    conversation.begin({ ...this.parts, messages: this.messages })
    return conversation
  }

  /** Number of tokens in the cache, or to be read again into it. */
  get length(): number {
    return this.read.length
  }

  /** Adds a turn and its answers, also aborted ones. Gives the last; undefined if calls have been broken off. */
  async ask(text: string, ...given: TurnArguments): Promise<FinishedAnswer | undefined> {
    return this.orAsBefore(() => {
      this.messages.push({ role: 'user', content: text })
      return this.answer(given)
    })
  }

  /** Index of the user's last turn, if it is answered or the last of all; else -1. */
  get question(): number {
    const last = this.messages.findLastIndex((message) => !isReply(message))
    const after = this.messages.slice(last + 1)
    const isOneAnswer = after.length < 2 || after.some(({ role }) => role === 'tool')
    return isOneAnswer && this.messages[last]?.role === 'user' ? last : -1
  }

  /** The messages after the user's last turn: answers, and results of the calls in them. */
  get latest(): readonly ChatMessage[] {
    return this.messages.slice(this.messages.findLastIndex(({ role }) => role === 'user') + 1)
  }

  /** The conversation up to the answer to the last question, whose index must not be -1. */
  promptAgain(watcher: AnswerWatcher, options: GenerateOptions): Promise<Prompt> {
    return this.nextPrompt(watcher, options, { end: this.question + 1 })
  }

  /** Answers the user's last turn again, whose index must not be -1. */
  async retry(...given: TurnArguments): Promise<FinishedAnswer | undefined> {
    return this.orAsBefore(() => {
      this.messages.length = this.question + 1
      return this.answer(given)
    })
  }

  /** Runs the open calls and answers their results, else continues the last answer, which must be there. */
  async resume(...given: TurnArguments): Promise<FinishedAnswer | undefined> {
    const [, , calls] = given
    const open = calls ? this.openCalls : []
    return this.orAsBefore(() => this.answer(given, open.length > 0 ? { open } : { begun: this.messages.pop() }))
  }

  /** Calls of the last answer that have no results yet, if nothing but results comes after it. */
  get openCalls(): readonly ToolCall[] {
    const last = this.messages.findLastIndex(({ role }) => role !== 'tool')
    const { role, toolCalls = [] } = this.messages[last] ?? {}
    return role === 'assistant' ? toolCalls.slice(this.messages.length - 1 - last) : []
  }

  /** Adds the results of calls and, if no call lacks its own, an empty answer, which `resume` continues. */
  breakOff(results: readonly ChatMessage[]): void {
    this.messages.push(...results)
    if (this.openCalls.length === 0) this.messages.push({ role: 'assistant', content: '' })
  }

  private async orAsBefore<T>(work: () => Promise<T>): Promise<T> {
    const before = [...this.messages]
    try {
      return await work()
    } catch (error) {
      this.messages.splice(0, Infinity, ...before)
      throw error
    }
  }

  /** Takes back the user's last turn and its answer, and returns the user's text; undefined if there is none. */
  undo(): string | undefined {
    const isAnswered = this.latest.some((message) => !isEmpty(message))
    while (isReply(this.messages.at(-1))) this.messages.pop()
    this.first = 0
    const message = this.messages.pop()
    this.read.undo(message, isAnswered)
    return message?.content
  }

  reset(): void {
    this.messages.length = 0
    this.first = 0
    this.read.forget()
  }

  restore({ messages, system }: ConversationState): void {
    this.reset()
    this.begin({ messages, system })
  }

  /**
   * Reads the last answers again, to report their experts: the tokens at their end, and the tokens before them that the
   * cache lacks. Undefined if there are no answers, or more than `most` tokens to read. An abort leaves less in the
   * cache.
   */
  async readAgain({ most = Infinity, ...options }: ReadOptions & { most?: number }): Promise<ReadAnswers | undefined> {
    const { read, model, messages, first, parts } = this
    const cached = read.idsTo(messages.at(-1))
    const { signal } = options
    const located = await locateAnswers(model, { messages, first, parts, cached, signal })
    return located && read.again(located, most, options)
  }

  /** Adds answers and results of their calls. The first answer continues `begun`, or follows the results of `open` calls. */
  private async answer(
    [watcher, options = {}, calls]: TurnArguments,
    { begun, open = [] }: { begun?: ChatMessage; open?: readonly ToolCall[] } = {},
  ): Promise<FinishedAnswer | undefined> {
    const { read, model } = this
    const { signal } = options
    let running: RunningAnswer | undefined
    let isCalling = false
    let hasResults = false
    // Answers to results continue no message.
    const continued = () => (hasResults ? undefined : begun)
    const turn = takeTurn({
      asking: this.parts.asking,
      tools: () => calls?.tools ?? this.parts.asking.tools ?? [],
      allow: calls && ((call, tool) => calls.allow(call, tool)),
      calls: open,
      write: (_, asking) => {
        if (hasResults) calls?.asksAgain()
        return this.nextPrompt(watcher, options, { asking, begun: continued() })
      },
      generate: ({ ids }, generation) => read.generate(ids, this.messages.at(-1), watcher, generation),
      generation: { ...options, onPromptProgress: (progress) => watcher.progress(progress) },
    })
    const conclude = (end?: AnswerEnd): FinishedAnswer => {
      const finished = this.conclude(running?.end(end, model.tokenizer), continued())
      return { ...finished, continues: finished.continues || hasResults }
    }
    try {
      for await (const event of turn) {
        switch (event.kind) {
          case 'prompt': {
            const { prompt, answer } = event
            running = new RunningAnswer(watcher, answer, prompt.ids, continued())
            watcher.prompt(prompt)
            break
          }
          case 'token':
            running?.add(event)
            break
          case 'answer': {
            const finished = conclude(event)
            running = undefined
            if (!finished.calls || !calls || calls.tools.length === 0) return finished
            calls.answered(finished)
            break
          }
          case 'call':
            isCalling = true
            calls?.called(event.call)
            break
          case 'result':
            isCalling = false
            hasResults = true
            this.messages.push(event.message)
            calls?.result(event.message)
        }
      }
    } catch (error) {
      if (!signal?.aborted) {
        // A refused question leaves the cache whole. After other failures its state is unknown, or it must make room.
        if (!(error instanceof UserError) || error instanceof NoRoom) read.forget()
        if (!hasResults) throw error
        calls?.failed(error)
      } else if (!isCalling) {
        // The part that was read stays for the next prompt, and for the cache in a file.
        if (running) read.keepRead(running.prompt)
        return conclude()
      }
    }
    this.breakOff(calls?.stopped() ?? [])
    calls?.brokeOff(this.openCalls.length > 0, signal?.aborted)
    return undefined
  }

  /** Adds an answer. Without one, it was interrupted before it was asked for. */
  private conclude(ended: ReturnType<RunningAnswer['end']> | undefined, begun?: ChatMessage): FinishedAnswer {
    const nothing = begun ?? { role: 'assistant', content: this.parts.prefill }
    this.messages.push(ended?.newest.message ?? nothing)
    if (!ended) {
      const { content: text, thinking } = nothing
      return { text, thinking, continues: begun !== undefined, finishReason: 'interrupted' }
    }
    this.read.wrote(ended.newest)
    return ended.finished
  }

  /** The conversation up to a new answer, from now on without turns that have no room; or to the end of `begun`. */
  private async nextPrompt(
    watcher: AnswerWatcher,
    options: GenerateOptions,
    { asking = this.parts.asking, end = Infinity, begun }: { asking?: Asking; end?: number; begun?: ChatMessage } = {},
  ): Promise<Prompt> {
    const { first, model } = this
    const { asking: _, ...texts } = this.parts
    if (begun) {
      const messages = [...this.messages.slice(first), ...(isEmpty(begun) ? [] : [begun])]
      const prompt = await writePrompt(model, { ...texts, messages, prefill: '' }, asking, options)
      const newest = this.read.newestIs(begun)
      // The ids of a text that the model wrote stay: encoded again, they might be others.
      return newest ? { ...prompt, ids: newest.ids, reading: newest.reading, written: newest.raw } : prompt
    }
    const said = { ...texts, messages: this.messages.slice(0, end), first }
    const prompt = await writeFittingPrompt(model, said, asking, options)
    this.first = prompt.first
    if (this.first > first) watcher.leftOut(this.first)
    return prompt
  }
}

/** Whether a message is part of the answer to a question. */
function isReply(message?: ChatMessage): boolean {
  return message?.role === 'assistant' || message?.role === 'tool'
}
