import type { Asking } from '../../../api/ask-options.js'
import type { GenerateOptions } from '../../../api/generation.js'
import type { Model } from '../../../api/model.js'
import type { LayerRoutes } from '../../../api/routes.js'
import type { ChatMessage, ToolCall } from '../../../api/text.js'
import type { AnswerEnd, AnswerToken } from '../../../engine/session/answer.js'
import { type Prompt, type Said, writeFittingPrompt, writePrompt } from '../../../engine/session/prompt.js'
import type { OfferedTool, RunCallsOptions } from '../../../engine/session/run-calls.js'
import { type TurnEvent, takeTurn } from '../../../engine/session/turn.js'
import { NoRoom, UserError } from '../../../ground/errors.js'
import type { ExpertMask } from '../../../model/config/expert-mask.js'
import { isEmpty, locateAnswers } from './locate-answers.js'
import { type ReadAnswers, type ReadOptions, ReadTokens } from './read-tokens.js'
import { type FinishedAnswer, RunningAnswer } from './running-answer.js'
import { isReply, TurnMessages } from './turn-messages.js'

/** Texts of a conversation besides its messages, and how the model is asked. */
export interface PromptParts extends Required<Omit<Said, 'messages' | 'text' | 'isRaw'>> {
  asking: Asking
}

/** The parts of a conversation that are saved. */
export interface ConversationState {
  messages: readonly ChatMessage[]
  system: string
}

export interface TurnOptions extends GenerateOptions, Pick<RunCallsOptions, 'allow'> {}

/** A prompt, with the number of the oldest messages that no longer fit into the model's context, if it has risen. */
type FittingPrompt = Prompt & { leftOut?: number }

/** The course of a turn: events of the engine, and events that the conversation adds or makes of them. */
export type ConversationEvent =
  | Extract<TurnEvent, { kind: 'token' | 'call' | 'result' }>
  /** The prompt of the next answer, before its new tokens are read. */
  | { kind: 'prompt'; prompt: FittingPrompt }
  /** The last new tokens before the answer have been read, with the routes of all of them. */
  | { kind: 'read'; tokens: readonly number[]; routes: readonly LayerRoutes[] }
  /** An answer has ended or was interrupted; after the last one nothing comes. `events` were held back until its end. */
  | { kind: 'answer'; answer: FinishedAnswer; events: AnswerToken['events']; isLast: boolean }
  /** The model could not answer the results of its calls, which stay. */
  | { kind: 'failed'; error: unknown }
  /** The turn has ended without an answer, and maybe with calls that have no results. */
  | { kind: 'broken-off'; hasOpenCalls: boolean; isInterrupted: boolean }

/** Turns of a user and a model over one session. Only new tokens are run while its cache agrees with the turns. */
export class Conversation extends TurnMessages {
  readonly parts: PromptParts = { system: '', prefill: '', args: {}, asking: {} }
  /** Index of the first message in the prompt. Those before it have no room in the model's context. */
  private first = 0
  readonly read: ReadTokens
  /** Tools that there are now. */
  private readonly offered: () => readonly OfferedTool[]

  /** Throws a UserError if the mask does not fit the model. */
  constructor(
    private readonly model: Model,
    { mask, offered = () => [] }: { mask?: ExpertMask; offered?: () => readonly OfferedTool[] } = {},
  ) {
    super()
    this.read = new ReadTokens(model, mask)
    this.offered = offered
  }

  /** Whether the form of the model's calls is known, so that it can be offered tools. */
  get callsTools(): boolean {
    return this.model.chatTemplate?.response?.fields.tool_calls !== undefined
  }

  /** Tools that the model may call in the next answer. */
  private get tools(): readonly OfferedTool[] {
    return this.callsTools ? this.offered() : []
  }

  /** How the model is asked now. */
  get asking(): Asking {
    const { tools } = this
    return { ...this.parts.asking, ...(tools.length > 0 && { tools }) }
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
    const conversation = new Conversation(model, { mask, offered: this.offered })
    conversation.begin({ ...this.parts, messages: this.messages })
    return conversation
  }

  /** Number of tokens in the cache, or to be read again into it. */
  get length(): number {
    return this.read.length
  }

  /** Adds a turn and its answers, also aborted ones. An error leaves the turns as they were. */
  ask(text: string, options?: TurnOptions): AsyncGenerator<ConversationEvent, void> {
    const before = [...this.messages]
    this.messages.push({ role: 'user', content: text })
    return this.answer(options, { before })
  }

  /** The conversation up to the answer to the last question, whose index must not be -1. */
  promptAgain(options: GenerateOptions): Promise<FittingPrompt> {
    return this.nextPrompt(options, { end: this.question + 1 })
  }

  /** Answers the user's last turn again, whose index must not be -1. */
  retry(options?: TurnOptions): AsyncGenerator<ConversationEvent, void> {
    const before = this.messages.splice(0, Infinity, ...this.messages.slice(0, this.question + 1))
    return this.answer(options, { before })
  }

