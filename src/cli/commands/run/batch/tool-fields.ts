import { type AskOptions, TOOL_CHOICES, type Tool, type ToolChoice } from '../../../../api/chat-options.js'
import { UserError } from '../../../../ground/errors.js'
import { isText, oneOf, optional } from '../../../../ground/json/forms.js'
import { isObject } from '../../../../ground/json/json.js'
import type { JsonReader } from '../../../../ground/json/reader.js'
import { askedIn } from './ask-fields.js'

/** Fields of a line for tools. A batch runs no tools: the answer ends with the calls. */
export const TOOL_FIELDS = ['tools', 'toolChoice', 'parallelToolCalls'] as const

/** Reads these fields, in the JSON of OpenAI's API. Throws a UserError that names the field. */
export function toolFieldsOf(fields: JsonReader): Pick<AskOptions, 'tools' | 'toolChoice' | 'parallelToolCalls'> {
  const [tools, choice] = [fields.in('tools'), fields.in('toolChoice')]
  const list = tools.value === undefined ? [] : tools.items('a list')
  const parallelToolCalls = askedIn(fields, 'parallelToolCalls')
  return {
    ...(list.length > 0 && { tools: list.map(toolOf) }),
    ...(choice.value !== undefined && { toolChoice: choiceOf(choice) }),
    ...(parallelToolCalls !== undefined && { parallelToolCalls }),
  }
}

/** A tool in the form of the API, or the function in it alone. */
function toolOf(tool: JsonReader, i: number): Tool {
  const { name, description, parameters } = functionIn(tool)
  if (!isText(name)) throw tool.error('must be {"type": "function", "function": {"name", "description", "parameters"}}')
  if (!optional(isText)(description)) throw new UserError(`"tools[${i}].function.description" must be a text`)
  if (!optional(isObject)(parameters)) throw new UserError(`"tools[${i}].function.parameters" must be a JSON Schema`)
  return { name, ...(description !== undefined && { description }), ...(parameters && { parameters }) }
}

function choiceOf(choice: JsonReader): ToolChoice {
  if (oneOf(TOOL_CHOICES)(choice.value)) return choice.value
  const { name } = functionIn(choice)
  if (isText(name)) return { name }
  throw choice.error('must be "auto", "none", "required" or {"type": "function", "function": {"name"}}')
}

function functionIn({ value }: JsonReader): Record<string, unknown> {
  if (!isObject(value)) return {}
  return isObject(value.function) ? value.function : value
}
