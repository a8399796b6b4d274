import type { Tool } from '../../api/chat.js'
import type { Grammar } from '../../api/guide.js'
import type { ResponseField } from '../../api/response.js'
import { anyOf, type CallGuide, choice, inOrder, sequence, severalIf, text } from './call-grammar.js'
import { literalsOf } from './thinking-form.js'
import { type Parameter, parametersOf } from './tool-parameters.js'

/**
 * Calls as a Python list: `[name(key="text", other=2)]`. Values are JSON, which the reading takes as well, but for the
 * words of Python.
 */
export function pythonListCalls(
  field: ResponseField,
  tools: readonly Tool[],
  parallel: boolean,
): CallGuide | undefined {
  const { open, close } = literalsOf(field)
  const call = field.content === 'python-calls' && anyOf(tools, pythonCall)
  if (!call || open === undefined || close === undefined) return undefined
  const then = sequence('[', severalIf(parallel, call, ', '), `]${close}`)
  return { triggers: [{ text: open, then }], calls: sequence(open, then) }
}

function pythonCall(tool: Tool): Grammar | undefined {
  const parameters = parametersOf(tool)
  if (!parameters?.every(({ key }) => /^[\p{L}_$][\p{L}\p{N}_$-]*$/u.test(key))) return undefined
  const args = parameters.map((parameter) => ({
    isRequired: parameter.isRequired,
    grammar: sequence(`${parameter.key}=`, pythonValue(parameter)),
  }))
  return sequence(`${tool.name}(`, inOrder(args, ', '), ')')
}

function pythonValue({ schema, types }: Parameter): Grammar {
  return types.join() === 'boolean' && !('enum' in schema)
    ? choice([text('True'), text('False')])
    : { kind: 'schema', schema }
}
