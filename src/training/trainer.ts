import type {
  AdamWOptions,
  PassTerms,
  TrainingBatch,
  TrainingGradients,
  TrainingLoss,
  TrainingPlan,
  TrainingSize,
  TrainingState,
  TrainingStep,
} from '../api/training.js'
import { UserError } from '../errors.js'
import type { ModelConfig } from '../model/config.js'
import type { PartFormats } from '../packing/format/formats.js'
import type { Layout } from '../packing/format/layout.js'
import { MemoryFull } from '../runtime/arena.js'
import { Embedding } from '../runtime/kernels/embedding.js'
import type { Pool } from '../runtime/pool.js'
import type { WeightStore } from '../weights/weight-store.js'
import { expertWeights } from './expert-weights.js'
import { type HeadLoss, LanguageHead } from './layers/language-head.js'
import type { SteeringTerm } from './layers/steering.js'
import type { TrainingBlocks } from './layers/training-blocks.js'
import { type Tally, TrainingWorkspace } from './layers/training-workspace.js'
import { type MicroBatch, microBatches } from './micro-batches.js'
import { ARRAYS, type ArrayName, Parameters } from './parameters.js'
import { MAX_TOKENS, type TrainedTensor, trainedTensors } from './plan.js'

/** A model whose experts are trained. */
export interface TrainedModel {
  config: ModelConfig
  formats: PartFormats
  layout: Layout
  store: WeightStore
  pool: Pool
  /** Binds the blocks of a bank to its workspace. */
  build(workspace: TrainingWorkspace): TrainingBlocks
}

/** Asked before every block; throws to end the work. */
export type CheckStop = () => void

/** Mean loss and the sums behind it, with the gradients left in their arrays. */
type Pass = Generator<undefined, TrainingLoss>

/**
 * Training of some experts of a model: forward, back and the optimiser. All of a batch goes through the model in micro-batches,
 * between which others may have their turn; the states of the residual stream are kept from the lowest trained layer on, and
 * what a block computed is computed anew on the way back.
 */
export class Trainer {
  readonly tensors: readonly TrainedTensor[]
  readonly size: TrainingSize
  private readonly floats: number
  private readonly lowest: number
  private readonly maxTokens: number
  private readonly maxSequence: number
  private readonly parameters: Parameters[] = []
  private readonly workspaces: TrainingWorkspace[] = []
  private readonly blocks: TrainingBlocks[] = []
  private embedding!: Embedding
  private ids = 0
  private head!: LanguageHead
  private readonly giveBack: (() => void)[] = []
  private steps = 0

  /** Takes the memory for it. Throws a UserError, and takes nothing, where the plan does not fit the model or there is no room. */
  constructor(
    private readonly model: TrainedModel,
    private readonly plan: TrainingPlan,
    { onlySize = false } = {},
  ) {
    const { config, layout, store } = model
    if (config.architecture !== 'causal-lm') throw new UserError('a classification model cannot be trained')
    const { tensors, floats } = trainedTensors(layout, plan)
    this.tensors = tensors
    this.floats = floats
    this.lowest = Math.min(...plan.mixtures.map(({ layer }) => layer))
    this.maxTokens = plan.maxTokens ?? MAX_TOKENS
    this.maxSequence = Math.min(plan.maxSequence ?? this.maxTokens, this.maxTokens)
    const before = store.banks.map(({ arena }) => arena.used)
    try {
      for (const [index, bank] of store.banks.entries()) {
        // Padding must be zero, and memory that others gave back is not.
        const zero = (address: number, bytes: number) => bank.u8.fill(0, address, address + bytes)
        this.giveBack.push(bank.arena.within(() => this.createBank(index), onlySize ? undefined : zero))
      }
    } catch (error) {
      this.release()
      throw error instanceof MemoryFull ? noRoom(error) : error
    }
    const bytes = store.banks.reduce((sum, { arena }, i) => sum + arena.used - before[i], 0)
    const parameterBytes = this.parameters.reduce((sum, { floats }) => sum + floats * 4 * ARRAYS.length, 0)
    this.size = { parameters: floats, parameterBytes, activationBytes: bytes - parameterBytes, bytes }
    if (onlySize) this.release()
  }

  /** Weights in the order of the tensors; absent, experts of the model start as they are there, and newcomers with zeros. */
  begin(weights?: Float32Array): void {
    if (weights && weights.length !== this.floats) {
      throw new UserError(`weights of ${this.floats} numbers were expected, not ${weights.length}`)
    }
    this.write({ steps: 0, weights: weights ?? this.weightsOfModel(), ...NO_MOMENTS })
  }

