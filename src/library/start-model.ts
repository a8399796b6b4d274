import type {
  CacheType,
  Classification,
  ExpertUses,
  LoadOptions,
  MemoryStats,
  Model,
  ModelInfo,
  SessionOptions,
} from '../api/model.js'
import { PastWork } from '../api/past-work.js'
import type { ReadOut } from '../api/read-out.js'
import type { Session } from '../api/session.js'
import type { ChatTemplate, GenerationDefaults, Tokenizer } from '../api/text.js'
import { type EngineCalls, EngineClient } from '../engine/run/client.js'
import type { EngineData } from '../engine/run/messages/protocol.js'
import type { Reading } from '../engine/run/reading/read-ahead.js'
import { EngineLayerPass } from '../engine/session/engine-layer-pass.js'
import { EngineTraining } from '../engine/session/expert-training.js'
import { type GuideOptions, openGuide } from '../engine/session/generation/open-guide.js'
import type { SessionModel } from '../engine/session/generation/session-model.js'
import { settled } from '../engine/session/generation/settled.js'
import { tokenIds } from '../engine/session/generation/token-ids.js'
import { ModelEngine } from '../engine/session/model-engine.js'
import { EngineSession } from '../engine/session/session.js'
import { UsageError, UserError } from '../ground/errors.js'
import { option, phrase } from '../ground/message.js'
import { checkOptionNames } from '../ground/option-checks.js'
import { setFlagsForGood } from '../kernels/compiler/compile.js'
import type { ModelConfig, PerMixture } from '../model/config/config.js'
import { type ExpertMask, layerMasks, withInterventions } from '../model/config/expert-mask.js'
import { type ExpertsPerToken, withExpertsPerToken } from '../model/config/experts-per-token.js'
import { cacheTypeOf } from '../model/families/index.js'
import { lazyGuides } from '../text/grammar/lazy-guides.js'
import type { Companions, FoundModel } from './files/found-model.js'
import type { PreparedModel } from './files/model-files.js'
import { describe } from './files/model-info.js'
import { weightsId } from './files/weights.js'

/** Share of the machine that a model may take, unless the options of its caller give another. */
export interface Means {
  /** Bytes of memory. */
  free: number
  /** Bytes left free beside the weights, for activations, caches and the host itself. */
  margin: number
  threads: number
  /** Path of the packed weights of a checkpoint, made before. */
  packing?: string
  reading?: Reading
  /** Shares of tokens that choose each expert, by kind and layer, if they are known. */
  shares?: PerMixture<number[][]>
}

/** Starts the engine of a model and reads the files beside its weights. */
export async function startModel(prepared: PreparedModel, options: LoadOptions, means: Means): Promise<Model> {
  const { free, margin, packing, reading, shares } = means
  const { cacheType, threads = means.threads, memory, kernels, v8Flags, checkExperts } = options
  const files = prepared.with(options)
  if (v8Flags) setFlagsForGood()
  const { config, formats, path, kind, hasLongSticks } = files
  const budget = { memory: memory ?? Math.max(0, free - margin), memoryIsGiven: memory !== undefined, free }
  const readCompanions = async () => {
    const companions = await files.companions()
    companions.chatTemplate?.prepare()
    return { companions, info: describe(files, companions) }
  }
  const data: StartData = {
    threads,
    tier: kernels,
    v8Flags,
    model: { config, formats, path, packing, kind, checkExperts, hasLongSticks, cacheType, reading, shares, ...budget },
  }
  const begun = Date.now()
  const [engine, { companions, info }] = await Promise.all([EngineClient.start(data, options.signal), readCompanions()])
  for (const warning of engine.warnings) options.onWarning?.(warning)
  return new EngineModel(files, info, { engine: new ModelEngine(engine), data, begun }, companions)
}

interface Started {
  engine: ModelEngine
  data: StartData
  /** Time before the weights were read, in ms. */
  begun: number
}

type StartData = EngineData & Required<Pick<EngineData, 'model'>>

class EngineModel implements Model {
  readonly name: string
  readonly training: EngineTraining
  readonly layerPass: EngineLayerPass
  mask?: ExpertMask
  /** The part that sessions see. They see it change. */
  private readonly shared: SessionModel
  private id?: Promise<string>
  private expertsPerToken?: ExpertsPerToken
  private readonly before = new PastWork()
  private readonly engine: ModelEngine

  constructor(
    private readonly found: FoundModel,
    public info: ModelInfo,
    private readonly started: Started,
    private readonly companions: Companions,
  ) {
    const { engine } = started
    this.engine = engine
    this.name = found.name
    const { tokenizer } = companions
    const guides = tokenizer && lazyGuides(tokenizer, found.config.vocabSize)
    let sessions = 0
    this.shared = { engine, config: found.config, guides, newSession: () => sessions++, ...companions }
    this.training = new EngineTraining(engine)
    this.layerPass = new EngineLayerPass(engine)
  }

  get config(): ModelConfig {
    return this.shared.config
  }

  get threads(): number {
    return this.started.data.threads
  }

  get cacheType(): CacheType | 'f32' {
    const { config, formats, cacheType } = this.started.data.model
    return cacheTypeOf(config, formats, cacheType)
  }

  get tier(): string {
    return this.engine.tier
  }

  get compiler(): string {
    return this.engine.compiler
  }

