import type { MixtureKind, ModelConfig, PerMixture } from '../model/config/config.js'
import type { ExpertMask } from '../model/config/expert-mask.js'
import type { ExpertsPerToken } from '../model/config/experts-per-token.js'
import type { Intervention } from '../model/config/intervention.js'
import type { PartFormats, Quant } from '../model/packing/format/formats.js'
import type { CalibrationRecord } from '../model/packing/format/packed-metadata.js'
import type { GenerateOptions } from './generation.js'
import type { GenerationSettings } from './generation-options.js'
import type { OutputConstraint } from './guide.js'
import type { LayerPass } from './layer-pass.js'
import type { ReadOut } from './read-out.js'
import type { Session } from './session.js'
import type { ChatTemplate, GenerationDefaults, Tokenizer } from './text.js'
import type { ExpertTraining } from './training.js'

/** Format of the keys and values that a session keeps of its tokens: 16 or about 8 bits each. */
export type CacheType = 'bf16' | 'q8'

export interface LoadOptions {
  /** Format for a checkpoint's weights, or the packing to choose if there are several. Default: q4. */
  quant?: Quant
  /** Number of computing threads, including the engine's own. Default: the cores that this process may use. */
  threads?: number
  /**
   * Most bytes of weights in memory. Default: the free memory of the machine (or its cgroup), less a margin. A larger
   * packed model reads experts again when it needs them; a larger checkpoint is refused.
   */
  memory?: number
  /**
   * Format of keys and values in the caches of sessions. `q8` has half the bytes of `bf16`; it changes far less than
   * weights of 4 bits do (docs/EVALUATION.md has figures). Default: `q8` for softmax attention with weights of at most 5
   * bits, unless its keys have biases; floats if attention's weights are f32; else `bf16`.
   */
  cacheType?: CacheType
  /**
   * Number of experts that a token uses: fewer are faster and less exact, since a token computes and reads only those.
   * A number for all layers, a list with one for each layer, or an object with either of these for `attention` and
   * `mlp`. At most the experts that a layer has. `trained` is the number in config.json.
   * Default: the numbers in `experts-per-token.json` in the model's folder, else `trained`.
   */
  expertsPerToken?: ExpertsPerToken | 'trained'
  /**
   * Checks the checksum of every expert of a packed model when it is first read. The first token then takes about a
   * fifth longer. Default: false, which checks only the weights that every token needs; `verifyModel` checks all at
   * once.
   */
  checkExperts?: boolean
  /** Options of generation that come before the values of generation_config.json. Default: none. */
  generation?: Partial<GenerationSettings>
  /** Kernel tier to use. Default: the fastest that passes its proof on this machine. */
  kernels?: 'relaxed' | 'plain' | 'scalar'
  /**
   * Whether V8 flags may be set for the kernels. They apply to the whole process and change only the speed, never the
   * results (docs/SPEED.md has figures). Default: set for some 20 ms while the kernels are compiled, and only on
   * versions of Node on which that does not disturb other WebAssembly modules. true: set permanently, also on Node 26;
   * meant for programs without other modules, before anything else. false: never set.
   */
  v8Flags?: boolean
  /** Called while a GGUF file is packed, before it is loaded for the first time. */
  onPacking?: (progress: PackingProgress) => void
  /** Called with each warning, a line that says what is odd about the model. */
  onWarning?: (message: string) => void
  /** Aborting it stops the loading. */
  signal?: AbortSignal
}

/** Progress of packing a GGUF file. */
export interface PackingProgress {
  /** Path of the GGUF file. */
  file: string
  /** Folder of the packed copy. */
  folder: string
  /** Bytes of packed weights that are written, and all of them. The first report comes before the work. */
  bytesDone: number
  bytes: number
}

/** Scores from a sequence-classification checkpoint. */
export interface Classification {
  /** Class names in the order of the scores. */
  labels: string[]
  /** One score per label, before any softmax. */
  logits: Float32Array
}

/** Size of one kind of part. */
export interface PartSummary {
  name: 'embedding' | `${MixtureKind} experts` | 'routers, norms, keys and values' | 'head'
  parameters: number
  /** Parameters that each token uses. */
  active: number
  bytes: number
  /** Formats, separated by commas. Numbers of experts precede them if experts differ: `100 q3, 92 q4`. */
  format: string
}

