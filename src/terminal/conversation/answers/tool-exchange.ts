import type { GenerateOptions } from '../../../api/generation.js'
import type { ChatMessage, ToolCall } from '../../../api/text.js'
import { AllowedTools, changeInWords } from '../../../chat/tools/allowed-tools.js'
import type { OfferedTool } from '../../../engine/session/run-calls.js'
import type { TokenMap } from '../../map/token-map.js'
import type { Conversation } from '../conversation.js'
import type { AnswersScreen } from '../items.js'
import { messageOf } from '../notes.js'
import type { ChatOptions, ChatTool } from '../options.js'
import type { ChatWatcher } from '../watcher.js'
import { callInWords, nameInWords, resultInWords } from './call-words.js'
import type { CallWatcher, FinishedAnswer } from './running-answer.js'

interface ExchangeChat {
  conversation: Conversation
  map: TokenMap
  watcher: ChatWatcher
  /** Receives each answer with calls before they run. */
  answered(answer: FinishedAnswer): void
}

/** Shows the calls in a model's answers, and runs them after the user has agreed. */
export class ToolExchange {
  readonly question: CallQuestion
  private current?: ToolCall

  constructor(
    private readonly screen: AnswersScreen,
    private readonly options: Pick<ChatOptions, 'isAllowed' | 'tools'>,
  ) {
    this.question = new CallQuestion(options.isAllowed ?? (() => false), () => screen.changed())
  }

  get running(): string | undefined {
    return this.current?.name
  }

  get available(): readonly ChatTool[] {
    return this.options.tools?.() ?? []
  }

  /** Offers the tools that are there now from the next answer on, if the model can call any. */
  offer(conversation: Conversation): void {
    const { tools, ...asking } = conversation.parts.asking
    const isOffered = conversation.callsTools && this.available.length > 0
    conversation.parts.asking = { ...asking, ...(isOffered && { tools: this.available }) }
  }

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

/** The result of a call that was stopped before it was done. */
export function stoppedResult({ id, name }: ToolCall): ChatMessage {
  return { role: 'tool', content: 'The user stopped this call.', toolCallId: id, name }
}

/** A letter that answers the question whether a tool may run: yes, no, or always. */
type Letter = 'y' | 'n' | 'a'

/** Ms before a key counts: the user may be typing when the question comes. */
const UNEXPECTED_MS = 300

class CallQuestion {
  private readonly allowed: AllowedTools
  private open?: { tool: string; since: number; decide: (letter: Letter) => void }

  constructor(
    isAllowed: (tool: string) => boolean,
    private readonly changed: () => void,
  ) {
    this.allowed = new AllowedTools(isAllowed)
  }

  get tool(): string | undefined {
    return this.open?.tool
  }

  allows(tool: OfferedTool): boolean {
    return this.allowed.allows(tool)
  }

  /** Whether a tool may run. Rejects with the signal's reason when aborted. */
  async ask(tool: OfferedTool, signal?: AbortSignal): Promise<boolean> {
    if (this.allows(tool)) return true
    signal?.throwIfAborted()
    try {
      const letter = await new Promise<Letter>((decide, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason), { once: true })
        this.open = { tool: tool.name, since: performance.now(), decide }
        this.changed()
      })
      if (letter === 'a') this.allowed.allow(tool)
      return letter !== 'n'
    } finally {
      this.open = undefined
      this.changed()
    }
  }

  /** Takes y, n or a as an answer; false for other text. `isLine`: only the question can have caused this line. */
  answer(text: string, { isLine = false } = {}): boolean {
    const letter = (isLine ? text.trim().slice(0, 1) : text).toLowerCase()
    const { open } = this
    if (!open || !isLetter(letter) || (!isLine && performance.now() < open.since + UNEXPECTED_MS)) return false
    open.decide(letter)
    return true
  }
}

function isLetter(text: string): text is Letter {
  return /^[yna]$/.test(text)
}
