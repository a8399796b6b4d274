import type { GenerationSettings, Sampling } from '../generation-options.js'
import type { LayerRoutes } from './routes.js'

/** How far the tokens of a request have been read. */
export interface PromptProgress {
  /** Tokens that have been read. */
  processed: number
  /** Tokens that are to be read. */
  total: number
  /** Milliseconds since the first of them was taken up. */
  timeMs: number
}

/** How the next token is chosen; what is left out is as the model's makers want it, else as most programs have it. */
export type SamplingOptions = Partial<Sampling>

export interface GenerateOptions extends Partial<GenerationSettings> {
  /**
   * Report the experts that each step's token wakes when it is read. A step then comes once that is done, one forward
   * pass later than without.
   */
  routes?: boolean
  /** With the routes, report the probabilities of all experts. */
  probabilities?: boolean
  /** Told how far the prompt has been read: at the beginning, and after each 256 tokens or, beside other calls, fewer. */
  onPromptProgress?: (progress: PromptProgress) => void
  /** Ends the generation as an abort does in fetch: the iteration rejects with the signal's reason. */
  signal?: AbortSignal
}

/** One generated token. */
export interface Step {
  /** 0 for the first generated token. */
  index: number
  token: number
  /**
   * Text that became certain with this token: whole characters that cannot belong to a stop string any more. A step whose
   * token leaves text uncertain comes when the next token does; the last step has all that is left at the end. The texts
   * of all steps together are the text of the result.
   */
  text: string
  /** Natural logarithm of the token's probability under the model, before temperature and filters. */
  logprob: number
  /** The likeliest tokens, falling. Only where asked for. */
  topLogprobs?: { token: number; logprob: number }[]
  /**
   * The experts that the step's own token woke when it was read: one entry per layer, one row. Only where asked for, and
   * absent for a last token that the model had no position left to read.
   */
  routes?: LayerRoutes[]
}

/** What a finished generation was; the return value of the generator. */
export interface GenerationResult {
  /** eos: an end-of-text token came; stop: a stop string; length: maxTokens reached, or the end of the context. */
  finishReason: 'eos' | 'stop' | 'length'
  /** The texts of all steps together. */
  text: string
  /** Generated ids; the end-of-text token is not among them. */
  tokens: number[]
  promptTokens: number
  /** True where the text ended because the model has no more positions. */
  contextFull?: true
  seed: number
  /** From the request to the first token sampled. */
  prefillMs: number
  /** From the first token sampled to the last. */
  decodeMs: number
}
