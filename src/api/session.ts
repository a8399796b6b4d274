import type { ChatOptions, ChatResult, ChatStep } from './chat.js'
import type { GenerateOptions, GenerationResult, PromptProgress, Step } from './generation.js'
import type { LayerRoutes } from './routes.js'
import type { ChatMessage } from './text.js'

/** A sequence at rest: what it takes to go on with it, in an engine of the same model, without running it again. */
export interface SavedSequence {
  /** All ids so far. */
  tokens: Int32Array
  /** Positions below it have been forgotten. */
  oldest: number
  /** Rows of the cache from `oldest` on: for each layer the keys and, where they differ, the values, each positions x A. */
  rows: Float32Array
  /** CRC-32 of tokens, rows and `oldest`, in hex. Without it a damaged number shows only if it is not finite. */
  checksum?: string
}

/**
 * Options of `forward`. Which of routes and hidden states are asked for decides what the result has for certain.
 */
export interface ForwardOptions<Routes extends boolean = boolean, Hidden extends boolean = boolean> {
  /** Which tokens' logits are wanted; default 'last'. 'none' fills the cache only. */
  logits?: 'last' | 'all' | 'none'
  /**
   * Token ids of which the log-probabilities are wanted: of each of the last `targets.length` tokens the one that stands
   * after it. Far cheaper than to take all logits. Default: none.
   */
  targets?: ArrayLike<number>
  /** Report the experts of each token. */
  routes?: Routes
  /** With the routes, report the probabilities of all experts. */
  probabilities?: boolean
  /** With the routes, report the L2 norms of the chosen experts' outputs. */
  outputNorms?: boolean
  /** Report the residual stream after each block, at the last token. */
  hidden?: Hidden
  /** Told how far the tokens have been read: at the beginning, and after each 256 or, beside other calls, fewer. */
  onPromptProgress?: (progress: PromptProgress) => void
  /** Aborting it rejects with its reason and leaves the session as it was. */
  signal?: AbortSignal
}

export type ForwardResult<Routes extends boolean = boolean, Hidden extends boolean = boolean> = {
  /** vocab_size floats ('last'), tokens x vocab_size ('all'), or empty ('none'). */
  logits: Float32Array
  /** Natural logarithm of each target's probability, where `targets` were given. */
  logprobs?: Float64Array
  /** With them log(sum(e^logit)), in double precision: what to take from another logit of the same row. */
  norms?: Float64Array
} & ([Routes] extends [true] ? RoutesOf : Partial<RoutesOf>) &
  ([Hidden] extends [true] ? HiddenOf : Partial<HiddenOf>)

/** There for certain where `routes` is true. */
interface RoutesOf {
  /** One entry per layer, rows = tokens. */
  routes: LayerRoutes[]
}

/** There for certain where `hidden` is true. */
interface HiddenOf {
  /** One entry per layer, n_embd floats. */
  hidden: Float32Array[]
}

/** One sequence of tokens with its KV cache. Calls are carried out in the order they are made. */
export interface Session {
  /** Number of tokens in the cache. */
  readonly length: number
  /**
   * Ids of the tokens in the cache. As with `length`, calls that have been made and not carried out yet count as done. The
   * list is the session's own: copy it to keep it beyond the next call.
   */
  readonly tokens: readonly number[]
  /**
   * Runs tokens after those in the cache. Any split of a text over several calls gives the same result. A call that
   * rejects, for whatever reason, leaves the session as it was.
   */
  forward<Routes extends boolean = false, Hidden extends boolean = false>(
    tokens: ArrayLike<number>,
    options?: ForwardOptions<Routes, Hidden>,
  ): Promise<ForwardResult<Routes, Hidden>>
  /**
   * Continues the sequence with a prompt (text or ids; may be empty when there are tokens already) and generates.
   * Leaving the loop early ends it. Afterwards the cache holds the prompt and the generated tokens but the last; where
   * it failed before the first step, the session is as it was.
   */
  generate(prompt: string | ArrayLike<number>, options?: GenerateOptions): AsyncGenerator<Step, GenerationResult>
  /**
   * Asks a chat model: its chat template writes the messages, and it generates the next one. If the last message is the
   * assistant's, the answer continues it. The cache keeps what these messages have in common with those before, so that
   * each turn of a conversation runs only what is new. Rejects with a UserError if the model has no chat template, or the
   * template refuses the messages.
   */
  chat(messages: readonly ChatMessage[], options?: ChatOptions): AsyncGenerator<ChatStep, ChatResult>
  /** Keeps only the first `length` tokens; all of them where there are no more. */
  truncate(length: number): void
  /**
   * Keeps only the tokens that a prompt begins with too, without the prompt's last, which has to be run to predict the
   * next. Returns how many are kept: the rest of the prompt, from that index on, continues the session. It keeps none if a
   * limited `context` has forgotten them.
   */
  truncateToCommon(prompt: ArrayLike<number>): number
  /** Forgets all tokens. */
  reset(): void
  /** The sequence with its cache and a checksum, to continue it later without running it again. */
  save(): Promise<SavedSequence>
  /**
   * Replaces the session's tokens and cache by a saved sequence of the same model. Rejects, and leaves the session as it
   * was, if the size does not fit or the sequence does not match its checksum.
   */
  restore(saved: SavedSequence): Promise<void>
  /** Gives the cache's memory back; every later use of the session is an error. */
  dispose(): void
}
