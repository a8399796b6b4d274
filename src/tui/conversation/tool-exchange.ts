import type { GenerateOptions } from '../../api/generation.js'
import type { ChatMessage, ToolCall } from '../../api/text.js'
import type { TokenMap } from '../map/token-map.js'
import type { CallQuestion } from './call-question.js'
import type { Conversation } from './conversation.js'
import type { ChatItem } from './items.js'
import type { ChatOptions, ChatTool } from './options.js'
import type { Answer } from './running-answer.js'
import { ToolRunner } from './tool-runner.js'
import type { ChatWatcher } from './watcher.js'

/** Maximum answers with calls in a row. */
const MOST_CALLING = 16

interface ExchangeScreen {
  say(kind: ChatItem['kind'], text: string): void
  fail(error: unknown): void
  changed(): void
}

/** The chat that an exchange belongs to. */
interface ExchangeChat {
  conversation: Conversation
  map: TokenMap
  watcher: ChatWatcher
  /** Receives each answer with calls before they run. */
  answered(answer: Answer): void
}

/** Runs the calls in a model's answers, and has the model answer the results. */
export class ToolExchange {
  private readonly runner: ToolRunner

  constructor(
    private readonly screen: ExchangeScreen,
    private readonly options: Pick<ChatOptions, 'isAllowed' | 'tools'>,
  ) {
    this.runner = new ToolRunner(screen, options.isAllowed ?? (() => false))
  }

  /** The question whether a call may run. */
  get question(): CallQuestion {
    return this.runner.question
  }

  /** Name of the tool that is running. */
  get running(): string | undefined {
    return this.runner.running
  }

  /** Tools that the model may call now. */
  get available(): readonly ChatTool[] {
    return this.options.tools?.() ?? []
  }

  /** Offers the tools that are there now from the next answer on, if the model can call any. */
  offer(conversation: Conversation): void {
    const { tools, ...asking } = conversation.asking
    const isOffered = conversation.callsTools && this.available.length > 0
    conversation.setAsking({ ...asking, ...(isOffered && { tools: this.available }) })
  }

  /** Runs the calls in an answer and in those to the results. Returns the last answer; undefined if it did not come. */
  async finish(first: Answer, chat: ExchangeChat, options: GenerateOptions): Promise<Answer | undefined> {
    const { watcher, answered } = chat
    let answer = first
    for (let calling = 1; ; calling++) {
      watcher.fold()
      const { calls } = answer
      if (!calls || this.available.length === 0) return answer
      answered(answer)
      // The text moves from the running answer to the finished ones.
      watcher.next()
      if (answer.text.trim() !== '') this.screen.say('answer', answer.text.trimEnd())
      const next = await this.answerCalls(calls, chat, options, calling === MOST_CALLING)
      if (!next) return undefined
      answer = next
    }
  }

  /** Runs calls. Returns the answer to their results; undefined if it did not come. */
  async answerCalls(
    calls: readonly ToolCall[],
    { conversation, map, watcher }: Omit<ExchangeChat, 'answered'>,
    options: GenerateOptions,
    isLast = false,
  ): Promise<Answer | undefined> {
    const { signal = new AbortController().signal } = options
    const results = await this.runner.run(calls, this.available, signal)
    if (signal.aborted || isLast) return this.breakOff(conversation, results, signal.aborted)
    this.offer(conversation)
    map.beginAnswer()
    try {
      return { ...(await conversation.answerResults(results, watcher, options)), continues: true }
    } catch (error) {
      map.dropAnswer()
      this.screen.fail(error)
      return this.breakOff(conversation, results)
    }
  }

  /** Ends an exchange after the results of calls. */
  private breakOff(conversation: Conversation, results: readonly ChatMessage[], isInterrupted = false): undefined {
    conversation.breakOff(results)
    const next = conversation.openCalls.length > 0 ? 'asks again' : 'resumes it'
    this.screen.say('note', `${isInterrupted ? 'interrupted' : 'no answer yet'}: /continue ${next}`)
  }
}
