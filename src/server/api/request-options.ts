import type { GenerateOptions } from '../../api/generation.js'
import type { ChatBody, CompletionBody } from './schemas.js'

/** The library's names of what a body says of the text that is wanted; stop strings and log-probabilities aside. */
export function optionsOf(body: CompletionBody | ChatBody): GenerateOptions {
  return {
    maxTokens: body.max_tokens,
    temperature: body.temperature,
    topP: body.top_p,
    topK: body.top_k,
    minP: body.min_p,
    repeatPenalty: body.repetition_penalty,
    seed: body.seed,
    ignoreEos: body.ignore_eos,
  }
}
