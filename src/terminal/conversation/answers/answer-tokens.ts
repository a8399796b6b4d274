import type { Model } from '../../../api/model.js'
import type { LayerRoutes } from '../../../api/routes.js'
import { awakeSentence } from '../../../lab/experts/usage/awake.js'
import { bitsOf } from '../../../lab/experts/usage/text-colours.js'
import { CHUNK, readerOf, TextRoutes } from '../../../lab/experts/usage/text-routes.js'
import { joinRoutes } from '../../../lab/experts/usage/token-routes.js'
import { ExpertUsage } from '../../../lab/experts/usage/usage.js'
import type { ModelConfig } from '../../../model/config/config.js'

export interface AnswerToken {
  id: number
  text: string
  /** Natural logarithm of its probability under the model. */
  logprob: number
  /** Experts that it woke when it was read; absent if the model had no position left to read it. */
  routes?: LayerRoutes[]
}

/** An answer as a text that the model has read; a token that was not read is left out. */
export function answerRoutes(tokens: readonly AnswerToken[], model: Model): TextRoutes {
  const read = tokens.filter((token): token is AnswerToken & { routes: LayerRoutes[] } => token.routes !== undefined)
  const text = new TextRoutes(
    'the answer',
    read.map(({ id }) => id),
    readerOf(model),
  )
  for (let first = 0; first < read.length; first += CHUNK) {
    const chunk = read.slice(first, first + CHUNK)
    text.add(joinRoutes(chunk.map(({ routes }) => routes)), chunk.length)
  }
  text.surprise = read.map(({ logprob }) => bitsOf(logprob))
  return text
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
