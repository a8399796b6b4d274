import type { AskOptions, Tool, ToolChoice } from '../../api/chat-options.js'
import type { OutputConstraint } from '../../api/guide.js'
import type { Model } from '../../api/model.js'
import type { Said } from '../../engine/session/prompt.js'
import type { SessionMask } from '../../engine/session/shared/nearest-session.js'
import { UserError } from '../../ground/errors.js'
import { type ExpertMask, layerMasks } from '../../model/config/expert-mask.js'
import { maskSpecs, parseMask } from '../../model/config/mask-spec.js'
import { contrary, refused } from '../common/api-error.js'
import type { Limits } from '../common/limits.js'
import { type ChatBody, type CompletionBody, EFFORTS, type formFields } from './fields.js'

/* Requests of a body, in groups: what is said, how to sample, the form of the answer, thoughts, tools, experts. */

type Body = CompletionBody | ChatBody

/** A body's conversation. Without a template, the system text comes first and without a name, as in the terminal. */
export function saidOf({ messages }: Pick<ChatBody, 'messages'>): Said {
  const [first, ...others] = messages
  const isSystem = first.role === 'system' && others.length > 0
  return isSystem ? { messages: others, system: first.content } : { messages, system: '' }
}

/** Whose experts are reported: of the answer's tokens, and of the prompt's. */
export function routesOf({ routed_experts: asked = false }: Body) {
  return { routes: asked !== false, promptRoutes: asked === true }
}

/**
 * Reads a request's mask; undefined if it has no experts. `always` is the mask of all requests. Throws an ApiError if the
 * mask is wrong, or if both leave too few experts.
 */
export function maskOf(
  { mask: specs = [] }: Pick<Body, 'mask'>,
  { model: { config }, mask: always }: { model: Pick<Model, 'config'>; mask?: ExpertMask },
): SessionMask | undefined {
  if (specs.length === 0) return undefined
  try {
    const mask = parseMask(specs, config)
    layerMasks(always ? [always, mask] : [mask], config)
    return { mask, key: maskSpecs(mask).join(' ') }
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    throw refused('mask', error.message, 'invalid_value')
  }
}

const ANY_OBJECT = { type: 'object' }

/** The form that a body asks for. Throws an ApiError if it asks for several, or for one that is too long. */
export function formOf(
  body: Pick<ChatBody, keyof typeof formFields>,
  { limits }: { limits: Pick<Limits, 'constraintCharacters'> },
): OutputConstraint & { field?: string } {
  const { response_format: format, structured_outputs: outputs } = body
  const forms: (OutputConstraint & { field: string })[] = [
    { field: 'response_format', schema: format?.type === 'json_object' ? (format.schema ?? ANY_OBJECT) : undefined },
    {
      field: 'response_format.json_schema.schema',
      schema: format?.type === 'json_schema' ? format.json_schema.schema : undefined,
    },
    { field: 'structured_outputs.json', schema: outputs?.json },
    { field: 'structured_outputs.json_object', schema: outputs?.json_object ? ANY_OBJECT : undefined },
    { field: 'structured_outputs.regex', regex: outputs?.regex },
    { field: 'structured_outputs.grammar', grammar: outputs?.grammar },
    { field: 'structured_outputs.choice', grammar: outputs?.choice && oneOf(outputs.choice) },
    { field: 'guided_json', schema: body.guided_json },
    { field: 'guided_regex', regex: body.guided_regex },
    { field: 'guided_grammar', grammar: body.guided_grammar },
    { field: 'guided_choice', grammar: body.guided_choice && oneOf(body.guided_choice) },
    { field: 'json_schema', schema: body.json_schema },
    { field: 'grammar', grammar: body.grammar },
    { field: 'regex', regex: body.regex },
  ]
  const [asked, other] = forms.filter(({ schema, grammar, regex }) => (schema ?? grammar ?? regex) !== undefined)
  if (!asked) return {}
  if (other) throw contrary(asked.field, other.field, 'both set the form of the answer')
  const { field, schema, grammar, regex } = asked
  const { length } = grammar ?? regex ?? JSON.stringify(schema)
  if (length > limits.constraintCharacters) {
    throw refused(
      field,
      `"${field}" has ${length} characters; the limit is ${limits.constraintCharacters}`,
      'too_large',
    )
  }
  return asked
}

function oneOf(texts: readonly string[]): string {
  return `root ::= ${texts.map(quoted).join(' | ')}`
}

/** A text as GBNF writes it: JSON has two escapes that GBNF lacks. */
function quoted(text: string): string {
  const others: Record<string, string> = { '\\b': '\\x08', '\\f': '\\x0c' }
  return JSON.stringify(text).replace(/\\./g, (pair) => others[pair] ?? pair)
}

type ToolOptions = Pick<AskOptions, 'tools' | 'toolChoice' | 'parallelToolCalls'>

