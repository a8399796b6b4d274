import type { Asking } from '../../api/ask-options.js'
import type { GenerateOptions } from '../../api/generation.js'
import { eventsOf } from '../../api/generation-events.js'
import type { ChatMessage, ToolCall } from '../../api/text.js'
import { Answer, type AnswerEnd, type AnswerToken } from './answer.js'
import type { Prompt } from './prompt.js'
import { canRun, type OfferedTool, type RunCallsOptions, runCalls } from './run-calls.js'
import type { Generation } from './shared/shared-generation.js'

/** Most answers of a turn by default: all but the last call tools. */
export const MOST_ANSWERS = 16

/** Questions of a turn, and the way to its answers. */
export interface TurnOptions extends Pick<RunCallsOptions, 'allow'> {
  /** Writes the prompt of the next answer, which follows the messages that the turn has added. */
  write(added: readonly ChatMessage[], asking: Asking): Promise<Prompt>
  asking: Omit<Asking, 'tools'>
  /** Tools that the model may call; they may change between answers. */
  tools?: () => readonly OfferedTool[]
  /** Calls to run before the first answer. */
  calls?: readonly ToolCall[]
  /** Generates after a prompt. A session may have a part of it. */
  generate(prompt: Prompt, options: GenerateOptions): Generation
  /** Options of all answers, besides their form. */
  generation: GenerateOptions
  /** Most answers. Default: 16. */
  maxTurns?: number
}

export interface Answered extends AnswerEnd {
  promptTokens: number
  /** Number of them that need not be read. */
  cachedTokens: number
  isLast: boolean
}

/** The course of a turn: for each answer its prompt, its tokens and its end, then its calls and their results. */
export type TurnEvent =
  /** The prompt is written, and nothing of it read. */
  | { kind: 'prompt'; prompt: Prompt; answer: Answer }
  | ({ kind: 'token' } & AnswerToken)
  | ({ kind: 'answer' } & Answered)
  | { kind: 'call'; call: ToolCall }
  | { kind: 'result'; message: ChatMessage }

/** Asks a model, runs the tools that it calls and asks again, until it answers without calls that can be run. */
export async function* takeTurn(options: TurnOptions): AsyncGenerator<TurnEvent, void> {
  const { asking, tools = () => [], allow, generation, maxTurns = MOST_ANSWERS } = options
  const { signal } = generation
  const added: ChatMessage[] = []
  let { calls = [] } = options
  for (let turn = 1; ; turn++) {
    for (const call of calls) {
      yield { kind: 'call', call }
      for (const message of await runCalls([call], tools(), { signal, allow })) {
        added.push(message)
        yield { kind: 'result', message }
      }
    }
    // A call that was asked for has been made: the next message may be the answer.
    const toolChoice = turn === 1 || asking.toolChoice === 'none' ? asking.toolChoice : undefined
    const offered = tools()
    const prompt = await options.write(added, { ...asking, toolChoice, ...(offered.length > 0 && { tools: offered }) })
    const answer = new Answer(prompt.reading, prompt.written)
    yield { kind: 'prompt', prompt, answer }
    const stop = [...prompt.stop, ...(generation.stop ?? [])]
    const running = options.generate(prompt, { ...generation, ...prompt.limits, stop })
    for await (const { step: token, result: end } of eventsOf(answer.read(running.steps))) {
      if (token) yield { kind: 'token', ...token }
      else {
        calls = end.message.toolCalls ?? []
        const isDone = calls.length === 0 || end.result.finishReason === 'length' || turn >= maxTurns
        const isLast = isDone || !canRun(calls, offered)
        const cachedTokens = running.cachedTokens
        yield { kind: 'answer', ...end, promptTokens: prompt.ids.length, cachedTokens, isLast }
        if (isLast) return
        added.push(end.message)
      }
    }
  }
}
