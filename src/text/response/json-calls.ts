import type { Tool } from '../../api/chat.js'
import type { ResponseField } from '../../api/response.js'
import { isObject } from '../../json.js'
import { argumentsOf, type CallGuide, choice, sequence, severalIf } from './call-grammar.js'
import { literalsOf } from './thinking-form.js'

/**
 * Calls as JSON between texts: `<tool_call>{"name": ..., "arguments": ...}</tool_call>`, or a list of such objects that
 * may last to the end of the answer.
 */
export function jsonCalls(field: ResponseField, tools: readonly Tool[], parallel: boolean): CallGuide | undefined {
  const { open, close } = literalsOf(field)
  const keys = keysOf(field.transform)
  if (field.content !== 'json' || field.contentArgs || open === undefined || !keys) return undefined
  const call = choice(
    tools.map((tool) =>
      sequence(
        `{"${keys.name}": ${JSON.stringify(tool.name)}, "${keys.arguments}": `,
        { kind: 'schema', schema: argumentsOf(tool) },
        '}',
      ),
    ),
  )
  if (field.transformEach || close === undefined) {
    const then = sequence('[', severalIf(parallel, call, ', '), `]${close ?? ''}`)
    return { triggers: [{ text: open, then }], calls: sequence(open, then) }
  }
  const then = sequence('\n', call, `\n${close}`)
  return { triggers: [{ text: open, then }], calls: severalIf(parallel, sequence(open, then), '\n') }
}

/** Keys of a call's name and arguments in its JSON, by the transform that takes them out. */
function keysOf(transform: unknown): { name: string; arguments: string } | undefined {
  if (transform === undefined) return { name: 'name', arguments: 'arguments' }
  const call = isObject(transform) && 'function' in transform ? transform.function : transform
  if (call === '{content}') return { name: 'name', arguments: 'arguments' }
  if (!isObject(call)) return undefined
  const [name, args] = [call.name, call.arguments].map(
    (path) => typeof path === 'string' && /^\{(?:content\.)?(\w+)\}$/.exec(path)?.[1],
  )
  return name && args && args !== 'content' ? { name, arguments: args } : undefined
}
