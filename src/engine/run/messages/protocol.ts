import type { GenerationResult, PromptProgress, Step } from '../../../api/generation.js'
import type { GenerationSettings } from '../../../api/generation-options.js'
import type { CacheType, Model } from '../../../api/model.js'
import type { ForwardOptions, ForwardResult } from '../../../api/session.js'
import type { NoRoom } from '../../../ground/errors.js'
import type { Phrase } from '../../../ground/message.js'
import type { Tier } from '../../../kernels/tiers/choose-kernels.js'
import type { ModelConfig, PerMixture } from '../../../model/config/config.js'
import type { ExpertMask } from '../../../model/config/expert-mask.js'
import type { ExpertsPerToken } from '../../../model/config/experts-per-token.js'
import type { PartFormats } from '../../../model/packing/format/formats.js'
import type { PackRequest } from '../../../model/packing/write/pack.js'
import type { GuideMemory } from '../../../text/grammar/guide-memory.js'
import type { Reading } from '../reading/read-ahead.js'
import type { CacheRequest } from './cache-request.js'
import type { CalibrationRequest } from './calibration-request.js'
import type { PackedRoutes } from './route-codec.js'
import type { TrainingRequest } from './training-requests.js'

/*
 * Messages between the caller's thread and the engine's. A request has a number and gets exactly one reply with that
 * number. Before the reply come the steps of a generation and, if the request asks for it, the progress of reading.
 */

/** Options for starting an engine. Without a model, it only packs. */
export interface EngineData {
  threads: number
  tier?: Tier
  /** Whether V8 flags may be set while the kernels are compiled. Default: true. */
  v8Flags?: boolean
  model?: ModelSource
}

/** Weights: a packed file, read as needed; a checkpoint, packed while it is loaded; or random ones. */
export interface ModelSource {
  config: ModelConfig
  formats: PartFormats
  /** Most bytes of weights in memory. */
  memory: number
  /** Whether the user chose `memory`. If so, too little is an error; if not, the model gets the least that it needs. */
  memoryIsGiven: boolean
  /** Free bytes. Unless the user chose `memory`, a larger model that is held whole is refused. */
  free: number
  path: string
  /** Path of a checkpoint's packed weights, if they have been made already. */
  packing?: string
  kind: 'packed' | 'checkpoint' | 'random'
  /** Whether random weights let stick-breaking attention see thousands of keys. */
  hasLongSticks?: boolean
  /** Whether checksums of experts are checked when they are first read, as checksums of dense parts always are. */
  checkExperts?: boolean
  /** Number format of keys and values in the cache. Default: see cacheFormat of model/layers/cache/layer-cache.ts. */
  cacheType?: CacheType
  reading?: Reading
  /** Shares of tokens that choose each expert, by kind and layer. Those with most are read first, before tokens want them. */
  shares?: PerMixture<number[][]>
}

/** Reports that a `forward` may make. */
type Reports = Exclude<keyof ForwardOptions, 'logits' | 'targets' | 'onPromptProgress' | 'signal'>

export interface ForwardRequest extends Pick<ForwardOptions, Reports> {
  kind: 'forward'
  session: number
  tokens: Int32Array
  /** Numbers of the tokens after which a message may end. */
  messageEnds?: number[]
  logits: NonNullable<ForwardOptions['logits']>
  targets?: Int32Array
  /** Whether to report the progress of reading the tokens. */
  progress?: boolean
}

export interface GenerateRequest {
  kind: 'generate'
  session: number
  prompt: Int32Array
  messageEnds?: number[]
  settings: GenerationSettings
  eos: number[]
  routes: boolean
  /** With `routes`, report the routers' scores of all experts. */
  probabilities: boolean
  /** Whether to report the progress of reading the prompt. */
  progress?: boolean
  promptRoutes?: boolean
  /** Memory of the guide that limits the text. */
  guide?: GuideMemory
  /** With a guide, also compute the log-probabilities of forced tokens. */
  scored?: boolean
}

/** Keeps the first tokens of a session. */
export interface TruncateRequest {
  kind: 'truncate'
  session: number
  length: number
  /** Number of the tokens after them that rest beside the session: the prompt of a generation without a step. */
  rests?: number
  /** Tokens to add, which rest beside the session. Missing ones are read again later. */
  more?: Int32Array
}

