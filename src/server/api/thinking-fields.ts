import { z } from 'zod'
import type { AskOptions, Think } from '../../api/chat.js'
import { ApiError } from '../common/api-error.js'
import { anyObject, flag, instead, mustBe, only } from './body-fields.js'

/** Efforts of OpenAI's and other APIs. */
const EFFORTS = {
  none: 'off',
  minimal: 'low',
  low: 'low',
  medium: 'medium',
  high: 'high',
  xhigh: 'high',
  max: 'high',
} as const satisfies Record<string, Think>

const efforts = Object.keys(EFFORTS) as (keyof typeof EFFORTS)[]

/** Most tokens of thinking; -1 is no limit, as in llama.cpp. */
const budget = z
  .custom<number>(
    (value) => Number.isInteger(value) && (value as number) >= -1,
    mustBe('a whole number from 0 on, or -1'),
  )
  .transform((tokens) => (tokens === -1 ? undefined : tokens))
  .optional()

export const thinkingFields = {
  reasoning_effort: z.enum(efforts, mustBe(`one of ${efforts.join(', ')}`)).optional(),
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

type ThinkingFields = { [K in keyof typeof thinkingFields]?: z.output<(typeof thinkingFields)[K]> }

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
  body: ThinkingFields,
): Pick<AskOptions, 'think' | 'thinkBudget'> & { args?: Record<string, unknown> } {
  const { reasoning_effort: effort, chat_template_kwargs: given = {} } = body
  const other = Object.keys(given).find((name) => Object.hasOwn(OTHER_FIELDS, name))
  if (other !== undefined) {
    const param = `chat_template_kwargs.${other}`
    throw new ApiError(400, `"${param}" is not supported; use "${OTHER_FIELDS[other]}"`, { param })
  }
  const isSwitch = ([name, value]: [string, unknown]) => SWITCHES.includes(name) && typeof value === 'boolean'
  const args = Object.entries(given).filter((entry) => !isSwitch(entry))
  const switches: [string, boolean][] = [
    ...(effort === undefined ? [] : [['reasoning_effort', effort !== 'none'] as [string, boolean]]),
    ...(body.enable_thinking === undefined ? [] : [['enable_thinking', body.enable_thinking] as [string, boolean]]),
    ...Object.entries(given)
      .filter(isSwitch)
      .map(([name, value]): [string, boolean] => [`chat_template_kwargs.${name}`, value === true]),
  ]
  const [first] = switches
  const contrary = switches.find(([, isOn]) => isOn !== first[1])
  if (contrary) {
    const message = `"${first[0]}" and "${contrary[0]}" contradict each other; send one of them`
    throw new ApiError(400, message, { param: contrary[0] })
  }
  const think = effort ? EFFORTS[effort] : first && (first[1] ? 'on' : 'off')
  return { think, thinkBudget: budgetOf(body), ...(args.length > 0 && { args: Object.fromEntries(args) }) }
}

const BUDGETS = [
  'thinking_budget',
  'thinking_token_budget',
  'thinking_budget_tokens',
  'reasoning_budget_tokens',
] as const

function budgetOf(body: ThinkingFields): number | undefined {
  const [first, ...others] = BUDGETS.filter((name) => body[name] !== undefined)
  const contrary = others.find((name) => body[name] !== body[first])
  if (contrary) {
    const message = `"${first}" and "${contrary}" are the same option; send one of them`
    throw new ApiError(400, message, { param: contrary })
  }
  return first && body[first]
}
