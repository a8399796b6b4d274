import type { GenerationSettings, Sampling } from './generation-options.js'
import type { GuideSpec, OutputConstraint } from './guide.js'
import type { LayerRoutes } from './routes.js'

/** Progress of reading a prompt. */
export interface PromptProgress {
  /** Number of tokens read so far. */
  processed: number
  /** Number of tokens to read. */
  total: number
  /** Milliseconds since the engine began with the first token. */
  timeMs: number
}

/** Choice of the next token. An absent option takes the model's default, else the usual one. */
export type SamplingOptions = Partial<Sampling>

export interface GenerateOptions extends Partial<GenerationSettings>, OutputConstraint {
  /** Limits of the text in stretches, instead of `schema`, `grammar` or `regex`, which limit all of it. */
  guide?: GuideSpec
  /** Report the experts that each step's token wakes. Each step then comes one forward pass later. Default: false. */
  routes?: boolean
  /** With `routes`, also report the routers' scores of all experts. Default: false. */
  probabilities?: boolean
  /** Called at the beginning of the prompt and after every 256 of its tokens, or fewer while other calls run. */
  onPromptProgress?: (progress: PromptProgress) => void
  /**
   * Called when the prompt has been read, before the first step, with the experts that its tokens woke: one entry per
   * layer, a row for each of the `tokens` tokens.
   */
  onPromptRoutes?: (routes: LayerRoutes[], tokens: number) => void
  /**
   * Aborting it ends the generation: the iteration rejects with the signal's reason, as in fetch. What was read of the
   * prompt is not read again by the next call that begins alike; see `Session`.
   */
  signal?: AbortSignal
}

/** One generated token. */
export interface Step {
  /** 0 for the first generated token. */
  index: number
  token: number
  /**
   * Text that this token makes certain: whole characters that cannot belong to a stop string. While some text is still
   * uncertain, the step waits for the next token; the last step has the rest. All steps' texts joined are the result's.
   */
  text: string
  /**
   * Natural logarithm of the token's probability under the model, before constraints, temperature and filters. Of a
   * forced token it is 0, unless the option `logprobs` is given: the model need not be asked.
   */
  logprob: number
  /** True if a constraint left no other token. */
  forced?: true
  /** The likeliest tokens, in falling order. Only with `logprobs`. */
  topLogprobs?: { token: number; logprob: number }[]
  /**
   * The experts that the step's token woke: one entry per layer, one row each. Only with `routes`, and absent for a
   * last token that the model had no position left to read.
   */
  routes?: LayerRoutes[]
}

/** A finished generation: the return value of the generator. */
export interface GenerationResult {
  /** `eos`: an end-of-text token; `stop`: a stop string, or a constraint allows no more; `length`: `maxTokens` tokens, or the end of the context. */
  finishReason: 'eos' | 'stop' | 'length'
  /** The stop string that ended the text. */
  stopString?: string
  /** All steps' texts joined. */
  text: string
  /** Generated ids, without the end-of-text token. */
  tokens: number[]
  /** Number of tokens in the prompt. */
  promptTokens: number
  /**
   * Tokens of the session that were read again before the prompt: after `truncate`, some layers can only be cut back to
   * a checkpoint. Absent if there were none.
   */
  readAgain?: number
  /** True if the text ended because the model has no more positions. */
  contextFull?: true
  /** Tokens drafted by prompt lookup, and how many were right. Absent if there were none. */
  drafts?: { drafted: number; right: number }
  /** Seed of the random choices, for repeating them. */
  seed: number
  /** Milliseconds from the request to the first token. */
  prefillMs: number
  /** Milliseconds from the first token to the last. */
  decodeMs: number
}
