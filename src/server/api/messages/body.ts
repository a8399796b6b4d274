import * as z from 'zod'
import { fieldNames } from '../../common/api-error.js'
import type { Limits } from '../../common/limits.js'
import type { KeptNulls } from '../../http/body.js'
import { toolFields, toolsOf } from '../conversation.js'
import {
  anyObject,
  effort,
  firstWrong,
  flag,
  interventions,
  mask,
  mustBe,
  only,
  samplingFields,
  text,
  thinkOf,
  unused,
  unusedFields,
  wholeFrom,
} from '../fields.js'
import type { ChatRequest } from '../request.js'
import { messagesField, systemField } from './blocks.js'

export const names = fieldNames({
  prompt: 'messages',
  stop: 'stop_sequences',
  repeatPenalty: 'repetition_penalty',
  think: 'thinking',
  thinkBudget: 'thinking.budget_tokens',
  parallelToolCalls: 'tool_choice.disable_parallel_tool_use',
  schema: 'output_config.format',
  grammar: 'output_config.format',
  regex: 'output_config.format',
})
const sampling = samplingFields(names)

const { name, description, strict } = toolFields
const tool = z.strictObject(
  {
    type: z.literal('custom', mustBe('"custom"; the server itself runs no tools')).optional(),
    name,
    description,
    input_schema: anyObject,
    ...{ strict, cache_control: unused(anyObject), input_examples: unused(firstWrong(anyObject)) },
    ...unusedFields(flag, 'defer_loading', 'eager_input_streaming'),
  },
  mustBe('an object with a name and an input_schema'),
)

const isOne = flag.optional()
const toolChoice = z.discriminatedUnion(
  'type',
  [
    z.strictObject({ type: z.enum(['auto', 'any']), disable_parallel_tool_use: isOne }),
    z.strictObject({ type: z.literal('tool'), name: text, disable_parallel_tool_use: isOne }),
    z.strictObject({ type: z.literal('none') }),
  ],
  mustBe('an object whose "type" is "auto", "any", "tool" or "none"'),
)

const display = unused(text)
const thinking = z.discriminatedUnion(
  'type',
  [
    z.strictObject({
      type: z.literal('enabled'),
      budget_tokens: wholeFrom(0, Number.MAX_SAFE_INTEGER).optional(),
      display,
    }),
    z.strictObject({ type: z.enum(['disabled', 'adaptive']), display }),
  ],
  mustBe('an object whose "type" is "enabled", "disabled" or "adaptive"'),
)

const format = z.strictObject(
  { type: z.literal('json_schema', mustBe('"json_schema"')), schema: anyObject },
  mustBe('an object with a schema'),
)

/** The prompt of the same body is counted. */
export const messagesBody = z.strictObject({
  model: text.optional(),
  messages: messagesField,
  system: systemField.optional(),
  tools: firstWrong(tool).optional(),
  tool_choice: toolChoice.optional(),
  thinking: thinking.optional(),
  output_config: z.strictObject({ effort, format: format.optional() }, mustBe('an object')).optional(),
  output_format: format.optional(),
  cache_control: unused(anyObject),
  context_management: unused(anyObject),
  mcp_servers: only([]),
  ...sampling.shape,
  mask,
  interventions,
  stream: flag.optional(),
  metadata: unused(anyObject),
  ...unusedFields(text, 'service_tier', 'inference_geo', 'speed'),
  container: only(),
})
export type MessagesBody = z.output<typeof messagesBody>

/** Schemas and arguments of calls keep their nulls. */
export const messagesNulls: { [field: string]: KeptNulls } = {
  tools: { each: { input_schema: 'all' } },
  output_config: { format: { schema: 'all' } },
  output_format: { schema: 'all' },
  messages: { each: { content: { each: { input: 'all' } } } },
}

/** The request of a message. */
export function chatRequest(body: MessagesBody, limits: Limits): ChatRequest {
  const { system = [], messages, tool_choice: choice, thinking, output_config: { effort, format } = {} } = body
  const tools = body.tools?.map(({ input_schema: parameters, ...tool }) => ({ ...tool, parameters }))
  const schema = (format ?? body.output_format)?.schema
  const param = format ? 'output_config.format.schema' : 'output_format.schema'
  return {
    options: sampling.of(body),
    messages: [...system, ...messages],
    ...toolsOf(
      { tools, namePath: 'name', choice: choice && chosenBy(choice), parallelToolCalls: parallelOf(choice) },
      limits,
    ),
    constraint: schema && { param, schema },
    think: thinkingOf(thinking?.type, effort && thinkOf(effort)),
    thinkBudget: thinking?.type === 'enabled' ? thinking.budget_tokens : undefined,
    mask: body.mask,
    interventions: body.interventions,
    isStream: body.stream,
    report: {},
  }
}

/** Without a word about thinking, the model's own default counts. */
function thinkingOf(
  type: 'enabled' | 'disabled' | 'adaptive' | undefined,
  level: ChatRequest['think'],
): ChatRequest['think'] {
  if (type === 'disabled') return 'off'
  return level ?? (type === 'enabled' ? 'on' : undefined)
}

function chosenBy(choice: z.output<typeof toolChoice>) {
  if (choice.type === 'tool') return { name: choice.name }
  return choice.type === 'any' ? 'required' : choice.type
}

function parallelOf(choice: z.output<typeof toolChoice> | undefined): boolean | undefined {
  const isOne = choice && 'disable_parallel_tool_use' in choice ? choice.disable_parallel_tool_use : undefined
  return isOne === undefined ? undefined : !isOne
}
