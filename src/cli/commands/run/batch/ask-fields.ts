import { ASK_OPTIONS, type Asking, type AskName, FORMS, formsIn } from '../../../../api/ask-options.js'
import { type AskOptions, TOOL_CHOICES, type Tool, type ToolChoice } from '../../../../api/chat-options.js'
import type { OutputConstraint } from '../../../../api/guide.js'
import { UserError } from '../../../../ground/errors.js'
import { isText, oneOf, optional } from '../../../../ground/json/forms.js'
import { isObject } from '../../../../ground/json/json.js'
import type { JsonReader } from '../../../../ground/json/reader.js'

/** Fields of a line for thinking and for the form of its answer. */
export const ASK_FIELDS = ['think', 'thinkBudget', ...FORMS] as const

/**
 * Reads these fields of a line. Missing fields come from the command line; a form in the line replaces the form there.
 * Throws a UserError that names the field.
 */
export function askFieldsOf(fields: JsonReader, defaults: Asking): Asking {
  const own = Object.fromEntries(ASK_FIELDS.map((name) => [name, askedIn(fields, name)]))
  const forms = formsIn(own)
  if (forms.length > 1) throw new UserError(`give "${forms[0]}" or "${forms[1]}", not both`)
  const taken = ASK_FIELDS.map((name) => {
    const isReplaced = forms.length > 0 && FORMS.some((form) => form === name)
    return [name, isReplaced ? own[name] : (own[name] ?? defaults[name])] as const
  })
  return Object.fromEntries(taken.filter(([, value]) => value !== undefined))
}

/** The value of a field that asks, as the table has it. */
function askedIn<N extends AskName>(fields: JsonReader, name: N): Asking[N] {
  const { includes, mustBe } = ASK_OPTIONS[name]
  return fields.in(name).as(optional<unknown>(includes), mustBe) as Asking[N]
}

/** These options for a text that is continued as is, which has no thoughts. */
export function withoutThinking({ schema, grammar, regex }: Asking): OutputConstraint {
  return { schema, grammar, regex }
}

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
