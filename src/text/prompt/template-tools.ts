import type { Tool, ToolChoice } from '../../api/chat-options.js'
import { UserError } from '../../ground/errors.js'
import { isObject } from '../../ground/json/json.js'
import { printable } from '../../ground/printable.js'

/** Longest name of a tool, in characters. */
const LONGEST_NAME = 128

/** Throws a UserError that names the first wrong tool, or a choice without a tool. */
export function checkTools(tools: readonly Tool[], choice?: ToolChoice): void {
  const names = new Set<string>()
  for (const [i, tool] of tools.entries()) {
    if (isObject(tool) && isObject(tool.function)) {
      throw new UserError(`tool ${i + 1} has the form of OpenAI's API: give its \`function\` alone`)
    }
    const { name, parameters } = tool
    const isName =
      typeof name === 'string' && name !== '' && name.length <= LONGEST_NAME && !/[\s"<>(){}[\]]/.test(name)
    if (!isName) throw new UserError(`tool ${i + 1} needs a name without blanks, quotes and brackets`)
    if (names.has(name)) throw new UserError(`two tools have the name ${printable(name)}`)
    names.add(name)
    const { type = 'object' } = isObject(parameters) ? parameters : {}
    if (parameters !== undefined && (!isObject(parameters) || type !== 'object'))
      throw new UserError(`the parameters of tool ${printable(name)} must be a JSON Schema of type "object"`)
  }
  if (typeof choice === 'object' && !names.has(choice.name)) {
    throw new UserError(`the tool to call, ${printable(choice.name)}, is not one of the tools`)
  }
  if (choice === 'required' && tools.length === 0) throw new UserError('a call is required, and there are no tools')
}

/** Tools as templates expect them. They read descriptions and properties without asking whether there are any. */
export function templateTools(tools: readonly Tool[]) {
  return tools.map(({ name, description = '', parameters = {} }) => {
    const schema = JSON.parse(JSON.stringify(parameters))
    return {
      type: 'function' as const,
      function: { name, description, parameters: { type: 'object', properties: {}, ...schema } },
    }
  })
}
