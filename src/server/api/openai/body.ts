import * as z from 'zod'
import { fieldNames, refusedParam } from '../../common/api-error.js'
import type { Limits } from '../../common/limits.js'
import type { KeptNulls } from '../../http/body.js'
import { choiceMode, choiceOf, functionOf, functions, messageNulls, messages, toolsOf } from '../conversation.js'
import {
  anyObject,
  budget,
  effort,
  firstWrong,
  flag,
  instead,
  interventions,
  isText,
  isTokenId,
  labels,
  likeliest,
  mask,
  mustBe,
  only,
  option,
  samplingFields,
  text,
  thinkOf,
  unused,
  wholeFrom,
} from '../fields.js'
import type { ChatRequest, CompletionRequest } from '../request.js'
import { constraintOf, contrary, formFields, formNulls } from './constraint.js'

/* The bodies of completions and chat completions, and the requests that they mean. */

export const names = fieldNames({
  repeatPenalty: 'repetition_penalty',
  think: 'reasoning_effort',
  thinkBudget: 'thinking_budget',
  schema: 'response_format',
  grammar: 'grammar',
  regex: 'regex',
})
const sampling = samplingFields(names)

/** Fields of completions and chat completions. */
const common = {
  model: text.optional(),
  ...sampling.shape,
  n: wholeFrom(1, 128).optional(),
  stream: flag.optional(),
  stream_options: z
    .strictObject({ include_usage: flag.optional(), include_obfuscation: only(false) }, mustBe('an object'))
    .optional(),
  routed_experts: z.union([z.boolean(), z.literal('answer')], mustBe('true, false or "answer"')).optional(),
  return_routed_experts: flag.optional(),
  return_progress: flag.optional(),
  mask,
  interventions,
  frequency_penalty: only(0),
  presence_penalty: only(0),
  logit_bias: only({}),
  ...labels,
}

const named = functionOf({ name: text }).transform((chosen) => chosen.function)
const allowed = z
  .strictObject({
    type: z.literal('allowed_tools'),
    allowed_tools: z.strictObject(
      { mode: choiceMode, tools: firstWrong(named) },
      mustBe('an object with a mode and tools'),
    ),
  })
  .transform(({ allowed_tools: { mode, tools } }) => ({ mode, names: tools.map(({ name }) => name) }))
const toolChoice = choiceOf(z.discriminatedUnion('type', [named, allowed]))

const thinkingFields = {
  reasoning_effort: effort,
  enable_thinking: flag.optional(),
  chat_template_kwargs: anyObject.optional(),
  thinking_budget: budget,
  thinking_token_budget: budget,
  thinking_budget_tokens: budget,
  reasoning_budget_tokens: budget,
  include_reasoning: only(true),
  reasoning_format: only('auto', 'deepseek'),
  reasoning: instead('reasoning_effort'),
  thinking: instead('reasoning_effort'),
}

export const chatBody = z.strictObject({
  ...common,
  ...formFields,
  ...thinkingFields,
  messages,
  tools: functions,
  tool_choice: toolChoice.optional(),
  parallel_tool_calls: flag.optional(),
  functions: instead('tools', []),
  function_call: instead('tool_choice', 'none', 'auto'),
  max_completion_tokens: option('maxTokens'),
  logprobs: flag.optional(),
  top_logprobs: likeliest,
  modalities: only(['text']),
  verbosity: unused(text),
  prediction: unused(anyObject),
})
export type ChatBody = z.output<typeof chatBody>

/** Schemas, variables of the template, and arguments of calls keep their nulls. */
export const chatNulls: { [field: string]: KeptNulls } = {
  ...formNulls,
  tools: { each: { function: { parameters: 'all' } } },
  chat_template_kwargs: 'all',
  messages: messageNulls,
}

/** Texts or lists of token ids, one or several; the first element decides which. */
function isPrompt(value: unknown): value is string | string[] | number[] | number[][] {
  if (!Array.isArray(value)) return isText(value)
  if (isText(value[0])) return value.every(isText)
  if (Array.isArray(value[0])) return value.every((ids) => Array.isArray(ids) && ids.every(isTokenId))
  return value.every(isTokenId)
}

