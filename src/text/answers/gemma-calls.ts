import type { Tool } from '../../api/chat-options.js'
import type { Grammar } from '../../api/guide.js'
import type { ResponseField } from '../../api/response.js'
import { isObject } from '../../ground/json/json.js'
import { anyOf, type CallGuide, choice, inOrder, sequence, severalIf, text, textWithout } from './call-grammar.js'
import { typesOf } from './cast.js'
import { type Parameter, parametersOf } from './tool-parameters.js'

const KEY = /^[\p{L}\p{N}_$.-]+$/u
/** Around strings: a special token. */
const QUOTE = '<|"|>'

/**
 * Calls of Gemma 4: `call:name{key:value}`, with strings between special tokens. Undefined if an argument has a schema
 * that is more than types, properties, items, alternatives and texts to choose from.
 */
export function gemmaCalls(field: ResponseField, tools: readonly Tool[], parallel: boolean): CallGuide | undefined {
  if (field.content !== 'json' || !field.openPattern?.includes('call:')) return undefined
  const then = anyOf(tools, (tool) => {
    const args = membersOf(parametersOf(tool))
    return args && sequence(tool.name, args, '<tool_call|>')
  })
  const open = '<|tool_call>call:'
  return then && { triggers: [{ text: open, then }], calls: severalIf(parallel, sequence(open, then), '') }
}

function membersOf(parameters: Parameter[] | undefined, depth = 0): Grammar | undefined {
  // The model's chat template sorts keys.
  const members = parameters?.sort(byKey).map((parameter) => {
    if (!KEY.test(parameter.key)) return undefined
    const value = valueGrammar(parameter, depth)
    return value && { isRequired: parameter.isRequired, grammar: sequence(`${parameter.key}:`, value) }
  })
  if (!members?.every((member) => member !== undefined)) return undefined
  return sequence('{', inOrder(members, ','), '}')
}

/** The order of Jinja's `dictsort`. */
function byKey({ key: a }: Parameter, { key: b }: Parameter): number {
  const [x, y] = [a.toLowerCase(), b.toLowerCase()]
  return x < y ? -1 : x > y ? 1 : 0
}

function valueGrammar({ schema, types }: Pick<Parameter, 'schema' | 'types'>, depth: number): Grammar | undefined {
  const { enum: values, items, anyOf: alternatives, nullable } = schema
  const quoted = (inner: Grammar) => sequence(QUOTE, inner, QUOTE)
  if (Array.isArray(values)) {
    const isText = values.length > 0 && values.every((value) => typeof value === 'string')
    return isText ? quoted(choice(values.map(text))) : undefined
  }
  if (types.length === 0 || depth > 8) return undefined
  if (Array.isArray(alternatives)) {
    const options = alternatives.map((schema) =>
      isObject(schema) ? valueGrammar({ schema, types: typesOf(schema) }, depth + 1) : undefined,
    )
    if (nullable === true) options.push(text('null'))
    return options.every((option) => option !== undefined) ? choice(options) : undefined
  }
  if (types.length > 1) {
    const single = types.map((type) =>
      valueGrammar({ schema: { ...schema, type, nullable: false }, types: [type] }, depth),
    )
    return single.every((option) => option !== undefined) ? choice(single) : undefined
  }
  const [type] = types
  if (type === 'string') return quoted(textWithout(QUOTE))
  if (type === 'object') return membersOf(parametersOf({ name: '', parameters: schema }), depth + 1)
  if (type !== 'array') return { kind: 'schema', schema }
  const [item] = parametersOf({ name: '', parameters: { properties: { items } } }) ?? []
  const part = item && valueGrammar(item, depth + 1)
  return part && sequence('[', { kind: 'repeat', part, separator: ',', atLeast: 0 }, ']')
}
