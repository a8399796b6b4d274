import type { ExpertUses, MemoryStats } from '../../api/model.js'
import { UserError } from '../../ground/errors.js'
import { Bandwidth } from '../../kernels/calls/bandwidth.js'
import { kernelFlags } from '../../kernels/compiler/compile.js'
import { describeCompiler, FUSED_VECTORS } from '../../kernels/compiler/v8-flags.js'
import { Pool } from '../../kernels/threads/pool.js'
import { chooseKernels, type ProvenKernels } from '../../kernels/tiers/choose-kernels.js'
import type { ExpertsPerToken } from '../../model/config/experts-per-token.js'
import { bytesOfAll } from '../../model/layers/cache/cache-bytes.js'
import type { Calibration } from './calibration.js'
import { type GenerationContext, generateAfter } from './generation.js'
import { type LoadedModel, loadWeights } from './load.js'
import { EXPECTED_FACTOR, type Measured, StepBytes, StepCosts } from './lookup/step-costs.js'
import type { CacheRequest } from './messages/cache-request.js'
import type {
  EngineData,
  ForkReply,
  ForkRequest,
  GenerateRequest,
  OpenSequence,
  Request,
  SharedStart,
  TruncateReply,
  TruncateRequest,
} from './messages/protocol.js'
import { Packer } from './packer.js'
import type { Task } from './reading/demand.js'
import { readOut } from './recording/read-out.js'
import { Scheduler } from './scheduler.js'
import { CacheTransfers, changed } from './sequences/cache-transfer.js'
import { Sequence } from './sequences/sequence.js'
import type { Training } from './training.js'

/** The caller's side of a task. */
type TaskContext = Required<Omit<GenerationContext, 'costs'>>

/** One model on its threads (or only a packer), and the sequences that run on it. Lives in a worker thread. */
export class Engine {
  readonly scheduler: Scheduler
  private readonly sequences = new Map<number, Sequence>()
  private readonly transfers = new CacheTransfers()
  private training?: Training
  private calibration?: Calibration
  private weights?: StepBytes
  private readonly measured: Measured = { factor: EXPECTED_FACTOR }

  private constructor(
    private readonly kernels: ProvenKernels,
    private readonly pool: Pool,
    private readonly loaded?: LoadedModel,
    private readonly packer?: Packer,
  ) {
    this.scheduler = new Scheduler(loaded?.model)
  }

  static async start({ threads, tier, v8Flags, model }: EngineData): Promise<Engine> {
    const kernels = chooseKernels(tier, kernelFlags(v8Flags))
    const { bank } = kernels
    if (model) {
      const loaded = await loadWeights(model, bank, threads)
      return new Engine(kernels, loaded.pool, loaded)
    }
    return new Engine(kernels, new Pool([bank], threads), undefined, new Packer(bank, threads))
  }

  /** Kernel tier, with `+256` if V8 fuses pairs of vectors. */
  get tierName(): string {
    const { tier, flags } = this.kernels
    return flags.includes(FUSED_VECTORS) && tier !== 'scalar' ? `${tier}+256` : tier
  }

  get compiler(): string {
    return describeCompiler(this.kernels.flags)
  }

  get warnings(): string[] {
    return this.loaded?.warnings ?? []
  }

  /** A request as a task. It does nothing before its first turn. */
  *task(request: Request, { stop, emit, progress }: TaskContext): Task {
    switch (request.kind) {
      case 'forward':
        return yield* this.sequence(request.session).forward(request, stop, progress)
      case 'generate':
        return yield* this.generate(request, { stop, emit, progress })
      case 'truncate':
        return this.truncate(request)
      case 'cache':
        return yield* this.transfers.run(this.sequenceOf(request), request, stop)
      case 'open':
        this.sequences.set(request.session, new Sequence(this.requireModel().model, request.mask))
        return undefined
      case 'fork':
        return this.fork(request)
      case 'release':
        return this.release(request.session)
      case 'sequences':
        return this.openSequences()
      case 'adopt':
        return this.sequence(request.session).cache.rows.adopt(this.sequence(request.other).cache.rows, request.tokens)
      case 'classify':
        return yield* this.classify(request.tokens, stop)
      case 'pack':
        return required(this.packer, 'this engine runs a model and does not pack').pack(request.request)
      case 'read-out':
        return readOut(this.requireModel().model, request)
      case 'output-factors':
        return request.sums.map((sums) => this.requireModel().model.outputFactors(sums))
      case 'mask':
        return this.requireModel().model.masks.set(request.mask)
      case 'depth':
        return this.setExpertsPerToken(request.expertsPerToken)
      case 'stats':
        return this.stats()
      case 'uses':
        return this.uses()
      case 'bandwidth':
        return measureBandwidth(this.requireModel())
      case 'train':
        return yield* required(this.training, 'training has not been prepared').task(request, stop)
      case 'calibrate':
        return yield* required(this.calibration, 'the code of calibration has not been imported').task(request, stop)
      case 'close':
        return undefined
    }
  }

  /** Whether requests of a kind can run: see `prepare`. */
  isPrepared(kind: Request['kind']): boolean {
    if (kind === 'train') return this.training !== undefined
    return kind !== 'calibrate' || this.calibration !== undefined
  }

  /** Imports the code of training or calibration. Most engines never need it, and it would slow their start. */
  async prepare(kind: Request['kind']): Promise<void> {
    if (kind === 'train') {
      const { Training } = await import('./training.js')
      this.training ??= new Training(this.requireModel())
    } else if (kind === 'calibrate') {
      const { Calibration } = await import('./calibration.js')
      this.calibration ??= new Calibration(this.requireModel())
    }
  }

