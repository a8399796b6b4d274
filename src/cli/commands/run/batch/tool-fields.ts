import type { AskOptions, Tool, ToolChoice } from '../../../../api/chat.js'
import { UserError } from '../../../../errors.js'
import { isObject } from '../../../../json.js'

/** Fields of a line for tools. A batch runs no tools: the answer ends with the calls. */
export const TOOL_FIELDS = ['tools', 'toolChoice', 'parallelToolCalls'] as const

const WORDS: readonly unknown[] = ['auto', 'none', 'required']

/** Reads these fields, in the JSON of OpenAI's API. Throws a UserError that names the field. */
export function toolFieldsOf(
  fields: Record<string, unknown>,
): Pick<AskOptions, 'tools' | 'toolChoice' | 'parallelToolCalls'> {
  const { tools, toolChoice, parallelToolCalls } = fields
  if (tools !== undefined && !Array.isArray(tools)) throw new UserError('"tools" must be a list')
  if (parallelToolCalls !== undefined && typeof parallelToolCalls !== 'boolean') {
    throw new UserError('"parallelToolCalls" must be true or false')
  }
  return {
    ...(tools && tools.length > 0 && { tools: tools.map(toolOf) }),
    ...(toolChoice !== undefined && { toolChoice: choiceOf(toolChoice) }),
    ...(parallelToolCalls !== undefined && { parallelToolCalls }),
  }
}

/** A tool in the form of the API, or the function in it alone. */
function toolOf(value: unknown, i: number): Tool {
  const own = functionIn(value)
  const mustBe = 'must be {"type": "function", "function": {"name", "description", "parameters"}}'
  if (!own || typeof own.name !== 'string') throw new UserError(`"tools[${i}]" ${mustBe}`)
  const { name, description, parameters } = own
  if (description !== undefined && typeof description !== 'string') {
    throw new UserError(`"tools[${i}].function.description" must be a text`)
  }
  if (parameters !== undefined && !isObject(parameters)) {
    throw new UserError(`"tools[${i}].function.parameters" must be a JSON Schema`)
  }
  return { name, ...(description !== undefined && { description }), ...(parameters && { parameters }) }
}

function choiceOf(value: unknown): ToolChoice {
  if (WORDS.includes(value)) return value as ToolChoice
  const name = functionIn(value)?.name
  if (typeof name === 'string') return { name }
  throw new UserError('"toolChoice" must be "auto", "none", "required" or {"type": "function", "function": {"name"}}')
}

function functionIn(value: unknown): Record<string, unknown> | undefined {
  if (!isObject(value)) return undefined
  return isObject(value.function) ? value.function : value
}
