import type { PromptProgress, SavedSequence } from '../engine/protocol.js'
import type { LayerRoutes } from '../engine/route-codec.js'
import type { GenerationSettings, Sampling } from '../generation-options.js'
import type { MixtureKind, ModelConfig } from '../model/config.js'
import type { ExpertMask } from '../model/expert-mask.js'
import type { PartFormats, Quant } from '../packing/format.js'
import type { ChatTemplate } from '../text/chat-template.js'
import type { GenerationDefaults } from '../text/generation-config.js'
import type { Tokenizer } from '../text/tokenizer.js'
import type { ExpertTraining } from './expert-training.js'

export type { PromptProgress, SavedSequence } from '../engine/protocol.js'
export type { ExpertRoutes, LayerRoutes } from '../engine/route-codec.js'

export interface LoadOptions {
  /** Format of the weights when a checkpoint is loaded, or which of several packings. Default q4. */
  quant?: Quant
  /** Threads that compute, the engine's own included. Default: the cores that this process may use. */
  threads?: number
  /**
   * Most bytes of weights held in memory. Default: what the machine (or its cgroup) has free, with a margin. Of a packed
   * model, experts beyond it are read again when they are needed; another is held whole, and refused where it is larger.
   */
  memory?: number
  /**
   * Compares every expert of a packed model with its checksum when it is first read, which takes about a fifth longer up
   * to the first token. Default: false, only what every token needs is compared; `verifyModel` compares all at once.
   */
  checkExperts?: boolean
  /** Kernel tier by name, in place of the fastest that proves itself. */
  kernels?: 'relaxed' | 'plain' | 'scalar'
  /**
   * Whether flags of V8 may be set for the kernels. They belong to the whole process, and change the speed only, never
   * the results (docs/SPEED.md has figures). Default: for the some 20 ms in which the kernels are compiled, and only on
   * versions of Node where that does not disturb other WebAssembly modules of the process. With true also on Node 26,
   * for the whole process and for good: for a program that has no other modules, before anything else. With false never.
   */
  v8Flags?: boolean
  /** Told of things that do not stop the model from running, a line each. */
  onWarning?: (message: string) => void
  /** Aborting it stops the loading. */
  signal?: AbortSignal
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
  /** Text that became certain with this token: whole characters, held back while it may belong to a stop string. */
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
  /** All text, as the steps gave it and what was held back until the end. */
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

/** One sequence of tokens with its KV cache. Calls are carried out in the order they are made. */
export interface Session {
  /** Tokens in the cache. */
  readonly length: number
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
  /** Keeps only the first `length` tokens; all of them where there are no more. */
  truncate(length: number): void
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

/** Scores of a sequence-classification checkpoint. */
export interface Classification {
  /** Class names in the order of the scores. */
  labels: string[]
  /** One score a label, before any softmax. */
  logits: Float32Array
}

/** Bytes and parameters of one kind of part. */
export interface PartSummary {
  name: 'embedding' | `${MixtureKind} experts` | 'routers, norms, keys and values' | 'head'
  parameters: number
  /** Parameters that one token uses. */
  active: number
  bytes: number
  format: string
}

/** What was taught to a model after its training (`molm teach`). */
export interface Teaching {
  /** Names of the texts. */
  texts: string[]
  /** Kind of the new experts, the layers that got them, and how many each. */
  kind: MixtureKind
  layers: number[]
  experts: number
  /** Floats that were trained. */
  parameters: number
  /** Steps of the optimiser up to the state that was kept, and the tokens read in them. */
  steps: number
  tokens: number
  /** Mean cross-entropy in nats on held-out text, as the training measured it. */
  heldOutLoss?: { before: number; after: number }
}

/** What a model is: for `molm show` and anyone who wants to print it. */
export interface ModelInfo {
  name: string
  config: ModelConfig
  /** The architecture as people call it: `ModuleFormer`, `Granite MoE`. */
  family: string
  /** Its sizes in words, beside those that `config` has for all architectures. */
  shape: { attention: string[]; mlp: string[]; router: string[] }
  /** Folder or file it was loaded from. */
  path: string
  /** A packed file, a checkpoint's folder, or random weights that lie nowhere. */
  kind: 'packed' | 'checkpoint' | 'random'
  quant: Quant
  formats: PartFormats
  source?: string
  sourceRevision?: string
  /** What was taught to it, the last teaching last; absent where nothing was. */
  taught?: Teaching[]
  parameters: number
  activeParameters: number
  /** Bytes of all packed weights. */
  bytes: number
  /** Bytes of weights that one token reads. */
  activeBytes: number
  /** The least that `memory` may be: all weights, or, packed, the dense parts and as many experts as a layer has. */
  leastBytes: number
  parts: PartSummary[]
  /** Tokens in the tokenizer's vocabulary; undefined without one. */
  tokenizerSize?: number
  hasChatTemplate: boolean
  /** From generation_config.json. */
  generationDefaults: GenerationDefaults
}

/** State of the weights in memory, and what the model has run since it was loaded. */
export interface MemoryStats {
  /** Bytes of weights held now. */
  weightsBytes: number
  /** Bytes that may be held. */
  budgetBytes: number
  /** Requests for experts that were in memory, and that were not, and the bytes read for those. */
  expertHits: number
  expertMisses: number
  bytesRead: number
  /** Bytes of all sessions' KV caches. */
  cacheBytes: number
  /** Bytes that each token takes in one of them. */
  cacheTokenBytes: number
  /** Calls that are running tokens now, those that wait for their readers among them; a session's calls count once. */
  sequencesRunning: number
  /**
   * Times that tokens went through the model, and how many of them in all: what several calls want at a time goes through
   * it together, so a step of eight generations is one micro-batch of eight tokens.
   */
  microBatches: number
  tokensProcessed: number
  /** Tokens of the last micro-batch. */
  lastBatchTokens: number
  /**
   * Mean number of keys that an attention head visited for a token, since loading. Absent where none were counted: before
   * the first token, and where attention is a softmax, which visits all that a token sees.
   */
  meanAttentionDepth?: number
}

export interface Model {
  readonly name: string
  readonly config: ModelConfig
  readonly info: ModelInfo
  readonly threads: number
  /** Kernel tier in use. */
  readonly tier: string
  /** How V8 compiled the kernels, in words: its version, and the flags or `its defaults`. */
  readonly compiler: string
  /** Throws when the model came without tokenizer files. */
  readonly tokenizer: Tokenizer
  readonly hasTokenizer: boolean
  readonly chatTemplate?: ChatTemplate
  /** From generation_config.json. */
  readonly generationDefaults: GenerationDefaults
  /** Training of new experts, or of those that it has. */
  readonly training: ExpertTraining
  createSession(): Session
  /**
   * Scores a text (as ids) with a sequence-classification checkpoint: by the state of its last token, or, where
   * config.json has a `pad_token_id`, of the token whose number is that of the ids that are not padding.
   */
  classify(tokens: ArrayLike<number>): Promise<Classification>
  /**
   * Keeps experts from being chosen, for all sessions from now on; without a mask all are free again. Rejects with a
   * UserError when a layer is left with fewer experts than a token uses.
   */
  maskExperts(mask?: ExpertMask): Promise<void>
  stats(): Promise<MemoryStats>
  /** Streaming read speed of the model's threads, bytes a second: what bounds decoding. Takes some 20 ms. */
  measureStream(): Promise<number>
  dispose(): Promise<void>
}
