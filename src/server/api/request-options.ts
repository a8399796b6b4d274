import type { GenerateOptions } from '../../api/generation.js'
import type { ChoiceSpec } from '../run/choice.js'
import type { ChatBody } from './chat-body.js'
import type { CompletionBody } from './completion-body.js'

/** A body's options by the library's names, without stop strings and log-probabilities. */
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
    promptLookupNumTokens: body.prompt_lookup_num_tokens,
  }
}

/** Whose experts are reported: of the answer's tokens, and of the prompt's. */
export function routesAsked({ routed_experts: asked = false }: CompletionBody | ChatBody) {
  return { routes: asked !== false, promptRoutes: asked === true } satisfies Partial<ChoiceSpec>
}

/** Whether a stream reports how much of its prompt has been read. */
export function isProgressAsked(body: CompletionBody | ChatBody): boolean {
  return (body.stream && body.return_progress) ?? false
}
