import type { PerMixture } from '../model/config/config.js'
import type { ChatOptions, ChatResult, ChatStep } from './chat-options.js'
import type { GenerateOptions, GenerationResult, PromptProgress, Step } from './generation.js'
import type { LayerRoutes } from './routes.js'
import type { ChatMessage } from './text.js'

/** A tensor of a session's cache: rows x channels, in rising order of the positions. */
export interface CacheTensor {
  /**
   * `layers.N.keys`, `layers.N.values` (absent if they are the keys), or `states`. In a q8 cache the first two are levels,
   * which `layers.N.keys.scales` or `layers.N.values.scales` follows: a scale for each head.
   */
  name: string
  dtype: 'F32' | 'BF16' | 'I8'
  shape: [rows: number, channels: number]
}

/** The cache of a session, to be read in pieces. Any session of the same model can continue it. */
export interface CacheSnapshot {
  /** All ids. */
  tokens: Int32Array
  /** Positions below it have been forgotten. */
  oldest: number
  /** Positions that the sequence can be cut back to, rising; empty if the model needs none. */
  checkpoints: Int32Array
  tensors: readonly CacheTensor[]
  /** Little-endian values of rows of a tensor. Rejects with a UserError if the session has changed since. */
  read(tensor: number, from: number, rows: number): Promise<Uint8Array>
}

/**
 * Influence of the experts of a layer: sums over the tokens of each expert, one number per expert. Each token adds its
 * gate squared, times a sum of squares, divided by the sum of squares of the residual stream after the block.
 */
export interface ExpertInfluence {
  /** With the squares of the inputs of the expert's second matrix. */
  inner: Float64Array
  /** With the squares of its outputs. */
  outputs: Float64Array
}

/** States to report: of the last token, or of every token in a list of layers. */
type States = boolean | readonly number[]

/** Options of `forward`. With `routes: true` or with `hidden`, the type of the result has these fields for certain. */
export interface ForwardOptions<Routes extends boolean = boolean, Hidden extends States = States> {
  /** Tokens whose logits are returned; 'none' only fills the cache. Default: 'last'. */
  logits?: 'last' | 'all' | 'none'
  /**
   * Ids whose log-probabilities are returned: each follows one of the last `targets.length` tokens. Far cheaper than
   * all logits. Default: none.
   */
  targets?: ArrayLike<number>
  /** Report the experts of each token. Default: false. */
  routes?: Routes
  /** With `routes`, also report the routers' scores of all experts. Default: false. */
  probabilities?: boolean
  /** With `routes`, also report the L2 norms of the chosen experts' outputs. Default: false. */
  outputNorms?: boolean
  /** Also report the sums of the chosen experts' outputs, over all tokens and experts of a layer. Default: false. */
  outputSums?: boolean
  /** Also report how far errors of the experts' weights reach the residual stream. Default: false. */
  influence?: boolean
  /**
   * Report the residual stream after each block, at the last token; with a list of layers, after their blocks, at every
   * token. Default: false.
   */
  hidden?: Hidden
  /** Layers whose chosen experts' outputs are reported, for every token and before the gates. Default: none. */
  expertOutputs?: readonly number[]
  /** Layers whose routers' logits are reported, for every token. Default: none. */
  routerLogits?: readonly number[]
  /** Layers whose shared expert's output is reported, for every token and times its gate. Default: none. */
  sharedOutputs?: readonly number[]
  /**
   * Called at the beginning and after every 256 tokens, or fewer while other calls run. Tokens that an aborted call has
   * read count as processed from the beginning.
   */
  onPromptProgress?: (progress: PromptProgress) => void
  /** Aborting it rejects with its reason and leaves the session as it was; see `Session`. */
  signal?: AbortSignal
}

export type ForwardResult<Routes extends boolean = boolean, Hidden extends States = States> = {
  /** vocabSize floats ('last'), tokens x vocabSize ('all'), or empty ('none'). */
  logits: Float32Array
  /** Natural logarithm of each target's probability. Only with `targets`. */
  logprobs?: Float64Array
  /** With `logprobs`: log(sum(e^logit)) of each row. A logit of the row less this is its log-probability. */
  norms?: Float64Array
  /** With `logprobs`: the likeliest token of each row. */
  likeliest?: Int32Array
  /** For each kind and layer `width` floats, before the gates. Only with `outputSums`. */
  outputSums?: PerMixture<Float64Array[]>
  /** For each kind and layer. Only with `influence`. */
  influence?: PerMixture<ExpertInfluence[]>
  /**
   * One entry per layer of the list: for each kind tokens x k x `width` floats, in the order of the routes. A kind is
   * absent if the layer has no such experts. Only with `expertOutputs`.
   */
  expertOutputs?: PerMixture<Float32Array>[]
  /**
   * One entry per layer of the list: for each kind tokens x experts floats, before scores and any bias of the choice. A
   * router with a last row for skipping has one more. Only with `routerLogits`.
   */
  routerLogits?: PerMixture<Float32Array>[]
  /**
   * One entry per layer of the list: tokens x `width` floats, or none if the layer has no shared expert. Gemma 4's are of
   * the dense layer beside the experts. Only with `sharedOutputs`.
   */
  sharedOutputs?: Float32Array[]
} & ([Routes] extends [true] ? RoutesOf : Partial<RoutesOf>) &
  ([Hidden] extends [true | readonly number[]] ? HiddenOf : Partial<HiddenOf>)

