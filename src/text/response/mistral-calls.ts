import type { Tool } from '../../api/chat.js'
import type { ResponseField } from '../../api/response.js'
import { argumentsOf, type CallGuide, choice, optional, sequence, severalIf, text } from './call-grammar.js'

const OPEN = '[TOOL_CALLS]'

/** Calls of Mistral's models: a list of objects, or in newer ones `name[ARGS]{...}` behind an opener each. */
export function mistralListCalls(
  field: ResponseField,
  tools: readonly Tool[],
  parallel: boolean,
): CallGuide | undefined {
  if (field.content !== 'mistral-calls') return undefined
  const schemaOf = (tool: Tool) => ({ kind: 'schema' as const, schema: argumentsOf(tool) })
  if (field.contentArgs?.by_name) {
    const then = choice(tools.map((tool) => sequence(`${tool.name}[ARGS]`, schemaOf(tool))))
    return { triggers: [{ text: OPEN, then }], calls: severalIf(parallel, sequence(OPEN, then), '') }
  }
  const call = choice(
    tools.map((tool) => sequence(`{"name": ${JSON.stringify(tool.name)}, "arguments": `, schemaOf(tool), '}')),
  )
  const then = sequence(optional(text(' ')), '[', severalIf(parallel, call, ', '), ']')
  return { triggers: [{ text: OPEN, then }], calls: sequence(OPEN, then) }
}
