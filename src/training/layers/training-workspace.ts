import type { MixtureKind, ModelConfig } from '../../model/config.js'
import { Workspace } from '../../nn/workspace.js'
import type { PartFormats } from '../../packing/format/formats.js'
import type { Bank } from '../../runtime/bank.js'
import { allocatePanels } from '../../runtime/kernels/transposed-matmul.js'
import { Rows } from '../../runtime/rows.js'
import type { WeightStore } from '../../weights/weight-store.js'
import type { SteeringTerm } from './steering.js'
import type { TrainedSet, TrainedSets } from './trained-set.js'

/** A sequence of a micro-batch: its first row, and its tokens. */
export interface SequenceRows {
  first: number
  tokens: number
}

/** What a forward pass of training counts. */
export interface Tally {
  /** Choices of experts in trained mixtures, and those of them that fell on newcomers. */
  choices: number
  newcomers: number
  /** Sum of the terms of steering, before their weight. */
  steering: number
}

/** What of a model is trained, and with what. */
export interface TrainingScope {
  /** Tokens of a sequence at most. */
  maxSequence: number
  /** The lowest layer with something to train: from there on states are kept for the way back. */
  lowest: number
  trained: TrainedSets
}

/** What the layers of training share in a bank, beside what they share in any pass. */
export class TrainingWorkspace extends Workspace {
  /** Gradients of the residual stream [T, d]. */
  readonly dx: Rows
  /** Gradients of its normalised rows [T, d]. */
  readonly da: Rows
  /** Room for unpacked weights. */
  readonly panels: number
  readonly maxSequence: number
  readonly lowest: number
  /** Whether the next pass is that of the model as it was, without newcomers or trained copies. */
  asItWas = false
  /** Added to the newcomers' scores of every router. */
  newcomerBias = 0
  /** The micro-batch at hand. */
  sequences: readonly SequenceRows[] = []
  /** 1 for each token of it that is of what the model knows already; absent: none. */
  kept?: Uint8Array
  steering?: SteeringTerm
  tally: Tally = { choices: 0, newcomers: 0, steering: 0 }

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
    super(bank, index, store, config, formats, maxTokens, threads)
    this.dx = this.rows(1, config.width)
    this.da = this.rows(1, config.width)
    this.maxSequence = scope.maxSequence
    this.lowest = scope.lowest
    this.panels = allocatePanels(bank, threads)
  }

  /** The experts of a mixture and layer that the pass at hand finds changed or added. */
  trained(layer: number, kind: MixtureKind): TrainedSet | undefined {
    return this.asItWas ? undefined : this.scope.trained(layer, kind)
  }

  /** For each layer of this bank that the way back goes through, `count` states of the residual stream. */
  states(count: number): Rows[][] {
    return this.perLayer((layer) =>
      layer < this.lowest ? [] : Array.from({ length: count }, () => this.rows(1, this.config.width)),
    )
  }

  /** Copies the residual stream to one of the states. */
  keep(state: Rows | undefined, tokens: number): void {
    if (!state) return
    const { bank, x } = this
    bank.kernels.copyRows(x.address, x.strideBytes, state.address, state.strideBytes, x.strideBytes, tokens)
  }
}

/** The same rows without their records. */
export function floatsOf({ bank, address, count, columns, stride }: Rows): Rows {
  return new Rows(bank, address, count, columns, stride)
}
