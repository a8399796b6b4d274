import type { GenerateOptions } from '../../api/generation.js'
import type { ToolCall } from '../../api/text.js'
import type { OfferedTool } from '../../session/run-calls.js'
import { changeInWords } from '../../tools/allowed-tools.js'
import type { TokenMap } from '../map/token-map.js'
import { CallQuestion } from './call-question.js'
import { callInWords, nameInWords, resultInWords } from './call-words.js'
import type { Conversation } from './conversation.js'
import type { ChatItem } from './items.js'
import { messageOf } from './notes.js'
import { stoppedResult } from './open-calls.js'
import type { ChatOptions, ChatTool } from './options.js'
import type { CallWatcher, FinishedAnswer } from './running-answer.js'
import type { ChatWatcher } from './watcher.js'

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
  answered(answer: FinishedAnswer): void
}

/** Shows the calls in a model's answers, and runs them after the user has agreed. */
export class ToolExchange {
  /** The question whether a call may run. */
  readonly question: CallQuestion
  private current?: ToolCall

  constructor(
    private readonly screen: ExchangeScreen,
    private readonly options: Pick<ChatOptions, 'isAllowed' | 'tools'>,
  ) {
    this.question = new CallQuestion(options.isAllowed ?? (() => false), () => screen.changed())
  }

  /** Name of the tool that is running. */
  get running(): string | undefined {
    return this.current?.name
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

  /** Follows the calls of one turn. */
  follow({ conversation, map, watcher, answered }: ExchangeChat, { signal }: GenerateOptions): CallWatcher {
    const { screen, question } = this
    let failure: unknown
    let isSaid = false
    const toolsNow = () => (conversation.callsTools ? this.available : [])
    return {
      get tools() {
        return toolsNow().map((tool) => watchedTool(tool, (error) => (failure = error)))
      },
      answered(answer) {
        watcher.fold()
        answered(answer)
        // The text moves from the running answer to the finished ones.
        watcher.next()
        if (answer.text.trim() !== '') screen.say('answer', answer.text.trimEnd())
      },
      called(call) {
        failure = undefined
        isSaid = false
        screen.say('call', callInWords(call))
      },
      allow: async (call, tool) => {
        const change = changeInWords(tool)
        if (change !== undefined && !question.allows(tool)) screen.say('note', change)
        const isAllowed = await question.ask(tool, signal)
        isSaid = !isAllowed
        if (isAllowed) this.current = call
        else screen.say('result', 'declined')
        screen.changed()
        return isAllowed
      },
      result: ({ name = '', content }) => {
        this.current = undefined
        if (failure !== undefined) {
          screen.say('error', `${nameInWords(name)}: ${resultInWords(messageOf(failure))}`)
        } else if (!isSaid) screen.say('result', resultInWords(content))
        screen.changed()
      },
      asksAgain: () => {
        this.offer(conversation)
        map.beginAnswer()
      },
      failed(error) {
        map.dropAnswer()
        screen.fail(error)
      },
      stopped: () => {
        const call = this.current
        this.current = undefined
        if (call) screen.say('result', 'stopped')
        return call ? [stoppedResult(call)] : []
      },
      brokeOff(hasOpenCalls, isInterrupted) {
        const next = hasOpenCalls ? 'asks again' : 'resumes it'
        screen.say('note', `${isInterrupted ? 'interrupted' : 'no answer yet'}: /continue ${next}`)
      },
    }
  }
}

/** The same tool; `failed` receives the error of a call. */
function watchedTool(tool: OfferedTool, failed: (error: unknown) => void): OfferedTool {
  const { run } = tool
  if (!run) return tool
  return {
    ...tool,
    async run(args, call) {
      try {
        return await run(args, call)
      } catch (error) {
        failed(error)
        throw error
      }
    },
  }
}