/** The tools of a body. Throws an ApiError for a name given twice, a choice of an unknown tool, or too many tools. */
export function toolsOf(
  body: Partial<ChatBody>,
  { limits }: { limits: Pick<Limits, 'tools' | 'toolCharacters'> },
): ToolOptions {
  const { tool_choice: choice, parallel_tool_calls: parallelToolCalls } = body
  const tools = (body.tools ?? []).map(({ function: { name, description, parameters } }): Tool => {
    return { name, description, parameters }
  })
  checkTools(tools, limits)
  if (tools.length === 0) {
    if (choice === undefined || choice === 'none' || choice === 'auto') return {}
    throw refused('tool_choice', '"tool_choice" requires "tools"')
  }
  if (choice === undefined || typeof choice === 'string') return { tools, toolChoice: choice, parallelToolCalls }
  const known = (name: string, param: string): string => {
    if (tools.some((tool) => tool.name === name)) return name
    throw refused(param, `"${param}" names ${JSON.stringify(name.slice(0, 100))}, which is not in "tools"`)
  }
  if (choice.type === 'function') {
    const toolChoice: ToolChoice = { name: known(choice.function.name, 'tool_choice') }
    return { tools, toolChoice, parallelToolCalls }
  }
  // The model only learns about the tools that it may call.
  const { mode, tools: some } = choice.allowed_tools
  const names = new Set(some.map(({ function: { name } }) => known(name, 'tool_choice.allowed_tools')))
  return { tools: tools.filter(({ name }) => names.has(name)), toolChoice: mode, parallelToolCalls }
}

function checkTools(tools: readonly Tool[], limits: Pick<Limits, 'tools' | 'toolCharacters'>): void {
  if (tools.length > limits.tools) {
    throw refused('tools', `${tools.length} tools exceed the limit of ${limits.tools}`, 'too_large')
  }
  const { length } = JSON.stringify(tools)
  if (length > limits.toolCharacters) {
    throw refused('tools', `the tools have ${length} characters; the limit is ${limits.toolCharacters}`, 'too_large')
  }
  const names = tools.map(({ name }) => name)
  const again = names.findIndex((name, i) => names.indexOf(name) < i)
  if (again < 0) return
  const param = `tools[${again}].function.name`
  throw refused(param, `"${param}" is ${JSON.stringify(names[again])} again; names of tools must differ`)
}

/** Variables of a template that a body sets by other fields, with these. */
const OTHER_FIELDS: Record<string, string> = {
  messages: 'messages',
  tools: 'tools',
  add_generation_prompt: 'messages',
  continue_final_message: 'messages',
}

/** Names that templates have for the switch. */
const SWITCHES = ['enable_thinking', 'thinking']

/** Options of thinking, and the further variables of the template. Throws an ApiError if fields contradict each other. */
export function thinkingOf(
  body: Partial<ChatBody>,
): Pick<AskOptions, 'think' | 'thinkBudget'> & { args?: Record<string, unknown> } {
  const { reasoning_effort: effort, chat_template_kwargs: given = {} } = body
  const misplaced = Object.keys(given).find((name) => Object.hasOwn(OTHER_FIELDS, name))
  if (misplaced !== undefined) {
    const param = `chat_template_kwargs.${misplaced}`
    throw refused(param, `"${param}" is not supported; use "${OTHER_FIELDS[misplaced]}"`)
  }
  const isSwitch = ([name, value]: [string, unknown]) => SWITCHES.includes(name) && typeof value === 'boolean'
  const args = Object.entries(given).filter((entry) => !isSwitch(entry))
  const named = Object.entries(given).filter(isSwitch)
  const switches: [string, unknown][] = [
    ['reasoning_effort', effort && effort !== 'none'],
    ['enable_thinking', body.enable_thinking],
    ...named.map(([name, value]): [string, unknown] => [`chat_template_kwargs.${name}`, value]),
  ]
  const [first, ...others] = switches.filter(([, isOn]) => isOn !== undefined)
  const other = others.find(([, isOn]) => isOn !== first[1])
  if (other) throw contrary(first[0], other[0], 'contradict each other')
  const think = effort ? EFFORTS[effort] : first && (first[1] ? 'on' : 'off')
  return { think, thinkBudget: budgetOf(body), ...(args.length > 0 && { args: Object.fromEntries(args) }) }
}

const BUDGETS = [
  'thinking_budget',
  'thinking_token_budget',
  'thinking_budget_tokens',
  'reasoning_budget_tokens',
] as const

function budgetOf(body: Partial<ChatBody>): number | undefined {
  const [first, ...others] = BUDGETS.filter((name) => body[name] !== undefined)
  const other = others.find((name) => body[name] !== body[first])
  if (other) throw contrary(first, other, 'are the same option')
  return first && body[first]
}
