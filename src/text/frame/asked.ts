import type { AskOptions, Tool, ToolChoice } from '../../api/chat.js'
import type { Grammar, OutputConstraint } from '../../api/guide.js'
import { UserError } from '../../errors.js'
import { constraintGrammar } from './constraint-grammar.js'
import { checkTools } from './template-tools.js'

/** Demands on an answer, checked. */
export interface Asked {
  /** Tools that the model may call: none with the choice 'none'. */
  tools: readonly Tool[]
  toolChoice: ToolChoice
  /** Form of the content. */
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