  /** Runs the open calls and answers their results, else continues the last answer, which must be there. */
  resume(options?: TurnOptions): AsyncGenerator<ConversationEvent, void> {
    const before = [...this.messages]
    const open = this.openCalls
    return this.answer(options, open.length > 0 ? { before, open } : { before, partial: this.messages.pop() })
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
    const { read, model, messages, first, asking } = this
    const parts = { ...this.parts, asking }
    const cached = read.idsTo(messages.at(-1))
    const { signal } = options
    const located = await locateAnswers(model, { messages, first, parts, cached, signal })
    return located && read.again(located, most, options)
  }

  /**
   * Adds answers and results of their calls. The first answer continues `partial`, or follows the results of `open` calls. An
   * error before any result brings back the messages `before`.
   */
  private async *answer(
    { allow = () => true, ...options }: TurnOptions = {},
    {
      before,
      partial,
      open = [],
    }: { before: readonly ChatMessage[]; partial?: ChatMessage; open?: readonly ToolCall[] },
  ): AsyncGenerator<ConversationEvent, void> {
    const { read, model } = this
    const { signal } = options
    let running: RunningAnswer | undefined
    let calling: { call: ToolCall; isRunning: boolean } | undefined
    let hasResults = false
    let leftOut: number | undefined
    let rest: readonly number[] = []
    // Answers to results continue no message.
    const continued = () => (hasResults ? undefined : partial)
    const turn = takeTurn({
      asking: this.parts.asking,
      tools: () => this.tools,
      allow: async (call, tool) => {
        const isAllowed = await allow(call, tool)
        calling = { call, isRunning: isAllowed === true }
        return isAllowed
      },
      calls: open,
      write: async (_, asking) => {
        const prompt = await this.nextPrompt(options, { asking, partial: continued() })
        leftOut = prompt.leftOut
        return prompt
      },
      generate: (_, generation) => read.generate(rest, generation),
      generation: options,
    })
    const conclude = (end?: AnswerEnd): ConversationEvent & { kind: 'answer' } => {
      const ended = running?.end(end, model.tokenizer)
      if (ended) read.wrote(ended.newest)
      // An answer may be interrupted before it is asked for.
      const message = continued() ?? { role: 'assistant', content: this.parts.prefill }
      const finished = ended?.finished ?? { message, finishReason: 'interrupted', tokens: 0 }
      this.messages.push(finished.message)
      const answer = { ...finished, continues: partial !== undefined || hasResults }
      const isLast = !answer.calls || this.tools.length === 0
      return { kind: 'answer', answer, events: ended?.events ?? [], isLast }
    }
    try {
      for await (const event of turn) {
        switch (event.kind) {
          case 'prompt': {
            const { prompt, answer } = event
            running = new RunningAnswer(answer, prompt.ids, continued())
            yield { kind: 'prompt', prompt: { ...prompt, leftOut } }
            const ahead = await read.ahead(prompt.ids, this.messages.at(-1), options)
            rest = ahead.rest
            if (ahead.seen) yield { kind: 'read', ...ahead.seen }
            break
          }
          case 'token':
            running?.add(event)
            yield event
            break
          case 'answer': {
            const answered = conclude(event)
            running = undefined
            yield answered
            if (answered.isLast) return
            break
          }
          case 'call':
            calling = { call: event.call, isRunning: false }
            yield event
            break
          case 'result':
            calling = undefined
            hasResults = true
            this.messages.push(event.message)
            yield event
        }
      }
    } catch (error) {
      if (!signal?.aborted) {
        // A refused question leaves the cache whole. After other failures its state is unknown, or it must make room.
        if (!(error instanceof UserError) || error instanceof NoRoom) read.forget()
        if (!hasResults) {
          this.messages.splice(0, Infinity, ...before)
          throw error
        }
        yield { kind: 'failed', error }
      } else if (!calling) {
        // The part that was read stays for the next prompt, and for the cache in a file.
        if (running) read.keepRead(running.prompt)
        return yield conclude()
      }
    }
    this.breakOff(calling?.isRunning ? [stoppedResult(calling.call)] : [])
    yield { kind: 'broken-off', hasOpenCalls: this.openCalls.length > 0, isInterrupted: signal?.aborted === true }
  }

  /** The conversation up to a new answer, from now on without turns that have no room; or to the end of `partial`. */
  private async nextPrompt(
    options: GenerateOptions,
    { asking = this.asking, end = Infinity, partial }: { asking?: Asking; end?: number; partial?: ChatMessage },
  ): Promise<FittingPrompt> {
    const { first, model } = this
    const { asking: _, ...texts } = this.parts
    if (partial) {
      const messages = [...this.messages.slice(first), ...(isEmpty(partial) ? [] : [partial])]
      const prompt = await writePrompt(model, { ...texts, messages, prefill: '' }, asking, options)
      const newest = this.read.newestIs(partial)
      // The ids of a text that the model wrote stay: encoded again, they might be others.
      return newest ? { ...prompt, ids: newest.ids, reading: newest.reading, written: newest.raw } : prompt
    }
    const said = { ...texts, messages: this.messages.slice(0, end), first }
    const prompt = await writeFittingPrompt(model, said, asking, options)
    this.first = prompt.first
    return this.first > first ? { ...prompt, leftOut: this.first } : prompt
  }
}

/** The result of a call that was stopped before it was done. */
export function stoppedResult({ id, name }: ToolCall): ChatMessage {
  return { role: 'tool', content: 'The user stopped this call.', toolCallId: id, name }
}