  /** One step of the optimiser; what ends it on the way leaves weights and moments as they were. */
  *step(
    batch: TrainingBatch,
    options: AdamWOptions,
    terms?: PassTerms,
    check?: CheckStop,
  ): Generator<undefined, TrainingStep> {
    const {
      learningRate,
      beta1 = 0.9,
      beta2 = 0.999,
      epsilon = 1e-8,
      weightDecay = 0,
      clip = 1,
      routerRate = 1,
    } = options
    const loss = yield* this.backward(batch, terms, check)
    let squares = 0
    for (const [bank, parameters] of this.parameters.entries()) {
      this.model.pool.enter(bank)
      squares += parameters.squares()
    }
    const gradientNorm = Math.sqrt(squares)
    if (![gradientNorm, loss.loss, loss.divergence].every(Number.isFinite)) return { ...loss, gradientNorm }
    const gradientScale = clip > 0 && gradientNorm > clip ? clip / gradientNorm : 1
    this.steps++
    const update = { step: this.steps, learningRate, beta1, beta2, epsilon, weightDecay, gradientScale }
    for (const [bank, parameters] of this.parameters.entries()) {
      this.model.pool.enter(bank)
      parameters.update(update, routerRate)
    }
    return { ...loss, gradientNorm }
  }

  /** The loss alone. */
  *loss(batch: TrainingBatch, terms?: PassTerms, check?: CheckStop): Pass {
    return yield* this.pass(batch, false, terms, check)
  }

  /** The gradients as one array; the optimiser is not touched. */
  *gradients(batch: TrainingBatch, terms?: PassTerms, check?: CheckStop): Generator<undefined, TrainingGradients> {
    const loss = yield* this.backward(batch, terms, check)
    return { ...loss, gradients: this.readArray('gradients') }
  }

  read(optimiser: boolean): TrainingState {
    const { steps } = this
    const weights = this.readArray('weights')
    if (!optimiser) return { steps, weights, ...NO_MOMENTS }
    const [firstMoments, secondMoments] = [this.readArray('firstMoments'), this.readArray('secondMoments')]
    return { steps, weights, firstMoments, secondMoments }
  }

  write({ steps, weights, firstMoments, secondMoments }: TrainingState): void {
    const lengths = [firstMoments.length, secondMoments.length]
    const isNew = lengths.every((length) => length === 0)
    if (weights.length !== this.floats || (!isNew && lengths.some((length) => length !== this.floats))) {
      throw new UserError('the saved state is of another training: its size does not fit')
    }
    this.steps = isNew ? 0 : steps
    for (const parameters of this.parameters) {
      parameters.write('weights', weights)
      for (const [name, moments] of [
        ['firstMoments', firstMoments],
        ['secondMoments', secondMoments],
      ] as const) {
        if (isNew) parameters.clear(name)
        else parameters.write(name, moments)
      }
    }
  }

  /** Gives all memory back. */
  release(): void {
    for (const giveBack of this.giveBack.splice(0)) giveBack()
  }

  private createBank(index: number): void {
    const { config, store, layout, formats, pool, build } = this.model
    const bank = store.banks[index]
    const isHere = ({ layer }: { layer: number }) => store.bankOf(layer) === index
    const mixtures = this.plan.mixtures.filter(isHere)
    const parameters = new Parameters(bank, layout, mixtures, this.tensors.filter(isHere))
    const { maxTokens, maxSequence, lowest } = this
    const workspace = new TrainingWorkspace(bank, index, store, config, formats, maxTokens, pool.threads, {
      maxSequence,
      lowest,
      trained: (layer, kind) => parameters.setOf(layer, kind),
    })
    this.parameters.push(parameters)
    this.workspaces.push(workspace)
    this.blocks.push(build(workspace))
    if (index === 0) {
      this.ids = bank.arena.allocate(maxTokens * 4)
      this.embedding = new Embedding(bank, formats.embedding, this.ids, workspace.x, config.embeddingScale)
    }
    if (index === store.banks.length - 1) {
      this.head = new LanguageHead(workspace, config, store.address('lm_head', 'weight'))
    }
  }

  private *backward(batch: TrainingBatch, terms?: PassTerms, check?: CheckStop): Pass {
    for (const parameters of this.parameters) parameters.clear('gradients')
    return yield* this.pass(batch, true, terms, check)
  }

