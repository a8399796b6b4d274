import type { OptionName } from '../../api/generation-options.js'
import { snakeCase } from '../../ground/spelling.js'

/* Names of the options of a generation in the three APIs: the option's name in snake case, but for the exceptions here. */

/** Options that a body does not set: the server has one context for all, and each API asks in its own way for logprobs. */
const OMITTED = {
  openai: ['context', 'logprobs'],
  responses: ['context', 'logprobs', 'ignoreEos'],
  ollama: ['context', 'logprobs', 'ignoreEos'],
} as const

const RENAMED = {
  openai: { repeatPenalty: 'repetition_penalty' },
  responses: { repeatPenalty: 'repetition_penalty', maxTokens: 'max_output_tokens' },
  ollama: { maxTokens: 'num_predict', promptLookupNumTokens: 'draft_num_predict' },
} as const

export type Api = keyof typeof RENAMED
export type Omitted<A extends Api> = (typeof OMITTED)[A][number]
export type Renamed<A extends Api> = (typeof RENAMED)[A]

/** Name of an option's field in an API; undefined if it has none. */
export function fieldIn(api: Api, name: OptionName): string | undefined {
  if ((OMITTED[api] as readonly string[]).includes(name)) return undefined
  return (RENAMED[api] as { [K in OptionName]?: string })[name] ?? snakeCase(name)
}
