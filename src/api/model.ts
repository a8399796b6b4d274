import type { MixtureKind, ModelConfig } from '../model/config.js'
import type { ExpertMask } from '../model/expert-mask.js'
import type { PartFormats, Quant } from '../packing/format/formats.js'
import type { Session } from './session.js'
import type { ChatTemplate, GenerationDefaults, Tokenizer } from './text.js'
import type { ExpertTraining } from './training.js'

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