  private *pass(
    batch: TrainingBatch,
    withGradients: boolean,
    { steering, newcomerBias = 0 }: PassTerms = {},
    check: CheckStop = () => {},
  ): Pass {
    const { maxTokens, maxSequence, plan } = this
    const { vocabSize } = this.model.config
    const batches = microBatches(batch, { maxTokens, maxSequence, vocabSize })
    const all = batches.flatMap(({ predictions }) => predictions)
    const distilled = all.filter(({ isDistilled }) => isDistilled).length
    const predictions = all.length - distilled
    const tokens = batches.reduce((sum, { tokens }) => sum + tokens.length, 0)
    const term: SteeringTerm | undefined =
      steering && steering.weight !== 0 ? { ...steering, count: tokens * plan.mixtures.length } : undefined
    const tally: Tally = { choices: 0, newcomers: 0, steering: 0 }
    const sums: HeadLoss = { crossEntropy: 0, divergence: 0 }
    for (const [index, micro] of batches.entries()) {
      if (index > 0) yield
      for (const workspace of this.workspaces) {
        const { sequences, kept } = micro
        Object.assign(workspace, { sequences, kept, tally, newcomerBias, steering: term && { ...term, kept } })
      }
      if (micro.isDistilled) this.forwardAsItWas(micro, check)
      this.forward(micro, withGradients, check)
      const loss = withGradients ? this.back(micro, 1 / all.length, check) : this.head.loss(micro.predictions)
      sums.crossEntropy += loss.crossEntropy
      sums.divergence += loss.divergence
    }
    return {
      loss: predictions === 0 ? 0 : sums.crossEntropy / predictions,
      divergence: distilled === 0 ? 0 : sums.divergence / distilled,
      steering: term ? tally.steering / term.count : 0,
      predictions,
      distilled,
      tokens,
      newcomerShare: tally.choices === 0 ? 0 : tally.newcomers / tally.choices,
    }
  }

  /** What the model predicted before, for the head to compare with. */
  private forwardAsItWas(micro: MicroBatch, check: CheckStop): void {
    const setAll = (asItWas: boolean) => {
      for (const workspace of this.workspaces) workspace.asItWas = asItWas
    }
    setAll(true)
    try {
      this.forward(micro, false, check)
      this.head.rememberBefore(micro.tokens.length)
    } finally {
      setAll(false)
    }
  }

  private forward({ tokens }: MicroBatch, keeps: boolean, check: CheckStop): void {
    const { config, store } = this.model
    const T = tokens.length
    let at = this.enter(store.bankOf(0))
    at.bank.u32.set(tokens, this.ids / 4)
    this.embedding.run(store.address('embedding', 'table'), T) //    x [T, d] = embedding[tokens]
    for (let l = 0; l < config.layers; l++) {
      check()
      const bank = store.bankOf(l)
      if (bank !== at.index) at = move('x', at, this.enter(bank), T)
      this.blocks[bank].forward(l, T, keeps && l >= this.lowest) //  x += attention(x);  x += mixture(x)
    }
    this.blocks[at.index].finalNorm(T) //                            a [T, d] = Norm(x)
  }

  /** Returns the sums of the losses. */
  private back({ tokens, predictions }: MicroBatch, weight: number, check: CheckStop): HeadLoss {
    const { config, store } = this.model
    const T = tokens.length
    let at = this.workspaces[store.banks.length - 1]
    const loss = this.head.lossAndGradient(predictions, T, weight) // da = head^T (softmax - onehot)
    at.bank.f32.fill(0, at.dx.address / 4, at.dx.address / 4 + T * at.dx.stride)
    this.blocks[at.index].finalNormBackward(T) //                    dx = Norm back of da
    for (let l = config.layers - 1; l >= this.lowest; l--) {
      check()
      const bank = store.bankOf(l)
      if (bank !== at.index) at = move('dx', at, this.enter(bank), T)
      this.blocks[bank].backward(l, T) //                            dx of what the block got;  its gradients
    }
    return loss
  }

  private enter(bank: number): TrainingWorkspace {
    this.model.pool.enter(bank)
    return this.workspaces[bank]
  }

  private readArray(name: ArrayName): Float32Array {
    const all = new Float32Array(this.floats)
    for (const parameters of this.parameters) parameters.read(name, all)
    return all
  }

  private weightsOfModel(): Float32Array {
    const all = new Float32Array(this.floats)
    const { layout } = this.model
    for (const { layer, kind, existing = [] } of this.plan.mixtures) {
      for (const expert of existing) {
        const mine = this.tensors.filter((one) => one.layer === layer && one.kind === kind && one.expert === expert)
        if (expert < layout.experts(layer, kind).length) {
          all.set(expertWeights(this.model, layer, kind, expert), mine[0].offset)
        }
      }
    }
    return all
  }
}

const NO_MOMENTS = { firstMoments: new Float32Array(), secondMoments: new Float32Array() }

/** Copies rows, all that passes between blocks, to another bank. */
function move(rows: 'x' | 'dx', from: TrainingWorkspace, to: TrainingWorkspace, tokens: number): TrainingWorkspace {
  const source = from[rows]
  const bytes = tokens * source.strideBytes
  to.bank.u8.set(from.bank.u8.subarray(source.address, source.address + bytes), to[rows].address)
  return to
}

function noRoom({ message }: MemoryFull): UserError {
  return new UserError(
    `no room for this training beside the model: ${message}; take fewer layers or experts, or fewer tokens at once`,
  )
}
