import type { SpokenTokens } from '../../experts/words-of-expert.js'
import type { TokenMap } from './token-map.js'

/** The tokens of a map as a text whose words woke experts. Each token has an id of its own. */
export function routedTokens({ tokens }: TokenMap): SpokenTokens {
  return {
    tokens: [...tokens.keys()],
    chosen: (token, layer, kind) => tokens[token].routes[layer][kind],
    model: { textOf: (token) => tokens[token].text },
  }
}
