import * as z from 'zod'
import { fieldNames } from '../../common/api-error.js'
import type { Limits } from '../../common/limits.js'
import type { KeptNulls } from '../../http/body.js'
import { choiceMode, choiceOf, toolFields, toolsOf } from '../conversation.js'
import {
  anyObject,
  budget,
  effort,
  firstWrong,
  flag,
  interventions,
  isText,
  labels,
  likeliest,
  mask,
  mustBe,
  only,
  samplingFields,
  text,
  thinkOf,
  unused,
  wholeFrom,
} from '../fields.js'
import type { ChatRequest, Constraint } from '../request.js'
import { inputField, nameWithin } from './input-items.js'

export const names = fieldNames({
  repeatPenalty: 'repetition_penalty',
  maxTokens: 'max_output_tokens',
  think: 'reasoning.effort',
  thinkBudget: 'thinking_budget',
  schema: 'text.format',
  grammar: 'text.format',
  regex: 'text.format',
})
const sampling = samplingFields(names, { omitted: ['ignoreEos'] })

/** A function in the flat form of responses. */
const functionTool = z.strictObject(
  { type: z.literal('function', mustBe('"function"')), ...toolFields, defer_loading: unused(flag) },
  mustBe('an object like {"type": "function", "name": ...}'),
)
/** Functions under a common name. */
const namespace = z.strictObject({
  type: z.literal('namespace'),
  name: text,
  description: unused(text),
  tools: firstWrong(functionTool),
})
/** Agents list tools of OpenAI's servers in every request. The model does not learn of them. */
const hosted = z.looseObject({ type: z.enum(['web_search', 'web_search_preview', 'image_generation']) })
const tool = z.discriminatedUnion(
  'type',
  [functionTool, namespace, hosted],
  mustBe('"function" or "namespace"; the server itself runs no tools'),
)

const named = z.strictObject(
  { type: z.literal('function', mustBe('"function"')), name: text },
  mustBe('an object like {"type": "function", "name": ...}'),
)
const allowed = z.strictObject({
  type: z.literal('allowed_tools'),
  mode: choiceMode,
  tools: firstWrong(named),
})
const toolChoice = choiceOf(z.discriminatedUnion('type', [named, allowed]))

const format = z.discriminatedUnion(
  'type',
  [
    z.strictObject({ type: z.literal('text') }),
    z.strictObject({ type: z.literal('json_object') }),
    z.strictObject({
      type: z.literal('json_schema'),
      name: text.optional(),
      description: unused(text),
      strict: unused(flag),
      schema: anyObject,
    }),
  ],
  mustBe('an object whose "type" is "text", "json_object" or "json_schema"'),
)

/** A field that refers to something stored. */
const stored = z
  .custom<undefined>(() => false, {
    error: 'is not supported: nothing is stored; send the whole conversation in "input"',
  })
  .optional()

/** Asks for the log-probabilities of the answer's tokens. */
const LOGPROBS = 'message.output_text.logprobs'

export const responsesBody = z.strictObject({
  model: text.optional(),
  input: inputField,
  instructions: text.optional(),
  ...sampling.shape,
  mask,
  interventions,
  ...labels,
  stream: flag.optional(),
  stream_options: z.strictObject({ include_obfuscation: only(false) }, mustBe('an object')).optional(),
  tools: firstWrong(tool).optional(),
  tool_choice: toolChoice.optional(),
  parallel_tool_calls: flag.optional(),
  text: z.strictObject({ format: format.optional(), verbosity: unused(text) }, mustBe('an object')).optional(),
  reasoning: z
    .strictObject({ effort, summary: unused(text), generate_summary: unused(text) }, mustBe('an object'))
    .optional(),
  thinking_budget: budget,
  include: z
    .custom<string[]>((list) => Array.isArray(list) && list.every(isText), mustBe('a list of texts'))
    .optional(),
  top_logprobs: likeliest,
  previous_response_id: stored,
  conversation: stored,
  prompt: stored,
  background: only(false),
  truncation: only('disabled'),
  context_management: only([]),
  max_tool_calls: unused(wholeFrom(1, Number.MAX_SAFE_INTEGER)),
  prompt_cache_options: unused(anyObject),
  client_metadata: unused(anyObject),
})
export type ResponsesBody = z.output<typeof responsesBody>

export const responsesNulls: { [field: string]: KeptNulls } = {
  tools: { each: { parameters: 'all', tools: { each: { parameters: 'all' } } } },
  text: { format: { schema: 'all' } },
}

/** The request of a response. */
export function chatRequest(body: ResponsesBody, limits: Limits): ChatRequest {
  const {
    input,
    instructions = '',
    tool_choice: choice,
    parallel_tool_calls: parallelToolCalls,
    text: { format } = {},
    reasoning,
    top_logprobs: top = 0,
  } = body
  return {
    options: sampling.of(body),
    messages: withInstructions(input, instructions),
    ...toolsOf(
      {
        tools: body.tools?.flatMap(functionsOf),
        namePath: 'name',
        choice: choice && chosenBy(choice),
        parallelToolCalls,
      },
      limits,
    ),
    constraint: format && constraintOf(format),
    think: reasoning?.effort && thinkOf(reasoning.effort),
    thinkBudget: body.thinking_budget,
    mask: body.mask,
    interventions: body.interventions,
    isStream: body.stream,
    report: { logprobs: body.include?.includes(LOGPROBS) || top > 0 ? top : undefined },
  }
}

function functionsOf(tool: NonNullable<ResponsesBody['tools']>[number]) {
  if (tool.type === 'function') return [tool]
  if (tool.type !== 'namespace') return []
  return tool.tools.map((inner) => ({ ...inner, name: nameWithin(tool.name, inner.name) }))
}

/** Namespaces of the request's functions by the names that the model has for them. */
export function namespacesOf({ tools = [] }: ResponsesBody): Map<string, { namespace: string; name: string }> {
  const spaces = tools.flatMap((tool) => (tool.type === 'namespace' ? [tool] : []))
  return new Map(
    spaces.flatMap(({ name: namespace, tools }) =>
      tools.map(({ name }): [string, { namespace: string; name: string }] => [
        nameWithin(namespace, name),
        { namespace, name },
      ]),
    ),
  )
}

/** Instructions come before the conversation; many templates know only one system text. */
function withInstructions(messages: ChatRequest['messages'], instructions: string): ChatRequest['messages'] {
  if (instructions === '') return messages
  const [first, ...others] = messages
  if (first.role !== 'system') return [{ role: 'system', content: instructions }, ...messages]
  return [{ role: 'system', content: `${instructions}\n\n${first.content}` }, ...others]
}

function chosenBy(choice: z.output<typeof toolChoice>) {
  if (typeof choice === 'string' || choice.type === 'function') return choice
  return { mode: choice.mode, names: choice.tools.map(({ name }) => name) }
}

function constraintOf(given: z.output<typeof format>): Constraint | undefined {
  if (given.type === 'text') return undefined
  if (given.type === 'json_object') return { param: 'text.format', schema: { type: 'object' } }
  return { param: 'text.format.schema', schema: given.schema }
}
