import type { LayerRoutes } from '../../api/routes.js'
import { awakeSentence } from '../../experts/awake.js'
import { ExpertUsage } from '../../experts/usage.js'
import type { ModelConfig } from '../../model/config.js'

/** A token of an answer. */
export interface AnswerToken {
  text: string
  /** Natural logarithm of its probability under the model. */
  logprob: number
  /** Experts that it woke when it was read; absent if the model had no position left to read it. */
  routes?: LayerRoutes[]
}

/** Describes the experts that an answer woke, in one sentence; undefined if no token reports any. */
export function answerAwake(
  tokens: readonly AnswerToken[],
  { mixtures }: Pick<ModelConfig, 'mixtures'>,
): string | undefined {
  const usage = new ExpertUsage({ mixtures })
  for (const { routes } of tokens) if (routes) usage.add(routes, 1)
  return mixtures.length === 0 || usage.tokens === 0 ? undefined : awakeSentence(usage)
}
