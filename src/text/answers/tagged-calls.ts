import type { Tool } from '../../api/chat-options.js'
import type { Grammar } from '../../api/guide.js'
import type { ResponseField } from '../../api/response.js'
import {
  anyOf,
  type CallGuide,
  choice,
  inOrder,
  optional,
  sequence,
  severalIf,
  text,
  textWithout,
} from './call-grammar.js'
import { type Parameter, parametersOf } from './tool-parameters.js'

/** Texts of a form of calls: around the name, a key and a value, and before the end of the call. */
interface Tags {
  name: readonly [before: string, after: Grammar]
  key: readonly [before: string, after: Grammar]
  /** Behind a value; the closer is never in it. */
  value: readonly [before: string, closer: string, after: Grammar]
  last: string
}

/** Qwen3-Coder and later models; ZAYA's calls have another tag around them. */
const FUNCTION: Tags = {
  name: ['\n<function=', text('>\n')],
  key: ['<parameter=', text('>\n')],
  value: ['\n', '</parameter>', text('\n')],
  last: '</function>\n',
}
/** GLM-4.5 and 4.6 write each tag on its own line, GLM-4.7 and later models all on one. */
const LINE_END = optional(text('\n'))
const GLM: Tags = {
  name: ['', LINE_END],
  key: ['<arg_key>', sequence('</arg_key>', LINE_END, '<arg_value>')],
  value: ['', '</arg_value>', LINE_END],
  last: '',
}

/** Calls with tags for each argument. A value that may be a text is free up to its closer. */
export function taggedCalls(field: ResponseField, tools: readonly Tool[], parallel: boolean): CallGuide | undefined {
  const open = /^<(\w+_)?tool_call>/.exec(field.openPattern ?? '')?.[0]
  if (field.content !== 'xml-inline' || !open) return undefined
  const pattern = String(field.contentArgs?.tag_pattern)
  const tags = pattern.includes('<parameter=') ? FUNCTION : pattern.includes('<arg_key>') ? GLM : undefined
  const then = tags && anyOf(tools, (tool) => taggedCall(tool, tags, String(field.close)))
  if (!then) return undefined
  return { triggers: [{ text: open, then }], calls: severalIf(parallel, sequence(open, then), '\n') }
}

function taggedCall(tool: Tool, { name, key, value, last }: Tags, close: string): Grammar | undefined {
  const parameters = parametersOf(tool)
  if (!parameters?.every((parameter) => /^[^<>\s]+$/.test(parameter.key))) return undefined
  const args = parameters.map((parameter) => ({
    isRequired: parameter.isRequired,
    grammar: sequence(
      `${key[0]}${parameter.key}`,
      key[1],
      valueOrText(parameter, value[1]),
      `${value[0]}${value[1]}`,
      value[2],
    ),
  }))
  return sequence(`${name[0]}${tool.name}`, name[1], inOrder(args, ''), `${last}${close}`)
}

function valueOrText({ schema, types }: Parameter, closer: string): Grammar {
  const { enum: values } = schema
  const isText = (value: unknown) => typeof value === 'string' && value !== '' && !value.includes(closer)
  if (Array.isArray(values) && values.length > 0 && values.every(isText)) return choice(values.map(text))
  const isFree = types.length === 0 || types.includes('string')
  return isFree ? textWithout(closer) : { kind: 'schema', schema }
}
