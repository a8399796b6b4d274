import { z } from 'zod'
import type { AskOptions, Tool, ToolChoice } from '../../api/chat.js'
import { ApiError } from '../common/api-error.js'
import type { Limits } from '../common/limits.js'
import { anyObject, firstWrong, flag, instead, mustBe, text, unused } from './body-fields.js'

/** Name of a function. */
export const toolName = z
  .string(mustBe('a text'))
  .regex(/^[\w.-]{1,128}$/, 'must be 1 to 128 letters, digits, "_", "-" or "."')

const tool = z.strictObject(
  {
    type: z.literal('function', mustBe('"function"')),
    function: z.strictObject(
      {
        name: toolName,
        description: text.optional(),
        parameters: anyObject.optional(),
        // Arguments always follow the schema.
        strict: unused(flag),
      },
      mustBe('an object with a name'),
    ),
  },
  mustBe('an object like {"type": "function", "function": {"name": ...}}'),
)
type ToolField = z.output<typeof tool>

const named = z.strictObject(
  {
    type: z.literal('function', mustBe('"function"')),
    function: z.strictObject({ name: text }, mustBe('an object with a name')),
  },
  mustBe('an object like {"type": "function", "function": {"name": ...}}'),
)

const allowed = z.strictObject({
  type: z.literal('allowed_tools'),
  allowed_tools: z.strictObject(
    { mode: z.enum(['auto', 'required'], mustBe('"auto" or "required"')), tools: firstWrong(named) },
    mustBe('an object with a mode and tools'),
  ),
})

const CHOICE = 'must be "none", "auto", "required", or an object that names a function'

const toolChoice = z.union(
  [z.enum(['none', 'auto', 'required']), z.discriminatedUnion('type', [named, allowed])],
  CHOICE,
)

export const toolFields = {
  tools: firstWrong(tool).optional(),
  tool_choice: toolChoice.optional(),
  parallel_tool_calls: flag.optional(),
  functions: instead('tools', []),
  function_call: instead('tool_choice', 'none', 'auto'),
}

interface ToolFields {
  tools?: ToolField[]
  tool_choice?: z.output<typeof toolChoice>
  parallel_tool_calls?: boolean
}

type ToolOptions = Pick<AskOptions, 'tools' | 'toolChoice' | 'parallelToolCalls'>

/** The tools of a body. Throws an ApiError for a name given twice, a choice of an unknown tool, or too many tools. */
export function toolsOf(
  body: ToolFields,
  { limits }: { limits: Pick<Limits, 'tools' | 'toolCharacters'> },
): ToolOptions {
  const { tool_choice: choice, parallel_tool_calls: parallelToolCalls } = body
  const tools = (body.tools ?? []).map(({ function: { name, description, parameters } }): Tool => {
    return { name, description, parameters }
  })
  checkTools(tools, limits)
  if (tools.length === 0) {
    if (choice === undefined || choice === 'none' || choice === 'auto') return {}
    throw new ApiError(400, '"tool_choice" requires "tools"', { param: 'tool_choice' })
  }
  if (choice === undefined || typeof choice === 'string') return { tools, toolChoice: choice, parallelToolCalls }
  const known = (name: string, param: string): string => {
    if (tools.some((tool) => tool.name === name)) return name
    throw new ApiError(400, `"${param}" names ${JSON.stringify(name.slice(0, 100))}, which is not in "tools"`, {
      param,
    })
  }
  if (choice.type === 'function') {
    const toolChoice: ToolChoice = { name: known(choice.function.name, 'tool_choice') }
    return { tools, toolChoice, parallelToolCalls }
  }
  // The model only learns about the tools that it may call.
  const { mode, tools: some } = choice.allowed_tools
  const names = new Set(some.map(({ function: { name } }) => known(name, 'tool_choice.allowed_tools')))
  return { tools: tools.filter(({ name }) => names.has(name)), toolChoice: mode, parallelToolCalls }
}

function checkTools(tools: readonly Tool[], limits: Pick<Limits, 'tools' | 'toolCharacters'>): void {
  if (tools.length > limits.tools) {
    const message = `${tools.length} tools exceed the limit of ${limits.tools}`
    throw new ApiError(400, message, { param: 'tools', code: 'too_large' })
  }
  const { length } = JSON.stringify(tools)
  if (length > limits.toolCharacters) {
    const message = `the tools have ${length} characters; the limit is ${limits.toolCharacters}`
    throw new ApiError(400, message, { param: 'tools', code: 'too_large' })
  }
  const names = new Set<string>()
  for (const [i, { name }] of tools.entries()) {
    if (names.has(name)) {
      const param = `tools[${i}].function.name`
      throw new ApiError(400, `"${param}" is ${JSON.stringify(name)} again; names of tools must differ`, { param })
    }
    names.add(name)
  }
}
