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
} from '../../api/training.js'
import { UserError } from '../../ground/errors.js'
import { MemoryFull } from '../../kernels/memory/arena.js'
import { expertWeights } from './expert-weights.js'
import type { BalanceTerm } from './layers/balance.js'
import { type BatchLimits, microBatches } from './micro-batches.js'
import { type CheckStop, type TrainedModel, TrainingNetwork } from './network.js'
import { ARRAYS, type ArrayName, Parameters } from './parameters.js'
import { MAX_TOKENS, type TrainedTensor, trainedTensors } from './plan.js'

/** Computes the mean losses of a batch. */
type Pass = Generator<undefined, TrainingLoss>

/**
 * Training of some of a model's experts: their parameters, gradients and optimiser. A batch goes through the model in
 * micro-batches, and a generator yields between them.
 */
export class Trainer {
  readonly tensors: readonly TrainedTensor[]
  readonly size: TrainingSize
  private readonly floats: number
  private readonly limits: BatchLimits
  private readonly network: TrainingNetwork
  /** By bank. */
  private readonly parameters: Parameters[] = []
  private readonly giveBack: (() => void)[] = []
  private steps = 0

  /** Allocates the memory. Throws a UserError, and keeps nothing, if the plan or the memory does not fit. */
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
    const maxTokens = plan.maxTokens ?? MAX_TOKENS
    const maxSequence = Math.min(plan.maxSequence ?? maxTokens, maxTokens)
    this.limits = { maxTokens, maxSequence, vocabSize: config.vocabSize }
    this.network = new TrainingNetwork(model, maxTokens)
    const before = store.banks.map(({ arena }) => arena.used)
    try {
      for (const [index, bank] of store.banks.entries()) {
        // Padding must be zero, and freed memory is not.
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

  /** Begins with weights in the order of the tensors; by default with the model's own, and zeros for new experts. */
  begin(weights?: Float32Array): void {
    if (weights && weights.length !== this.floats) {
      throw new UserError(`weights of ${this.floats} numbers were expected, not ${weights.length}`)
    }
    this.write({ steps: 0, weights: weights ?? this.weightsOfModel(), ...NO_MOMENTS })
  }

  /** Takes a step of the optimiser. If it fails or is stopped, weights and moments stay unchanged. */
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
    const loss = yield* this.pass(batch, true, terms, check)
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

  loss(batch: TrainingBatch, terms?: PassTerms, check?: CheckStop): Pass {
    return this.pass(batch, false, terms, check)
  }

  /** Computes the gradients as one array; the optimiser stays unchanged. */
  *gradients(batch: TrainingBatch, terms?: PassTerms, check?: CheckStop): Generator<undefined, TrainingGradients> {
    const loss = yield* this.pass(batch, true, terms, check)
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
      throw new UserError('the saved state belongs to another training: its size does not match')
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

  release(): void {
    for (const giveBack of this.giveBack.splice(0)) giveBack()
  }

  private createBank(index: number): void {
    const { store, layout } = this.model
    const isHere = ({ layer }: { layer: number }) => store.bankOf(layer) === index
    const mixtures = this.plan.mixtures.filter(isHere)
    const parameters = new Parameters(store.banks[index], layout, mixtures, this.tensors.filter(isHere))
    this.parameters.push(parameters)
    this.network.addBank({
      maxSequence: this.limits.maxSequence,
      lowest: Math.min(...this.plan.mixtures.map(({ layer }) => layer)),
      trained: (layer, kind) => parameters.setOf(layer, kind),
    })
  }

  /**
   * Runs a batch through the network in micro-batches and yields between them. Gradients are of the mean over all
   * predictions of the batch; they stay in their arrays.
   */
  private *pass(
    batch: TrainingBatch,
    withGradients: boolean,
    { balance, newExpertBias }: PassTerms = {},
    check: CheckStop = () => {},
  ): Pass {
    const { network, plan } = this
    if (withGradients) for (const parameters of this.parameters) parameters.clear('gradients')
    const batches = microBatches(batch, this.limits)
    const all = batches.flatMap(({ predictions }) => predictions)
    const distilled = all.filter(({ isDistilled }) => isDistilled).length
    const predictions = all.length - distilled
    const tokens = batches.reduce((sum, { tokens }) => sum + tokens.length, 0)
    const term: BalanceTerm | undefined =
      balance && balance.weight !== 0 ? { ...balance, count: tokens * plan.mixtures.length } : undefined
    const tally = { choices: 0, newExperts: 0, balance: 0 }
    const sums = { crossEntropy: 0, divergence: 0 }
    for (const [index, micro] of batches.entries()) {
      if (index > 0) yield
      const retained = term && { ...term, retained: micro.retained }
      const state = { tally, newExpertBias, balance: retained, runsOriginal: false }
      const loss = withGradients
        ? network.lossAndGradients(micro, state, 1 / all.length, check)
        : network.loss(micro, state, check)
      sums.crossEntropy += loss.crossEntropy
      sums.divergence += loss.divergence
    }
    return {
      loss: predictions === 0 ? 0 : sums.crossEntropy / predictions,
      divergence: distilled === 0 ? 0 : sums.divergence / distilled,
      balance: term ? tally.balance / term.count : 0,
      predictions,
      distilled,
      tokens,
      newExpertShare: tally.choices === 0 ? 0 : tally.newExperts / tally.choices,
    }
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

function noRoom({ message }: MemoryFull): UserError {
  return new UserError(
    `no room for this training in addition to the model: ${message}; take fewer layers or experts, or fewer tokens at once`,
  )
}
