import type { PromptProgress } from '../api/generation.js'
import type { SavedSequence } from '../api/session.js'
import type { NoRoom } from '../errors.js'
import type { GenerationSettings } from '../generation-options.js'
import type { ModelConfig } from '../model/config.js'
import type { ExpertMask } from '../model/expert-mask.js'
import type { PartFormats } from '../packing/format/formats.js'
import type { PackRequest } from '../packing/write/pack.js'
import type { Tier } from '../runtime/tiers/choose-kernels.js'
import type { PackedRoutes } from './route-codec.js'
import type { TrainingRequest } from './training-requests.js'

/*
 * What the caller's thread and the engine's thread say to each other. A request has a number, and gets exactly one
 * reply with that number; a generation sends its steps before it, and who asks is told how far tokens have been read.
 */

/** How an engine is started. Without a model it only packs. */
export interface EngineData {
  threads: number
  tier?: Tier
  /** Whether V8's flags may be set for the compilation of the kernels. Default true. */
  v8Flags?: boolean
  model?: ModelSource
}

/**
 * Where the weights come from: a packed file, read as needed; a checkpoint, packed while it is loaded; or nowhere:
 * random weights of the model's shape.
 */
export interface ModelSource {
  config: ModelConfig
  formats: PartFormats
  /** Most bytes of weights in memory. */
  memory: number
  /** Whether the user chose that number: then too little is an error, else the model makes do with the least. */
  memoryIsGiven: boolean
  /** Bytes that can be had now: a model that is held whole and larger is refused, unless the user chose `memory`. */
  free: number
  path: string
  kind: 'packed' | 'checkpoint' | 'random'
  /** Whether experts are compared with their checksums when they are first read, as dense parts always are. */
  checkExperts?: boolean
}

export interface ForwardRequest {
  kind: 'forward'
  session: number
  tokens: Int32Array
  logits: 'last' | 'all' | 'none'
  /** What follows each of the last tokens, whose log-probability is wanted. */
  targets?: Int32Array
  routes: boolean
  /** With the routes, the probabilities of all experts. */
  probabilities: boolean
  /** With the routes, the L2 norms of the chosen experts' outputs. */
  outputNorms?: boolean
  hidden: boolean
  /** Whether to tell how far the tokens have been read. */
  progress?: boolean
}

export interface GenerateRequest {
  kind: 'generate'
  session: number
  prompt: Int32Array
  settings: GenerationSettings
  /** Ids that end the text. */
  eos: number[]
  routes: boolean
  /** With the routes, the probabilities of all experts. */
  probabilities: boolean
  /** Whether to tell how far the prompt has been read. */
  progress?: boolean
}

export type Request =
  | ForwardRequest
  | GenerateRequest
  | { kind: 'truncate'; session: number; length: number }
  | { kind: 'export'; session: number }
  | { kind: 'import'; session: number; saved: SavedSequence }
  | { kind: 'release'; session: number }
  | { kind: 'classify'; tokens: Int32Array }
  | { kind: 'pack'; request: PackRequest }
  | { kind: 'mask'; mask?: ExpertMask }
  | TrainingRequest
  | { kind: 'stats' }
  | { kind: 'bandwidth' }
  | { kind: 'close' }

/** A request on its way. `stop` is shared: a 1 in it ends the work at the next block of the model. */
export type SentRequest = Request & { id: number; stop: Int32Array }
/** More steps that the reader of a generation is ready for. */
export interface Credit {
  kind: 'credit'
  id: number
  steps: number
}
/** First message to an engine's thread. */
export interface Start {
  kind: 'start'
  data: EngineData
}

export type ToEngine = Start | SentRequest | Credit

export interface ForwardReply {
  logits: Float32Array
  /** Of the targets: log-probabilities, and the log(sum(e^logit)) that they were taken with. */
  logprobs?: Float64Array
  norms?: Float64Array
  routes?: PackedRoutes
  /** (layers, d) */
  hidden?: Float32Array
}

export interface StepMessage {
  /** When it was sampled, on the engine's clock in milliseconds: steps may reach their reader several at once. */
  at: number
  token: number
  logprob: number
  top?: { token: number; logprob: number }[]
  routes?: PackedRoutes
}

export interface GenerateReply {
  finishReason: 'eos' | 'length'
  /** The text ended where the model has no more positions. */
  contextFull?: true
  /** Positions below it have been forgotten. */
  oldest: number
  prefillMs: number
  decodeMs: number
}

export interface TruncateReply {
  /** Positions below it have been forgotten. */
  oldest: number
}

export interface StatsReply {
  weightsBytes: number
  budgetBytes: number
  expertHits: number
  expertMisses: number
  bytesRead: number
  cacheBytes: number
  cacheTokenBytes: number
  sequencesRunning: number
  microBatches: number
  tokensProcessed: number
  lastBatchTokens: number
  meanAttentionDepth?: number
}

/** First message of an engine that has started. */
export interface Ready {
  kind: 'ready'
  /** Kernel tier in use. */
  tier: string
  /** How V8 compiled them, in words. */
  compiler: string
  warnings: string[]
}

/** An error on its way between threads, of which only data gets through. */
export interface Failed {
  kind: 'failed'
  id: number
  message: string
  stack?: string
  userError: boolean
  /** What a NoRoom says beside its message. */
  noRoom?: NoRoom['tokens']
  stopped: boolean
}

export type FromEngine =
  | Ready
  | { kind: 'step'; id: number; step: StepMessage }
  | { kind: 'progress'; id: number; progress: PromptProgress }
  | { kind: 'reply'; id: number; value: unknown }
  | Failed
