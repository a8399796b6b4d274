import * as z from 'zod'
import type { AskOptions, Tool } from '../../api/chat-options.js'
import type { ChatMessage } from '../../api/text.js'
import { isObject } from '../../ground/json/json.js'
import { type JsonPath, JsonReader, UNKNOWN } from '../../ground/json/reader.js'
import { type Dialect, readMessages, WrongMessages } from '../../text/read-messages.js'
import { refusedParam } from '../common/api-error.js'
import type { Limits } from '../common/limits.js'
import type { KeptNulls } from '../http/body.js'
import { anyObject, firstWrong, flag, INNER, mustBe, text, unused } from './fields.js'

/* Messages and tools in the form of OpenAI's chats, which other APIs have in part. */

/** Most characters of the arguments of all calls: parsed values take far more memory than their text. */
export const MOST_ARGUMENTS = 2 ** 19
export const TOO_LONG_ARGUMENTS = `have calls with more than ${MOST_ARGUMENTS} characters of arguments`

/** Messages, read as everywhere in molm; the first wrong field becomes the issue. */
export const messages = z.unknown().transform((list, { issues }) => messagesOf(list, issues))
INNER.set(messages, { ignored: ['system.name', 'user.name', 'assistant.name', 'tool_calls[].index'] })

/** Arguments of calls keep their nulls. */
export const messageNulls: KeptNulls = { each: { tool_calls: { each: { function: { arguments: 'all' } } } } }

/** Reads messages of an API. A wrong field becomes an issue, and then there are no messages. */
export function messagesOf(input: unknown, issues: z.core.$ZodRawIssue[], dialect?: Dialect): ChatMessage[] {
  try {
    if (argumentLength(input) <= MOST_ARGUMENTS) return readMessages(input, dialect)
    issues.push({ code: 'custom', input, message: TOO_LONG_ARGUMENTS })
  } catch (error) {
    if (!(error instanceof WrongMessages)) throw error
    const { path, why } = error
    if (why !== UNKNOWN) issues.push({ code: 'custom', input, message: why, path: [...path] })
    else issues.push({ code: 'unrecognized_keys', input: {}, keys: [String(path.at(-1))], path: path.slice(0, -1) })
  }
  return z.NEVER
}

class WrongValue extends Error {
  constructor(
    readonly path: JsonPath,
    why: string,
  ) {
    super(why)
  }
}

/** A field with messages of an API's own form; the first wrong value becomes the issue. Names in `ignored` change nothing. */
export function fieldReadBy(ignored: readonly string[], read: (input: JsonReader) => ChatMessage[]) {
  const field = z.unknown().transform((input, { issues }): ChatMessage[] => {
    try {
      return read(new JsonReader(input, (path, why) => new WrongValue(path, why)))
    } catch (error) {
      if (!(error instanceof WrongValue)) throw error
      const { path, message } = error
      issues.push({ code: 'custom', input, message, path: [...path] })
      return z.NEVER
    }
  })
  INNER.set(field, { ignored })
  return field
}

/** Names of fields by the type of the object that has them, as `reasoning.encrypted_content`. */
export function namesWithin(byType: Record<string, readonly string[]>): string[] {
  return Object.entries(byType).flatMap(([type, names]) => names.map((name) => `${type}.${name}`))
}

/** `user, system or developer` */
export function orList(words: readonly string[]): string {
  return words.join(', ').replace(/, (\w+)$/, ' or $1')
}

/** Characters of the arguments of all calls, before anything is checked. */
function argumentLength(list: unknown): number {
  const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])
  let length = 0
  for (const message of listOf(list)) {
    for (const call of listOf(isObject(message) && message.tool_calls)) {
      const called = isObject(call) && call.function
      if (isObject(called) && typeof called.arguments === 'string') length += called.arguments.length
    }
  }
  return length
}

const toolName = z
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

export const functions = firstWrong(functionOf(toolFields).transform((tool) => tool.function)).optional()

/** One of three words, or an object that names functions. */
export function choiceOf<T extends z.ZodType>(naming: T) {
  const words = z.enum(['none', 'auto', 'required'])
  return z.union([words, naming], 'must be "none", "auto", "required", or an object that names a function')
}

export const choiceMode = z.enum(['auto', 'required'], mustBe('"auto" or "required"'))

interface ToolRequest {
  tools?: readonly Tool[]
  /** Path of the name in an element of "tools". */
  namePath: string
  /** The model may call `names`. */
  choice?: 'none' | 'auto' | 'required' | { name: string } | { mode: 'auto' | 'required'; names: readonly string[] }
  parallelToolCalls?: boolean
}

type ToolLimits = Pick<Limits, 'tools' | 'toolCharacters'>

/** Checks the tools of a request. Throws an ApiError for a name given twice, a choice of an unknown tool, or too many tools. */
export function toolsOf(
  { tools: given = [], namePath, choice, parallelToolCalls }: ToolRequest,
  limits: ToolLimits,
): Pick<AskOptions, 'tools' | 'toolChoice' | 'parallelToolCalls'> {
  const tools = given.map(({ name, description, parameters }): Tool => ({ name, description, parameters }))
  checkTools(tools, namePath, limits)
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

function checkTools(tools: readonly Tool[], namePath: string, limits: ToolLimits): void {
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
  const param = `tools[${again}].${namePath}`
  throw refusedParam(param, `"${param}" is ${JSON.stringify(names[again])} again; names of tools must differ`)
}
