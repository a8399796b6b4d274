import { formsIn } from '../../api/ask-options.js'
import type { AskOptions, Tool, ToolChoice } from '../../api/chat-options.js'
import type { Grammar, OutputConstraint } from '../../api/guide.js'
import { UsageError, UserError } from '../../ground/errors.js'
import { isObject } from '../../ground/json/json.js'
import { joinNames, option, phrase } from '../../ground/message.js'
import { printable } from '../../ground/printable.js'

/** Tools, or calls and results of them, that the model cannot be asked with. */
export class ToolError extends UserError {}

/** Demands on an answer, checked. */
export interface Asked {
  /** Tools that the model may call: none with the choice 'none'. */
  tools: readonly Tool[]
  toolChoice: ToolChoice
  content?: Grammar
}

/** Throws a UserError that names the first demand that makes no sense. */
export function askedOf(options: AskOptions & OutputConstraint & { args?: Readonly<Record<string, unknown>> }): Asked {
  const { tools = [], toolChoice = 'auto', args } = options
  checkTools(tools, toolChoice)
  const used = toolChoice === 'none' ? [] : tools
  if (used.length > 0 && args?.tools !== undefined) {
    throw new ToolError(phrase`tools are given twice: as ${option('tools')}, and as the template argument tools`)
  }
  return { tools: used, toolChoice, content: constraintGrammar(options) }
}

/** Longest name of a tool, in characters. */
const LONGEST_NAME = 128

/** Throws a ToolError that names the first wrong tool, or a choice without a tool. */
function checkTools(tools: readonly Tool[], choice: ToolChoice): void {
  const names = new Set<string>()
  for (const [i, tool] of tools.entries()) {
    if (isObject(tool) && isObject(tool.function)) {
      throw new ToolError(`tool ${i + 1} has the form of OpenAI's API: give its \`function\` alone`)
    }
    const { name, parameters } = tool
    const isName =
      typeof name === 'string' && name !== '' && name.length <= LONGEST_NAME && !/[\s"<>(){}[\]]/.test(name)
    if (!isName) throw new ToolError(`tool ${i + 1} needs a name without blanks, quotes and brackets`)
    if (names.has(name)) throw new ToolError(`two tools have the name ${printable(name)}`)
    names.add(name)
    const { type = 'object' } = isObject(parameters) ? parameters : {}
    if (parameters !== undefined && (!isObject(parameters) || type !== 'object'))
      throw new ToolError(`the parameters of tool ${printable(name)} must be a JSON Schema of type "object"`)
  }
  if (typeof choice === 'object' && !names.has(choice.name)) {
    throw new ToolError(`the tool to call, ${printable(choice.name)}, is not one of the tools`)
  }
  if (choice === 'required' && tools.length === 0) throw new ToolError('a call is required, and there are no tools')
}

/** The grammar of a constraint; undefined without any. Throws a UsageError for more than one, or for one of a wrong type. */
export function constraintGrammar(constraint: OutputConstraint): Grammar | undefined {
  const { schema, grammar, regex } = constraint
  const given = formsIn(constraint)
  if (given.length > 1) {
    const names = given.map((name) => option(name))
    throw new UsageError(phrase`give one of ${joinNames(names, ' and ')}, not several`)
  }
  for (const name of given) {
    const value = constraint[name]
    if (name === 'schema' || typeof value === 'string') continue
    const advice = value instanceof RegExp ? ', like the `source` of a RegExp' : ''
    throw new UsageError(phrase`${option(name)} must be a text${advice}`)
  }
  if (schema !== undefined) return { kind: 'schema', schema }
  if (grammar !== undefined) return { kind: 'ebnf', text: grammar }
  return regex === undefined ? undefined : { kind: 'regex', pattern: regex }
}
