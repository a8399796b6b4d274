import type { ChatOptions, ChatResult, ChatStep, ToolChoice } from '../api/chat.js'
import type { GenerateOptions, GenerationResult, Step } from '../api/generation.js'
import type { ChatMessage } from '../api/text.js'
import { checkMessages } from '../text/read-messages.js'
import { canRun, runCalls } from '../tools/run-calls.js'
import { chatPrompt } from './chat-prompt.js'
import { type ReadAnswer, readAnswer } from './read-answer.js'
import type { SessionModel } from './session-model.js'

/** Most messages of the model, by default. */
const MOST_TURNS = 16

/** Runs a prompt after the tokens that the cache shares with it. */
export type RunPrompt = (
  prompt: number[],
  options: GenerateOptions,
) => { cachedTokens: number; generation: AsyncGenerator<Step, GenerationResult> }

/** Asks a model, runs the tools that it calls and asks again, until it answers without calls that can be run here. */
export async function* converse(
  messages: readonly ChatMessage[],
  model: SessionModel,
  options: ChatOptions,
  run: RunPrompt,
): AsyncGenerator<ChatStep, ChatResult> {
  const { tools = [], maxTurns = MOST_TURNS, onMessage, signal } = options
  const asked = checkMessages(messages)
  // The answer has the text of a message that it continues.
  const before = asked[asked.length - 1].role === 'assistant' ? asked.slice(0, -1) : asked
  const added: ChatMessage[] = []
  const add = (message: ChatMessage) => {
    added.push(message)
    onMessage?.(message)
  }
  const warn = onceEach(options.onWarning)
  for (let turn = 1; ; turn++) {
    const { toolChoice } = options
    const turnOptions = { ...options, onWarning: warn, toolChoice: turn > 1 ? afterCalls(toolChoice) : toolChoice }
    const frame = await chatPrompt(added.length > 0 ? [...before, ...added] : asked, model, turnOptions)
    const { prompt, stop, guide, reading } = frame
    const { cachedTokens, generation } = run(prompt, { ...withoutForms(options), stop, guide })
    const { result, message }: ReadAnswer = yield* readAnswer(generation, reading)
    add(message)
    const { toolCalls: calls = [] } = message
    const isDone = calls.length === 0 || result.finishReason === 'length' || turn >= maxTurns
    if (isDone || !canRun(calls, tools)) {
      const { readAgain = 0 } = result
      const counts = { promptTokens: prompt.length, cachedTokens: cachedTokens - readAgain }
      return { ...result, ...counts, message, messages: added }
    }
    for (const message of await runCalls(calls, tools, { signal })) add(message)
  }
}

/** A call that was asked for has been made: the next message may be the answer. */
function afterCalls(choice: ToolChoice | undefined): ToolChoice | undefined {
  return choice === 'none' ? choice : undefined
}

/** The guide of the answer has the form of its content. */
function withoutForms(options: ChatOptions): GenerateOptions {
  const { schema: _, grammar: __, regex: ___, ...rest } = options
  return rest
}

/** Passes each warning on once: every message of the model could bring the same. */
function onceEach(onWarning: ChatOptions['onWarning']): (warning: string) => void {
  const given = new Set<string>()
  return (warning) => {
    if (!given.has(warning)) onWarning?.(warning)
    given.add(warning)
  }
}
