import type { AskOptions, Tool, ToolChoice } from '../../api/chat-options.js'
import type { Grammar, OutputConstraint } from '../../api/guide.js'
import { UsageError, UserError } from '../../ground/errors.js'
import { checkTools } from './template-tools.js'

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
    throw new UserError('tools are given twice: as `tools`, and as the template argument tools')
  }
  return { tools: used, toolChoice, content: constraintGrammar(options) }
}

/** The grammar of a constraint; undefined without any. Throws a UsageError for more than one, or for one of a wrong type. */
export function constraintGrammar({ schema, grammar, regex }: OutputConstraint): Grammar | undefined {
  const given = Object.entries({ schema, grammar, regex }).filter(([, value]) => value !== undefined)
  if (given.length > 1) {
    throw new UsageError(`give one of ${given.map(([name]) => `\`${name}\``).join(' and ')}, not several`)
  }
  for (const [name, value] of given) {
    if (name === 'schema' || typeof value === 'string') continue
    const advice = value instanceof RegExp ? ', like the `source` of a RegExp' : ''
    throw new UsageError(`\`${name}\` must be a text${advice}`)
  }
  if (schema !== undefined) return { kind: 'schema', schema }
  if (grammar !== undefined) return { kind: 'ebnf', text: grammar }
  return regex === undefined ? undefined : { kind: 'regex', pattern: regex }
}