/** The tensors of one type in a GGUF file. */
export interface StoredType {
  /** The type by its name in GGUF, such as `Q4_K`. */
  type: string
  tensors: number
  bytes: number
  /** Formats that they are packed in. */
  formats: string[]
}

/** A later training of new experts (`molm teach`). */
export interface Teaching {
  /** Names of the texts. */
  texts: string[]
  /** Kind of the new experts, the layers that have them, and their number in each. */
  kind: MixtureKind
  layers: number[]
  experts: number
  /** Number of trained floats. */
  parameters: number
  /** Optimiser steps up to the state that was kept, and the tokens read in them. */
  steps: number
  tokens: number
  /** Mean cross-entropy on held-out text, in nats per token, as the training measured it. */
  heldOutLoss?: { before: number; after: number }
}

/** Description of a model, as `molm show` prints it. */
export interface ModelInfo {
  name: string
  config: ModelConfig
  /** Name of the architecture, such as `ModuleFormer` or `Granite MoE`. */
  family: string
  /** Sizes in words that only this architecture has, in addition to the sizes in `config`. */
  shape: { attention: string[]; mlp: string[]; router: string[] }
  /** Folder or file that it was loaded from. */
  path: string
  /** A packed file, a checkpoint folder, a GGUF file, or random weights without a file. */
  kind: 'packed' | 'checkpoint' | 'gguf' | 'random'
  quant: Quant
  formats: PartFormats
  source?: string
  sourceRevision?: string
  /** Tensors of a GGUF file by their types, the largest first; absent for other files. */
  stored?: StoredType[]
  /** Path of the GGUF file's packed copy; absent if it is not packed yet. */
  copy?: string
  /** Later trainings, oldest first; absent if there were none. */
  taught?: Teaching[]
  /** Texts whose inputs decided how the weights were rounded; absent if each was rounded by itself. */
  calibration?: CalibrationRecord
  parameters: number
  /** Parameters that each token uses. */
  activeParameters: number
  /** Bytes of all packed weights. */
  bytes: number
  /** Bytes of weights that each token reads. */
  activeBytes: number
  /** Least value of `memory`: all weights or, if packed, the dense parts and the experts of one layer. */
  leastBytes: number
  parts: PartSummary[]
  /** Tokens in the tokenizer's vocabulary; undefined without a tokenizer. */
  tokenizerSize?: number
  hasChatTemplate: boolean
  /** From generation_config.json. */
  generationDefaults: GenerationDefaults
}

/** Memory of a model, and its work since it was loaded. */
export interface MemoryStats {
  /** Bytes of weights in memory. */
  weightsBytes: number
  /** Most bytes of weights in memory. */
  budgetBytes: number
  /** Uses of experts that were in memory, uses of experts that had to be read, and the bytes read for those. */
  expertHits: number
  expertMisses: number
  bytesRead: number
  /** Bytes of all sessions' KV caches. */
  cacheBytes: number
  /** Bytes of each token in a KV cache, in the layers that keep all tokens. */
  cacheTokenBytes: number
  /** Most bytes of a session in windows, running states and checkpoints, however many tokens it has. */
  cacheSequenceBytes: number
  /** Sessions with a call that runs tokens, or waits for its reader. */
  sequencesRunning: number
  /**
   * Number of micro-batches, and of tokens in all of them. Calls that want tokens at the same time share a micro-batch:
   * a step of eight generations is one micro-batch of eight tokens.
   */
  microBatches: number
  /** Tokens that were run, drafts included. */
  tokensProcessed: number
  /** Number of tokens in the last micro-batch. */
  lastBatchTokens: number
  /**
   * Mean number of keys that an attention head has visited per token. Absent before the first token, and for softmax
   * attention, which visits all keys.
   */
  meanAttentionDepth?: number
}

/** Options of a session. */
export interface SessionOptions {
  /** Experts that its tokens must not use. Default: none. */
  mask?: ExpertMask
  /** Changes of what layers compute for its tokens, in every call of the session. Default: none. */
  interventions?: readonly Intervention[]
}

/** Work of a model's experts since it was loaded. */
export interface ExpertUses {
  /** Tokens that the model has read, prompts among them. */
  tokens: number
  /** Times that a token used each expert, by kind and layer. */
  uses: PerMixture<Float64Array[]>
}

