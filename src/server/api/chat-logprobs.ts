import type { Tokenizer } from '../../api/text.js'
import type { ScoredToken } from '../run/read-prompt.js'
import { tokenBytes, tokenText } from './token-text.js'

/** Log-probabilities of an answer's tokens in OpenAI's form; `content` has those of thoughts and calls too. */
export function chatLogprobs(scored: readonly ScoredToken[], tokenizer: Tokenizer | undefined) {
  const entry = (token: number, logprob: number | null) => {
    return { token: tokenText(token, tokenizer), logprob, bytes: tokenBytes(token, tokenizer) }
  }
  const content = scored.map(({ token, logprob, top }) => ({
    ...entry(token, logprob),
    top_logprobs: top.map((likely) => entry(likely.token, likely.logprob)),
  }))
  return { content, refusal: null }
}