/** Fields of a result with `routes: true`. */
interface RoutesOf {
  /** One entry per layer; its rows are the tokens. */
  routes: LayerRoutes[]
}

/** Fields of a result with `hidden`. */
interface HiddenOf {
  /** One entry per layer, `width` floats each; of a list, one entry per layer in it, tokens x `width` floats each. */
  hidden: Float32Array[]
}

export interface ForkOptions {
  /** Number of the first tokens that the fork gets. Default: all. */
  length?: number
  /**
   * Whether to wait for earlier calls of the session. If `false`, the fork gets tokens that the cache has now, even while
   * a call runs; of a prompt that is being read, those read so far. Default: true.
   */
  waits?: boolean
}

/**
 * One sequence of tokens with its KV cache. Calls take effect in the order they are made.
 *
 * A call that is aborted while it reads its prompt leaves `tokens` and `length` as they were. What it has read takes memory
 * beside them until the next call that changes the tokens: one with a prompt that begins alike continues there, to the same
 * bits as without the abort, unless it reports all of its tokens. `truncateToCommon` makes that part of the tokens. It is
 * not in a fork, nor in what `exportCache` gives. After any other failure nothing stays.
 */
export interface Session {
  /** Number of tokens in the cache. */
  readonly length: number
  /**
   * Ids of the tokens in the cache. As in `length`, pending calls count as done. The next call may change the list:
   * copy it to keep it.
   */
  readonly tokens: readonly number[]
  /**
   * Runs tokens after those in the cache. A text gives the same result however it is split over calls. A call that
   * rejects leaves the session unchanged.
   */
  forward<Routes extends boolean = false, Hidden extends States = false>(
    tokens: ArrayLike<number>,
    options?: ForwardOptions<Routes, Hidden>,
  ): Promise<ForwardResult<Routes, Hidden>>
  /**
   * Appends a prompt (text or ids; may be empty if the cache has tokens) and generates what follows. Leaving the loop
   * early ends the generation. Afterwards the cache holds the prompt and all generated tokens but the last. A failure
   * before the first step leaves the session unchanged.
   */
  generate(prompt: string | ArrayLike<number>, options?: GenerateOptions): AsyncGenerator<Step, GenerationResult>
  /**
   * Asks a chat model: generates the message after `messages`, which the model's chat template writes out. If the last
   * message is the assistant's, the answer continues it. Calls of tools that have `run` are run, and the model is asked
   * again with their results. The cache keeps the tokens that earlier calls have in common
   * with these messages, so each turn of a conversation runs only its new tokens. Rejects with a UserError if the model
   * has no chat template, the template refuses the messages, or the model has no form for what is asked. A failure before the first step leaves only the shared
   * tokens in the cache; after an abort, the next call with messages that begin alike also has what was read of these.
   */
  chat(messages: readonly ChatMessage[], options?: ChatOptions): AsyncGenerator<ChatStep, ChatResult>
  /** Keeps only the first `length` tokens, or all if there are fewer. */
  truncate(length: number): void
  /**
   * Keeps only the beginning that the cache shares with `prompt`, without the prompt's last token, which must run to
   * predict the next one. If a call was aborted while it read such a prompt, the beginning grows by what it has read.
   * Returns the number of tokens kept; run `prompt` from that index on. Keeps none if a limited `context` has forgotten
   * them.
   */
  truncateToCommon(prompt: ArrayLike<number>): number
  /** Forgets all tokens. */
  reset(): void
  /**
   * Resolves with a new session that has the same tokens and the same mask. Both share the memory of these tokens, which
   * are not read again. Afterwards each goes its own way: what one does never changes the other. Has no tokens if `length`
   * ends before the oldest that a limited `context` has kept. Rejects with a UserError if there is no memory for another
   * session.
   */
  fork(options?: ForkOptions): Promise<Session>
  /** The sequence with its cache, to be read in pieces and continued later without running it again. */
  exportCache(): Promise<CacheSnapshot>
  /**
   * Replaces the session's tokens and cache by what a snapshot has, which it reads piece by piece. Rejects and leaves
   * the session unchanged if the snapshot does not fit the model, there is no memory for it, or a read fails. Do not use
   * the session meanwhile.
   */
  importCache(snapshot: CacheSnapshot): Promise<void>
  /** Frees the cache's memory; every later use of the session is an error. */
  dispose(): void
}