/** Begins a session with the tokens of another one, whose cache it shares. */
export interface ForkRequest {
  kind: 'fork'
  session: number
  /** Number of the new session. */
  fork: number
  /** Number of the first tokens that it gets. Default: all. */
  length?: number
  /** Whether it waits for earlier calls of the session. If not, it gets tokens that have been read. */
  waits: boolean
}

export interface ForkReply {
  tokens: Int32Array
  /** First position in the cache. */
  oldest: number
}

export type Request =
  | ForwardRequest
  | GenerateRequest
  | TruncateRequest
  | CacheRequest
  | { kind: 'open'; session: number; mask: ExpertMask }
  | ForkRequest
  | { kind: 'release'; session: number }
  | { kind: 'sequences' }
  | ({ kind: 'adopt'; session: number } & SharedStart)
  | { kind: 'classify'; tokens: Int32Array }
  | { kind: 'pack'; request: PackRequest }
  | { kind: 'read-out'; rows: readonly Float32Array[]; top: number; token?: number }
  | { kind: 'output-factors'; sums: Parameters<Model['outputFactors']>[0] }
  | { kind: 'mask'; mask?: ExpertMask }
  | { kind: 'depth'; expertsPerToken?: ExpertsPerToken }
  | TrainingRequest
  | CalibrationRequest
  | { kind: 'stats' }
  | { kind: 'uses' }
  | { kind: 'bandwidth' }
  | { kind: 'close' }

/** A request with its number. `stop` is shared memory: a 1 in it stops the work before the model's next block. */
export type SentRequest = Request & { id: number; stop: Int32Array }
/** Allows a generation to run `steps` further ahead of its reader. */
export interface Credit {
  kind: 'credit'
  id: number
  steps: number
}
/** The first message to an engine's thread. */
export interface Start {
  kind: 'start'
  data: EngineData
}

/** Stops a request that the engine may wait for, or that cannot see its shared word change. */
export interface Stop {
  kind: 'stop'
  id: number
}

export type ToEngine = Start | SentRequest | Credit | Stop

export interface ForwardReply extends Omit<ForwardResult, 'routes'> {
  routes?: PackedRoutes
}

export interface ProgressMessage extends PromptProgress {
  /** Routes of all tokens, once they have been read, if the request asks for them. */
  routes?: PackedRoutes
}

export type DraftCounts = NonNullable<GenerationResult['drafts']>

export interface StepMessage extends Pick<Step, 'token' | 'logprob' | 'forced'> {
  /** Time of the sampling on the engine's clock, in milliseconds: several steps may arrive at once. */
  at: number
  top?: Step['topLogprobs']
  routes?: PackedRoutes
  /** Drafts by prompt lookup so far; absent if there were none. */
  drafts?: DraftCounts
  /** Tokens of the sequence that had to be read again so far; absent if there were none. */
  readAgain?: number
}

/** Its `stop` means that the guide says that the text is complete. */
export interface GenerateReply
  extends Pick<GenerationResult, 'finishReason' | 'contextFull' | 'drafts' | 'prefillMs' | 'decodeMs'> {
  /** First position still in the cache. */
  oldest: number
}

export interface OpenSequence {
  session: number
  length: number
  mask?: ExpertMask
  /** The beginning that it shares with an earlier sequence of the list. */
  shared?: SharedStart
}

/** A beginning whose memory a sequence shares with another. */
export interface SharedStart {
  other: number
  tokens: number
}

export interface TruncateReply {
  /** First position still in the cache. */
  oldest: number
  /** Tokens that rest beside the session: a stopped request has read them. Absent if there are none. */
  resting?: Int32Array
}

/** The first message of an engine that has started. */
export interface Ready {
  kind: 'ready'
  tier: string
  /** V8's version and flags, in words. */
  compiler: string
  warnings: string[]
}

/** An error as data, since error objects lose their class between threads. */
export interface Failed {
  kind: 'failed'
  id: number
  message: string
  stack?: string
  /** The message of a UserError, with its options. */
  phrase?: Phrase
  /** Counts of a NoRoom error. */
  noRoom?: NoRoom['tokens']
  stopped: boolean
}

export type FromEngine =
  | Ready
  | { kind: 'step'; id: number; step: StepMessage }
  | { kind: 'progress'; id: number; progress: ProgressMessage }
  | { kind: 'reply'; id: number; value: unknown }
  | Failed
