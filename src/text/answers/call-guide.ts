import type { Tool, ToolChoice } from '../../api/chat-options.js'
import type { Grammar } from '../../api/guide.js'
import type { ResponseField, ResponseTemplate } from '../../api/response.js'
import { isObject } from '../../ground/json/json.js'
import {
  anyOf,
  argumentsOf,
  type CallGuide,
  choice,
  inOrder,
  optional,
  sequence,
  severalIf,
  text,
} from './call-grammar.js'
import { gemmaCalls } from './gemma-calls.js'
import { taggedCalls } from './tagged-calls.js'
import { literalsOf } from './thinking-form.js'
import { type Parameter, parametersOf } from './tool-parameters.js'

/**
 * Grammars of calls of these tools, as a model writes them. Undefined if the form of its calls is unknown or no grammar
 * can describe it: such calls are read, but cannot be forced. The choice 'none' gives no guide. `parallel`: one answer may
 * have several calls.
 */
export function callGuide(
  response: ResponseTemplate | undefined,
  tools: readonly Tool[],
  { choice, parallel }: { choice: ToolChoice; parallel: boolean },
): CallGuide | undefined {
  const field = response?.fields.tool_calls
  const chosen = typeof choice === 'object' ? tools.filter(({ name }) => name === choice.name) : tools
  if (!field || choice === 'none' || chosen.length === 0) return undefined
  return FORMS.map((form) => form(field, chosen, parallel)).find((guide) => guide !== undefined)
}

/** Forms of calls. Each gives undefined for a field of another form. */
const FORMS: readonly ((field: ResponseField, tools: readonly Tool[], parallel: boolean) => CallGuide | undefined)[] = [
  harmonyCalls,
  taggedCalls,
  pythonListCalls,
  mistralListCalls,
  gemmaCalls,
  jsonCalls,
]

const CHANNELS = ['commentary', 'analysis']

/**
 * Calls of harmony: a message to `functions.NAME`, with JSON as its text. Its closer ends the answer, so that there is
 * one call at most. Models also write the recipient before the channel.
 */
function harmonyCalls(field: ResponseField, tools: readonly Tool[]): CallGuide | undefined {
  if (field.content !== 'json' || !field.openPattern?.includes('to=functions')) return undefined
  const call = (header: string) => choice(tools.map((tool) => sequence(tool.name + header, schemaOf(tool))))
  const after = (text: string, then: Grammar) => ({ text, then })
  const rest = call(' <|constrain|>json<|message|>')
  return {
    triggers: [
      ...CHANNELS.map((channel) => after(`<|channel|>${channel} to=functions.`, rest)),
      after('<|start|>assistant to=functions.', call('<|channel|>commentary <|constrain|>json<|message|>')),
    ],
    calls: sequence('<|channel|>commentary to=functions.', rest),
  }
}

/** Calls as a Python list: `[name(key="text", other=2)]`. Values are JSON but for the words of Python. */
function pythonListCalls(field: ResponseField, tools: readonly Tool[], parallel: boolean): CallGuide | undefined {
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

const OPEN = '[TOOL_CALLS]'

/** Calls of Mistral's models: a list of objects, or in newer ones `name[ARGS]{...}` behind an opener each. */
function mistralListCalls(field: ResponseField, tools: readonly Tool[], parallel: boolean): CallGuide | undefined {
  if (field.content !== 'mistral-calls') return undefined
  if (field.contentArgs?.by_name) {
    const then = choice(tools.map((tool) => sequence(`${tool.name}[ARGS]`, schemaOf(tool))))
    return { triggers: [{ text: OPEN, then }], calls: severalIf(parallel, sequence(OPEN, then), '') }
  }
  const call = callInJson(tools, USUAL_KEYS)
  const then = sequence(optional(text(' ')), '[', severalIf(parallel, call, ', '), ']')
  return { triggers: [{ text: OPEN, then }], calls: sequence(OPEN, then) }
}

/** Calls as JSON between texts, `<tool_call>{"name": ..., "arguments": ...}</tool_call>`, or as a list of objects. */
function jsonCalls(field: ResponseField, tools: readonly Tool[], parallel: boolean): CallGuide | undefined {
  const { open, close } = literalsOf(field)
  const keys = keysOf(field.transform)
  if (field.content !== 'json' || field.contentArgs || open === undefined || !keys) return undefined
  const call = callInJson(tools, keys)
  if (field.transformEach || close === undefined) {
    const then = sequence('[', severalIf(parallel, call, ', '), `]${close ?? ''}`)
    return { triggers: [{ text: open, then }], calls: sequence(open, then) }
  }
  const then = sequence('\n', call, `\n${close}`)
  return { triggers: [{ text: open, then }], calls: severalIf(parallel, sequence(open, then), '\n') }
}

/** Keys of a call's name and arguments in its JSON. */
interface CallKeys {
  name: string
  arguments: string
}

const USUAL_KEYS: CallKeys = { name: 'name', arguments: 'arguments' }

/** A call of one of the tools as a JSON object. */
function callInJson(tools: readonly Tool[], keys: CallKeys): Grammar {
  const begin = ({ name }: Tool) => `{"${keys.name}": ${JSON.stringify(name)}, "${keys.arguments}": `
  return choice(tools.map((tool) => sequence(begin(tool), schemaOf(tool), '}')))
}

function schemaOf(tool: Tool): Grammar {
  return { kind: 'schema', schema: argumentsOf(tool) }
}

/** The keys by the transform that takes their values out. */
function keysOf(transform: unknown): CallKeys | undefined {
  if (transform === undefined) return USUAL_KEYS
  const call = isObject(transform) && 'function' in transform ? transform.function : transform
  if (call === '{content}') return USUAL_KEYS
  if (!isObject(call)) return undefined
  const [name, args] = [call.name, call.arguments].map(
    (path) => typeof path === 'string' && /^\{(?:content\.)?(\w+)\}$/.exec(path)?.[1],
  )
  return name && args && args !== 'content' ? { name, arguments: args } : undefined
}
