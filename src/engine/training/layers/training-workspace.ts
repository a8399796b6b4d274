import { allocatePanels } from '../../../kernels/calls/training/transposed-matmul.js'
import type { Bank } from '../../../kernels/memory/bank.js'
import { Rows } from '../../../kernels/memory/rows.js'
import type { MixtureKind, ModelConfig } from '../../../model/config/config.js'
import { Workspace } from '../../../model/layers/workspace.js'
import type { PartFormats } from '../../../model/packing/format/formats.js'
import type { WeightStore } from '../../../model/weights/weight-store.js'
import type { BalanceTerm } from './balance.js'

/** Trained experts of one mixture and layer, and the addresses of their weights and gradients, in f32 tiles. */
export interface TrainedSet {
  /** Ids in rising order; the last `newExperts` of them are new. */
  ids: readonly number[]
  newExperts: number
  /** Address of a matrix of the expert `ids[index]`. */
  weights(index: number, piece: string): number
  gradients(index: number, piece: string): number
  /** Addresses of their router rows and of the gradients: [ids.length, inputs of the router's last matrix]. */
  router: { weights: number; gradients: number }
}

/** Finds the trained experts of a layer and kind. */
export type TrainedSets = (layer: number, kind: MixtureKind) => TrainedSet | undefined

/** Blocks of one bank in training, bound to its buffers by the family. */
export interface TrainingBlocks {
  /** Runs a block forward on the residual stream. With `keeps`, it keeps the states that `backward` needs. */
  forward(layer: number, tokens: number, keeps: boolean): void
  /** Runs the norm before the head: a = Norm(x). */
  finalNorm(tokens: number): void
  /** Adds the gradients of x to `dx`, from the gradients of a in `da`. */
  finalNormBackward(tokens: number): void
  /**
   * Runs a block backward: turns the gradients of its output, in `dx`, into gradients of its input, and adds the
   * gradients of trained experts. In the lowest trained layer it only does the latter.
   */
  backward(layer: number, tokens: number): void
}

/** Rows of a sequence in a micro-batch. */
export interface SequenceRows {
  first: number
  tokens: number
}

/** Counts of a forward pass. */
export interface Tally {
  /** Choices of experts in trained mixtures, and the number that fell on new experts. */
  choices: number
  newExperts: number
  /** Sum of the routing losses, before their weight. */
  balance: number
}

/** Trained part of a model, and its longest sequence. */
export interface TrainingScope {
  /** Most tokens of a sequence. */
  maxSequence: number
  /** The lowest trained layer: states are kept from there on. */
  lowest: number
  trained: TrainedSets
}

/** Settings and counts of a pass. */
export interface PassState {
  tally: Tally
  /** Added to the new experts' scores in each layer's routers. Default 0. */
  newExpertBias?: readonly number[]
  balance?: BalanceTerm
  /** Runs the original model, without new experts and trained copies. */
  runsOriginal: boolean
}

/** The micro-batch of a pass, as layers see it. */
interface BatchRows {
  sequences: readonly SequenceRows[]
  /** 1 for each token of a retained sequence; absent if there is none. */
  retained?: Uint8Array
}

/** Buffers and settings that the layers of training share in a bank, in addition to what any pass has. */
export class TrainingWorkspace extends Workspace {
  /** Gradients of the residual stream [T, d]. */
  readonly dx: Rows
  /** Gradients of its normalised rows [T, d]. */
  readonly da: Rows
  /** Address of the room for unpacked weights. */
  readonly panels: number
  readonly maxSequence: number
  readonly lowest: number
  private batch: BatchRows = { sequences: [] }
  private state?: PassState

  constructor(
    bank: Bank,
    index: number,
    store: WeightStore,
    config: ModelConfig,
    formats: PartFormats,
    maxTokens: number,
    threads: number,
    private readonly scope: TrainingScope,
  ) {
    super(bank, index, store, config, formats, maxTokens, threads, 'f32')
    this.dx = this.rows(1, config.width)
    this.da = this.rows(1, config.width)
    this.maxSequence = scope.maxSequence
    this.lowest = scope.lowest
    this.panels = allocatePanels(bank, threads)
  }

  begin(batch: BatchRows, state: PassState): void {
    this.batch = batch
    this.state = state
  }

  get sequences(): readonly SequenceRows[] {
    return this.batch.sequences
  }

  get retained(): Uint8Array | undefined {
    return this.batch.retained
  }

  /** Throws before the first pass. */
  get pass(): PassState {
    if (!this.state) throw new Error('no pass has begun')
    return this.state
  }

  /** Trained experts of a layer and kind that the pass uses; before the first pass, all of them. */
  trained(layer: number, kind: MixtureKind): TrainedSet | undefined {
    return this.state?.runsOriginal ? undefined : this.scope.trained(layer, kind)
  }
}

/** The same rows without their records. */
export function floatsOf({ bank, address, count, columns, stride }: Rows): Rows {
  return new Rows(bank, address, count, columns, stride)
}
