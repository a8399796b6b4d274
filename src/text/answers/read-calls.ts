import type { Tool } from '../../api/chat-options.js'
import type { ResponseField } from '../../api/response.js'
import type { ToolCall } from '../../api/text.js'
import { isObject } from '../../ground/json/json.js'
import { castArguments, typesIn } from './cast.js'
import { shallowJson } from './literal-reader.js'
import { slippedJson } from './parse-calls.js'
import { parseContent, type TypesOf } from './parse-content.js'
import { transform } from './transform.js'

/** Calls of a region, which have `groups` of its opener and closer. Throws an Error if its text is no call. */
export function readCalls(
  text: string,
  field: ResponseField,
  groups: Readonly<Record<string, string>>,
  tools: readonly Tool[],
): ToolCall[] {
  const parametersOf = (name: unknown) => tools.find((tool) => tool.name === name)?.parameters
  const content = contentOf(text, field, typesIn(parametersOf(groups.name)))
  const values = transformed(content, field, groups)
  if (values.length === 0) throw new Error('the list of calls is empty')
  return values.map((value) => {
    const call = isObject(value) && isObject(value.function) ? value.function : value
    if (!isObject(call) || typeof call.name !== 'string' || call.name === '') throw new Error('a call has no name')
    const args = argumentsOf(call.arguments ?? call.parameters)
    const id = `call_${crypto.randomUUID().replaceAll('-', '').slice(0, 24)}`
    return { id, name: call.name, arguments: castArguments(args, parametersOf(call.name)) }
  })
}

function contentOf(text: string, field: ResponseField, types: TypesOf): unknown {
  try {
    return parseContent(text, field.content, field.contentArgs, types)
  } catch (error) {
    if (field.content !== 'json' || field.contentArgs) throw error
    const values = slippedJson(text)
    return values.length === 1 ? values[0] : values
  }
}

function transformed(content: unknown, field: ResponseField, groups: Readonly<Record<string, string>>): unknown[] {
  const items = Array.isArray(content) ? content : [content]
  if (field.transform === undefined) return items
  return items.map((item) => {
    const members = field.transformEach && isObject(item) ? item : {}
    return transform(field.transform, { ...groups, ...members, content: item })
  })
}

/** Arguments as an object. Models also write JSON within a text, or none at all. */
function argumentsOf(value: unknown = {}): Record<string, unknown> {
  const args: unknown = typeof value === 'string' ? shallowJson(value === '' ? '{}' : value) : value
  if (args === null) return {}
  if (!isObject(args)) throw new Error('the arguments of a call are no object')
  return args
}