export interface Model {
  readonly name: string
  readonly config: ModelConfig
  readonly info: ModelInfo
  /** Number of computing threads. */
  readonly threads: number
  /** Format of keys and values in the caches of sessions. */
  readonly cacheType: CacheType | 'f32'
  /** Kernel tier in use. */
  readonly tier: string
  /** V8's version, and its flags for compiling the kernels, or `its defaults`. */
  readonly compiler: string
  /** Throws a UserError if the model came without tokenizer files. */
  readonly tokenizer: Tokenizer
  readonly hasTokenizer: boolean
  readonly chatTemplate?: ChatTemplate
  /** From generation_config.json. */
  readonly generationDefaults: GenerationDefaults
  /**
   * Checks a schema, grammar, regular expression or guide without generating a text. Rejects with a UserError that names
   * what is wrong or not supported. Forms of clients are prepared in turn; without `client` each call counts as another's.
   */
  checkConstraint(
    options: OutputConstraint & Pick<GenerateOptions, 'guide' | 'signal'> & { client?: string },
  ): Promise<void>
  /** Training of new experts, or of the model's own. */
  readonly training: ExpertTraining
  /** Shows the inputs of the model's matrices in a text. */
  readonly layerPass: LayerPass
  /**
   * Reads rows of the residual stream, of `width` floats each, through the last norm and the head. Resolves with the `top`
   * tokens that each row pushes up and down most, and its effect on `token`.
   */
  readOut(rows: readonly Float32Array[], options?: { top?: number; token?: number }): Promise<ReadOut[]>
  /**
   * Factors [width] of what a token's experts add to the residual stream: `after` in the stream that leaves the layer, and
   * `last` in the one that leaves the last layer, as far as the layers between only scale it. `routed` is the sum of
   * their outputs times their gates [width], `shared` the output of a shared expert: a norm divides by the length of both.
   */
  outputFactors(
    sums: readonly { layer: number; routed: Float32Array; shared?: Float32Array }[],
  ): Promise<{ after: Float32Array; last: Float32Array }[]>
  /** An empty session. Throws a UserError if its mask or its interventions do not fit the model. */
  createSession(options?: SessionOptions): Session
  /**
   * Scores a text, given as ids, with a sequence-classification checkpoint. The scores come from the state of the last
   * token; if config.json has a `pad_token_id`, from the token whose number is the count of other ids.
   */
  classify(tokens: ArrayLike<number>): Promise<Classification>
  /** Mask of all sessions, as `maskExperts` has set it. Absent if no expert is masked. */
  readonly mask?: ExpertMask
  /**
   * Keeps experts from being used, in all sessions from now on and in addition to their own masks; without a mask,
   * frees all. Rejects with a UserError if a layer would have fewer experts left than a token uses.
   */
  maskExperts(mask?: ExpertMask): Promise<void>
  /**
   * Changes the number of experts that a token uses, in all sessions from now on; without one, back to the number
   * of loading. `config` and `info` change with it. Rejects with a UsageError if it does not fit the model or exceeds
   * the numbers of loading, and with a UserError while a session runs.
   */
  setExpertsPerToken(expertsPerToken?: ExpertsPerToken): Promise<void>
  /**
   * Identifies the weights, their packing and config.json: a SHA-256 in hex. The first call reads the whole files of a
   * checkpoint; a packed file has checksums.
   */
  weightsId(): Promise<string>
  stats(): Promise<MemoryStats>
  /** Counts how often tokens used each expert since the model was loaded, in all sessions together. */
  expertUses(): Promise<ExpertUses>
  /**
   * Gives the memory of experts back to the system, until tokens are routed to them again. Sessions keep their tokens and
   * caches. Waits for calls that run; calls that begin meanwhile wait for it. Resolves with false if only whole models
   * can be read: one that is not packed. If the weights cannot be read again, this and all later calls reject.
   */
  freeExperts(): Promise<boolean>
  /** Measures the threads' streaming read speed, which bounds decoding, in bytes per second. Takes some 20 ms. */
  measureStream(): Promise<number>
  /** Ends the model's threads and frees its memory. Calls that still run reject. */
  dispose(): Promise<void>
}