  async close(): Promise<void> {
    await this.pool.close()
    this.loaded?.close()
  }

  private *generate(request: GenerateRequest, context: TaskContext): Task {
    const sequence = this.sequence(request.session)
    return yield* generateAfter(sequence, request, { ...context, costs: this.costsOf(sequence) })
  }

  /** Costs of drafts; undefined if there is no room for all experts: experts of drafts would push out others. */
  private costsOf(sequence: Sequence): StepCosts | undefined {
    const { layout, budget, model } = this.requireModel()
    if (budget < layout.bytes) return undefined
    if (this.weights?.config !== model.config) this.weights = new StepBytes(layout, model.config)
    const { weights } = this
    const { perToken } = model.cacheBytes
    return new StepCosts((tokens) => weights.of(tokens) + sequence.cache.length * perToken, this.measured)
  }

  private *classify(tokens: Int32Array, stop: Int32Array): Task {
    const sequence = new Sequence(this.requireModel().model)
    try {
      return (yield* sequence.forward({ kind: 'forward', session: -1, tokens, logits: 'last' }, stop)).logits
    } finally {
      sequence.release()
    }
  }

  /** Refused while a request runs: its routes would have two numbers of experts per token. */
  private setExpertsPerToken(given?: ExpertsPerToken): void {
    if (this.scheduler.counts.sequencesRunning > 0) {
      throw new UserError('the number of experts per token cannot change while a session runs')
    }
    this.requireModel().model.setExpertsPerToken(given)
  }

  private stats(): MemoryStats {
    const { store, budget, model } = this.requireModel()
    const { hits, misses, bytesRead, weightsBytes } = store.stats()
    const { perToken, perSequence } = model.cacheBytes
    return {
      ...{ weightsBytes, budgetBytes: budget, expertHits: hits, expertMisses: misses, bytesRead },
      cacheBytes: bytesOfAll([...this.sequences.values()].flatMap(({ caches }) => caches)),
      ...{ cacheTokenBytes: perToken, cacheSequenceBytes: perSequence, ...this.scheduler.counts },
      meanAttentionDepth: model.meanAttentionDepth,
    }
  }

  private uses(): ExpertUses {
    const { expertUses, tokensTakenBack } = this.requireModel().model
    return { tokens: this.scheduler.counts.tokensProcessed - tokensTakenBack, uses: expertUses }
  }

  private sequence(id: number): Sequence {
    let sequence = this.sequences.get(id)
    if (!sequence) {
      sequence = new Sequence(this.requireModel().model)
      this.sequences.set(id, sequence)
    }
    return sequence
  }

  /** The sequence of an export or import. One that is being read must not have been released. */
  private sequenceOf({ session, step }: CacheRequest): Sequence {
    if (step === 'read' && !this.sequences.has(session)) throw changed()
    return this.sequence(session)
  }

  private truncate(request: TruncateRequest): TruncateReply {
    const { session, length, more } = request
    const sequence = more ? this.sequence(session) : this.sequences.get(session)
    return sequence?.truncate(length, request) ?? { oldest: 0 }
  }

  private fork({ session, fork: id, length, waits }: ForkRequest): ForkReply {
    const fork = this.sequence(session).fork(length, waits)
    this.sequences.set(id, fork)
    return { tokens: Int32Array.from(fork.tokens), oldest: fork.cache.oldest }
  }

  private openSequences(): OpenSequence[] {
    const all = [...this.sequences]
    return all.map(([session, { tokens, mask, cache }], i) => {
      let shared: SharedStart = { other: session, tokens: 0 }
      for (const [other, earlier] of all.slice(0, i)) {
        const common = cache.rows.sharedWith(earlier.cache.rows)
        if (common > shared.tokens) shared = { other, tokens: common }
      }
      return { session, length: tokens.length, ...(mask && { mask }), ...(shared.tokens > 0 && { shared }) }
    })
  }

  private release(id: number): void {
    const sequence = this.sequences.get(id)
    if (!sequence) return
    this.transfers.drop(sequence)
    sequence.release()
    this.sequences.delete(id)
  }

  private requireModel(): LoadedModel {
    return required(this.loaded, 'this engine has no model')
  }
}

function required<T>(part: T | undefined, message: string): T {
  if (part === undefined) throw new UserError(message)
  return part
}

/** Least and most bytes read per measurement: far more than a processor's caches hold. */
const LEAST = 128 * 2 ** 20
const MOST = 512 * 2 ** 20

/**
 * Measures the streaming read speed of the model's threads, in bytes per second. It bounds decoding, since every token
 * reads its active weights once. Reads the model's own memory, or a buffer if the model may fit into the caches.
 */
function measureBandwidth({ store, pool }: LoadedModel): number {
  const index = store.banks.reduce((best, bank, i, all) => (bank.arena.used > all[best].arena.used ? i : best), 0)
  const bank = store.banks[index]
  pool.enter(index)
  const own = bank.arena.used >= 2 * LEAST
  const [start, bytes] = own ? bank.arena.range : [bank.arena.allocate(LEAST), LEAST]
  if (!own) bank.u8.fill(1, start, start + LEAST)
  const speed = new Bandwidth(bank).run(start, Math.min(bytes, MOST))
  if (!own) bank.arena.release(start, LEAST)
  return speed
}