export const completionBody = z.strictObject({
  ...common,
  ...formFields,
  prompt: z.custom<string | string[] | number[] | number[][]>(
    isPrompt,
    mustBe('a text, a list of texts, a list of token ids or a list of such lists'),
  ),
  echo: flag.optional(),
  logprobs: likeliest,
  suffix: text.optional(),
  best_of: only(1),
})
export type CompletionBody = z.output<typeof completionBody>

/** The request of a chat completion. Throws an ApiError if fields contradict each other. */
export function chatRequest(body: ChatBody, limits: Limits): ChatRequest {
  const { logprobs, top_logprobs: top = 0, max_completion_tokens: maxTokens, tools, tool_choice: choice } = body
  if (top > 0 && !logprobs) throw refusedParam('top_logprobs', '"top_logprobs" requires "logprobs": true')
  const options = sampling.of(body)
  if (options.maxTokens !== undefined && maxTokens !== undefined && options.maxTokens !== maxTokens) {
    const message = '"max_tokens" and "max_completion_tokens" are the same option; send one of them'
    throw refusedParam('max_tokens', message)
  }
  return {
    ...sharedRequest(body),
    options: { ...options, maxTokens: maxTokens ?? options.maxTokens },
    messages: body.messages,
    ...toolsOf({ tools, namePath: 'function.name', choice, parallelToolCalls: body.parallel_tool_calls }, limits),
    ...thinkingOf(body),
    report: reportOf(body, logprobs ? top : undefined),
  }
}

/** The request of a completion. Throws an ApiError if fields contradict each other. */
export function completionRequest(body: CompletionBody): CompletionRequest {
  const { prompt, suffix, echo } = body
  const isMany = Array.isArray(prompt) && typeof prompt[0] !== 'number'
  const request = sharedRequest(body)
  if (suffix && echo) throw refusedParam('echo', '"echo" and "suffix" exclude each other; send one of them')
  return {
    ...request,
    options: sampling.of(body),
    prompts: (isMany ? prompt : [prompt]) as (string | number[])[],
    ...{ suffix, echo },
    report: reportOf(body, body.logprobs),
  }
}

function sharedRequest(body: ChatBody | CompletionBody) {
  const { mask, interventions, n, stream: isStream } = body
  return { constraint: constraintOf(body), mask, interventions, n, isStream }
}

function reportOf(body: ChatBody | CompletionBody, logprobs?: number) {
  const { routed_experts: routes, return_routed_experts: packedRoutes, return_progress: progress } = body
  if (routes && packedRoutes) throw contrary('routed_experts', 'return_routed_experts', 'report the same')
  const all = routes || packedRoutes
  return {
    logprobs,
    progress,
    packedRoutes,
    routes: all ? (routes === 'answer' ? 'answer' : 'all') : undefined,
  } as const
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
function thinkingOf(body: ChatBody): Pick<ChatRequest, 'think' | 'thinkBudget' | 'args'> {
  const { reasoning_effort: effort, chat_template_kwargs: given = {} } = body
  const misplaced = Object.keys(given).find((name) => Object.hasOwn(OTHER_FIELDS, name))
  if (misplaced !== undefined) {
    const param = `chat_template_kwargs.${misplaced}`
    throw refusedParam(param, `"${param}" is not supported; use "${OTHER_FIELDS[misplaced]}"`)
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
  const think = effort ? thinkOf(effort) : first && (first[1] ? 'on' : 'off')
  return { think, thinkBudget: budgetOf(body), ...(args.length > 0 && { args: Object.fromEntries(args) }) }
}

const BUDGETS = [
  'thinking_budget',
  'thinking_token_budget',
  'thinking_budget_tokens',
  'reasoning_budget_tokens',
] as const

function budgetOf(body: ChatBody): number | undefined {
  const [first, ...others] = BUDGETS.filter((name) => body[name] !== undefined)
  const other = others.find((name) => body[name] !== body[first])
  if (other) throw contrary(first, other, 'are the same option')
  return first && body[first]
}
