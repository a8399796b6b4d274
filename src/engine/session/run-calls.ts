import type { Tool } from '../../api/chat-options.js'
import type { ChatMessage, ToolCall } from '../../api/text.js'
import { onAbort } from './generation/settled.js'

/** A tool that may change while it is offered. */
export type OfferedTool = Tool & {
  /** Whether it has another description or other parameters than when it was first offered. */
  isChanged?: boolean
}

export interface RunCallsOptions {
  /** Aborting it rejects with its reason. */
  signal?: AbortSignal
  /** Asks whether a call may run: true, or false or a reason if not. Default: every call may. */
  allow?: (call: ToolCall, tool: OfferedTool) => boolean | string | Promise<boolean | string>
}

/** Longest result that a model gets, in characters: about 8,000 tokens. */
export const LONGEST_RESULT = 32_000

const LONGEST_ERROR = 2000

/** Whether all calls can be run here. A call of a tool that does not exist can: the model gets an error. */
export function canRun(calls: readonly ToolCall[], tools: readonly Tool[]): boolean {
  return calls.every((call) => {
    const tool = toolOf(call, tools)
    return !tool || tool.run !== undefined
  })
}

/** The message with the result of a call, and what the tool threw, if it failed. */
export interface CallResult {
  message: ChatMessage
  error?: unknown
}

/**
 * Runs a call. A long result is cut. A failure, a refusal and a call of an unknown tool become an error that the model can
 * read. Rejects only if the signal is aborted.
 */
export async function runCall(
  call: ToolCall,
  tools: readonly OfferedTool[],
  { signal, allow }: RunCallsOptions = {},
): Promise<CallResult> {
  const resultOf = (content: string): CallResult => {
    return { message: { role: 'tool', content, toolCallId: call.id, name: call.name } }
  }
  signal?.throwIfAborted()
  const tool = toolOf(call, tools)
  if (!tool?.run) {
    const names = tools.filter(({ run }) => run).map(({ name }) => name)
    return resultOf(`Error: there is no tool ${call.name}; the tools are ${names.join(', ')}`)
  }
  try {
    const isAllowed = allow ? await unlessAborted(() => allow(call, tool), signal) : true
    if (isAllowed !== true) return resultOf(`Error: the user declined this call${isAllowed ? `: ${isAllowed}` : ''}`)
    const { run } = tool
    const result = await unlessAborted(() => run(call.arguments, { id: call.id, signal }), signal)
    return resultOf(cut(typeof result === 'string' ? result : (JSON.stringify(result) ?? 'null'), LONGEST_RESULT))
  } catch (error) {
    signal?.throwIfAborted()
    const content = `Error: ${error instanceof Error ? error.message || error.name : String(error)}`
    return { ...resultOf(cut(content, LONGEST_ERROR)), error }
  }
}

function toolOf<T extends Tool>({ name }: ToolCall, tools: readonly T[]): T | undefined {
  return tools.find((tool) => tool.name === name)
}

/** Cuts a text between two characters. */
function cut(text: string, most: number): string {
  if (text.length <= most) return text
  const begin = text.slice(0, most).replace(/[\ud800-\udbff]$/, '')
  return `${begin}\n[cut: the first ${most} of ${text.length} characters]`
}

/** Awaits a call. An abort rejects at once, even if the call never ends. */
async function unlessAborted<T>(call: () => T | Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  let unlisten = (): void => undefined
  const aborted = new Promise<never>((_, reject) => {
    unlisten = onAbort(signal, () => reject(signal?.reason))
  })
  try {
    return await Promise.race([call(), aborted])
  } finally {
    unlisten()
  }
}
