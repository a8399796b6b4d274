import type { ChatMessage, ToolCall } from '../../api/text.js'
import { changeInWords, type OfferedTool } from '../../tools/allowed-tools.js'
import { runCalls } from '../../tools/run-calls.js'
import { CallQuestion } from './call-question.js'
import { callInWords, nameInWords, resultInWords } from './call-words.js'
import type { ChatItem } from './items.js'
import { messageOf } from './notes.js'
import { stoppedResult } from './open-calls.js'

interface CallScreen {
  say(kind: ChatItem['kind'], text: string): void
  changed(): void
}

/** Runs the calls of a model after the user has agreed, and shows them. */
export class ToolRunner {
  /** The question whether a call may run. */
  readonly question: CallQuestion
  private current?: string

  constructor(
    private readonly screen: CallScreen,
    isAllowed: (tool: string) => boolean,
  ) {
    this.question = new CallQuestion(isAllowed, () => screen.changed())
  }

  /** Name of the tool that is running. */
  get running(): string | undefined {
    return this.current
  }

  /**
   * Runs calls one after the other, and returns their results. An abort ends it: a call that was running has a result
   * that says so, and the others have none.
   */
  async run(calls: readonly ToolCall[], tools: readonly OfferedTool[], signal: AbortSignal): Promise<ChatMessage[]> {
    const results: ChatMessage[] = []
    for (const call of calls) {
      if (signal.aborted) break
      results.push(...(await this.runOne(call, tools, signal)))
    }
    return results
  }

  private async runOne(call: ToolCall, tools: readonly OfferedTool[], signal: AbortSignal): Promise<ChatMessage[]> {
    const stop = () => {
      if (this.current === undefined) return []
      this.screen.say('result', 'stopped')
      return [stoppedResult(call)]
    }
    this.screen.say('call', callInWords(call))
    let failure: unknown
    const isKnown = tools.some(({ name }) => name === call.name)
    const watched = tools.map((tool) => watchedTool(tool, (error) => (failure = error)))
    const allow = async (_: ToolCall, tool: OfferedTool) => {
      const change = changeInWords(tool)
      if (change !== undefined && !this.question.allows(tool)) this.screen.say('note', change)
      const isAllowed = await this.question.ask(tool, signal)
      if (isAllowed) this.current = call.name
      else this.screen.say('result', 'declined')
      this.screen.changed()
      return isAllowed
    }
    try {
      const results = await runCalls([call], watched, { signal, allow })
      if (signal.aborted) return stop()
      const ran = this.current !== undefined
      if (failure !== undefined)
        this.screen.say('error', `${nameInWords(call.name)}: ${resultInWords(messageOf(failure))}`)
      else if (ran || !isKnown) for (const { content } of results) this.screen.say('result', resultInWords(content))
      return results
    } catch (error) {
      if (!signal.aborted) throw error
      return stop()
    } finally {
      this.current = undefined
      this.screen.changed()
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