  get tokenizer(): Tokenizer {
    const { tokenizer } = this.companions
    if (!tokenizer) {
      const { path, copy, source = path } = this.info
      throw new UserError(
        `${copy === undefined ? path : source}: the model came without tokenizer files (tokenizer.json, or vocab.json and merges.txt)`,
      )
    }
    return tokenizer
  }

  get hasTokenizer(): boolean {
    return this.companions.tokenizer !== undefined
  }

  get chatTemplate(): ChatTemplate | undefined {
    return this.companions.chatTemplate
  }

  get generationDefaults(): GenerationDefaults {
    return this.companions.defaults
  }

  createSession(options: SessionOptions = {}): Session {
    checkOptionNames(options, { mask: true, interventions: true }, 'createSession')
    const own = withInterventions(options.mask, options.interventions)
    if (own) layerMasks([own], this.config)
    return new EngineSession(this.shared, this.shared.newSession(), own)
  }

  async checkConstraint(options: GuideOptions): Promise<void> {
    const guide = await openGuide(this.shared, options, { eos: [], maxTokens: 0 })
    guide?.close()
  }

  async readOut(
    rows: readonly Float32Array[],
    { top = 5, token }: { top?: number; token?: number } = {},
  ): Promise<ReadOut[]> {
    const { width, architecture } = this.config
    if (architecture === 'classifier') throw new UsageError('a classifier has no head of words to read through')
    const wrong = rows.find(({ length }) => length !== width)
    if (wrong) throw new UsageError(phrase`${option('rows')} must have ${width} floats each, not ${wrong.length}`)
    return settled(this.engine.call<ReadOut[]>({ kind: 'read-out', rows, top, token }))
  }

  outputFactors(sums: Parameters<Model['outputFactors']>[0]): ReturnType<Model['outputFactors']> {
    return settled(this.engine.call({ kind: 'output-factors', sums }))
  }

  async classify(tokens: ArrayLike<number>): Promise<Classification> {
    const { architecture, labels = [] } = this.config
    if (architecture !== 'classifier') {
      throw new UserError(
        `${this.name} is a language model, not a sequence classifier (ModuleFormerForSequenceClassification)`,
      )
    }
    const ids = tokenIds(tokens, this.config.vocabSize)
    if (ids.length === 0) throw new UsageError('there is no text to classify')
    const request = { kind: 'classify', tokens: withoutPadding(ids, this.config.raw.pad_token_id) } as const
    return { labels, logits: await this.engine.call<Float32Array>(request).reply }
  }

  measureStream(): Promise<number> {
    return this.engine.call<number>({ kind: 'bandwidth' }).reply
  }

  async maskExperts(mask?: ExpertMask): Promise<void> {
    await this.engine.call<void>({ kind: 'mask', mask }).reply
    this.mask = mask
  }

  async setExpertsPerToken(expertsPerToken?: ExpertsPerToken): Promise<void> {
    await this.engine.call<void>({ kind: 'depth', expertsPerToken }).reply
    this.expertsPerToken = expertsPerToken
    const { found, companions } = this
    const config = expertsPerToken === undefined ? found.config : withExpertsPerToken(found.config, expertsPerToken)
    this.shared.config = config
    this.info = describe({ ...found, config }, companions)
  }

  weightsId(): Promise<string> {
    this.id ??= weightsId(this.found, this.started.begun)
    return this.id
  }

  /** Text for console.log: the fields would fill pages. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return `[Model ${this.name} ${this.info.quant}]`
  }

  async freeExperts(): Promise<boolean> {
    if (this.found.kind !== 'packed') return false
    if (this.training.hasBegun) throw new UserError('experts cannot be freed after a training has begun')
    const { data } = this.started
    const take = async (old: EngineCalls) => this.before.add(await statsOf(old), await usesOf(old))
    const prepare = async (fresh: EngineCalls) => {
      const { mask, expertsPerToken } = this
      if (mask) await fresh.call<void>({ kind: 'mask', mask }).reply
      if (expertsPerToken !== undefined) await fresh.call<void>({ kind: 'depth', expertsPerToken }).reply
    }
    const { reading = 'late' } = data.model
    await this.engine.replace({ ...data, model: { ...data.model, reading } }, take, prepare)
    return true
  }

  async stats(): Promise<MemoryStats> {
    return this.before.withStats(await statsOf(this.engine))
  }

  async expertUses(): Promise<ExpertUses> {
    return this.before.withUses(await usesOf(this.engine))
  }

  async dispose(): Promise<void> {
    await Promise.all([this.shared.guides?.close(), this.engine.close()])
  }
}

function statsOf(engine: EngineCalls): Promise<MemoryStats> {
  return engine.call<MemoryStats>({ kind: 'stats' }).reply
}

function usesOf(engine: EngineCalls): Promise<ExpertUses> {
  return engine.call<ExpertUses>({ kind: 'uses' }).reply
}

/**
 * Cuts the tokens after the one whose state is scored. As IBM's code does, keeps as many tokens as there are ids other
 * than padding, wherever those are, and all tokens if there is only padding.
 */
function withoutPadding(ids: Int32Array, padding: unknown): Int32Array {
  const count = ids.reduce((sum, id) => sum + (id === padding ? 0 : 1), 0)
  return count === 0 ? ids : ids.subarray(0, count)
}
