import { z } from 'zod'
import type { AskOptions, Tool } from '../../api/chat-options.js'
import { refusedParam } from '../common/api-error.js'
import type { Limits } from '../common/limits.js'
import { anyObject, firstWrong, flag, mustBe, text, unused } from './fields.js'

export const toolName = z
  .string(mustBe('a text'))
  .regex(/^[\w.-]{1,128}$/, 'must be 1 to 128 letters, digits, "_", "-" or "."')

/** An object that describes or names a function, as in OpenAI's chats. */
export function functionOf<T extends z.core.$ZodLooseShape>(fields: T) {
  return z.strictObject(
    {
      type: z.literal('function', mustBe('"function"')),
      function: z.strictObject(fields, mustBe('an object with a name')),
    },
    mustBe('an object like {"type": "function", "function": {"name": ...}}'),
  )
}

export const toolFields = {
  name: toolName,
  description: text.optional(),
  parameters: anyObject.optional(),
  // Arguments always follow the schema.
  strict: unused(flag),
}

/** Tools in the form of OpenAI's chats, which ollama has, too. */
export const functions = firstWrong(functionOf(toolFields)).optional()

/** One of three words, or an object that names functions. */
export function choiceOf<T extends z.ZodType>(naming: T) {
  const words = z.enum(['none', 'auto', 'required'])
  return z.union([words, naming], 'must be "none", "auto", "required", or an object that names a function')
}

export const choiceMode = z.enum(['auto', 'required'], mustBe('"auto" or "required"'))

interface ToolRequest {
  tools?: readonly Tool[]
  /** The model may call `names`. */
  choice?: 'none' | 'auto' | 'required' | { name: string } | { mode: 'auto' | 'required'; names: readonly string[] }
  parallelToolCalls?: boolean
}

/**
 * Checks the tools of a request. `pathOf` gives the place of a tool's name in the body. Throws an ApiError for a name given
 * twice, a choice of an unknown tool, or too many tools.
 */
export function toolsOf(
  { tools: given = [], choice, parallelToolCalls }: ToolRequest,
  pathOf: (tool: number) => string,
  limits: Pick<Limits, 'tools' | 'toolCharacters'>,
): Pick<AskOptions, 'tools' | 'toolChoice' | 'parallelToolCalls'> {
  const tools = given.map(({ name, description, parameters }): Tool => ({ name, description, parameters }))
  checkTools(tools, pathOf, limits)
  if (tools.length === 0) {
    if (choice === undefined || choice === 'none' || choice === 'auto') return {}
    throw refusedParam('tool_choice', '"tool_choice" requires "tools"')
  }
  if (choice === undefined || typeof choice === 'string') return { tools, toolChoice: choice, parallelToolCalls }
  const known = (name: string, param: string): string => {
    if (tools.some((tool) => tool.name === name)) return name
    throw refusedParam(param, `"${param}" names ${JSON.stringify(name.slice(0, 100))}, which is not in "tools"`)
  }
  if ('name' in choice) return { tools, toolChoice: { name: known(choice.name, 'tool_choice') }, parallelToolCalls }
  // The model only learns about the tools that it may call.
  const names = new Set(choice.names.map((name) => known(name, 'tool_choice.allowed_tools')))
  return { tools: tools.filter(({ name }) => names.has(name)), toolChoice: choice.mode, parallelToolCalls }
}

function checkTools(
  tools: readonly Tool[],
  pathOf: (tool: number) => string,
  limits: Pick<Limits, 'tools' | 'toolCharacters'>,
): void {
  if (tools.length > limits.tools) {
    throw refusedParam('tools', `${tools.length} tools exceed the limit of ${limits.tools}`, 'too_large')
  }
  const { length } = JSON.stringify(tools)
  if (length > limits.toolCharacters) {
    const message = `the tools have ${length} characters; the limit is ${limits.toolCharacters}`
    throw refusedParam('tools', message, 'too_large')
  }
  const names = tools.map(({ name }) => name)
  const again = names.findIndex((name, i) => names.indexOf(name) < i)
  if (again < 0) return
  const param = pathOf(again)
  throw refusedParam(param, `"${param}" is ${JSON.stringify(names[again])} again; names of tools must differ`)
}
