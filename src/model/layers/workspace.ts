import type { Bank } from '../../kernels/memory/bank.js'
import type { CacheFormat } from '../../kernels/memory/formats.js'
import { Rows } from '../../kernels/memory/rows.js'
import { type Mixture, type MixtureKind, type ModelConfig, type PerMixture, perMixture } from '../config/config.js'
import { usedIn } from '../config/experts-per-token.js'
import type { PartFormats } from '../packing/format/formats.js'
import { densePartName } from '../packing/format/layout.js'
import type { WeightStore } from '../weights/weight-store.js'
import { BatchCache } from './batch-cache.js'
import { identityList } from './expert-groups.js'

/**
 * Buffers that the layers of one bank share. Activations of a batch of at most `maxTokens` tokens (T in the shapes) are
 * in rows of the bank, and each layer is bound to the rows that it reads and writes. A forward pass allocates nothing
 * in the bank except the units and partial sums of softmax attention, whose size grows with the context.
 */
export class Workspace {
  /** Residual stream [T, d]. */
  readonly x: Rows
  /** All rows that pass from block to block: the residual stream, and what layers add here. */
  readonly passing: Rows[]
  /** The normalised residual stream [T, d], which attention and mixtures read. */
  readonly a: Rows
  /** Address of the list that maps every row of a batch to itself. */
  readonly everyRow: number
  readonly cache: BatchCache
  /** Experts that a token uses, by kind and layer. `useNumbersOf` changes the lists in place. */
  private readonly numbers: PerMixture<number[]>
  /**
   * Keys that attention's heads have visited, and the number of their walks over the cache. Only attention that may
   * stop before the oldest key counts them.
   */
  readonly visits = { keys: 0, walks: 0 }
  /** Times that a token has used each expert, by mixture and layer. */
  readonly uses: PerMixture<Float64Array[]>

  constructor(
    readonly bank: Bank,
    /** Number of the bank. */
    readonly index: number,
    readonly store: WeightStore,
    readonly config: ModelConfig,
    readonly formats: PartFormats,
    readonly maxTokens: number,
    readonly threads: number,
    readonly cacheFormat: CacheFormat,
  ) {
    this.numbers = numbersOf(config)
    this.x = this.rows(1, config.width)
    this.passing = [this.x]
    this.a = this.rows(1, config.width, { records: true })
    this.everyRow = identityList(bank, maxTokens)
    this.cache = new BatchCache(bank, maxTokens)
    this.uses = perMixture(config.mixtures, ({ experts }) => this.perLayer((layer) => new Float64Array(experts[layer])))
  }

  /** Rows of activations, `perToken` for each token of a batch. */
  rows(perToken: number, columns: number, options: { records?: boolean } = {}): Rows {
    return Rows.allocate(this.bank, this.maxTokens * perToken, columns, options)
  }

  /** Calls `of` for each layer of this bank; the result has the layers' numbers as indices. */
  perLayer<T>(of: (layer: number) => T): T[] {
    const values: T[] = []
    for (let layer = 0; layer < this.config.layers; layer++) {
      if (this.store.bankOf(layer) === this.index) values[layer] = of(layer)
    }
    return values
  }

  /** Experts that a token uses in each layer: a list that stays up to date. */
  used(kind: MixtureKind): readonly number[] {
    return this.numbers[kind] ?? []
  }

  /** Takes the numbers of experts per token from another config of the model, for the next batches. */
  useNumbersOf(config: ModelConfig): void {
    for (const [kind, numbers] of Object.entries(numbersOf(config)))
      this.numbers[kind as MixtureKind]?.splice(0, numbers.length, ...numbers)
  }

  at(layer: number, piece: string): number {
    return this.store.address(densePartName(layer), piece)
  }

  /** Addresses of pieces in each layer, by names of their own; 0 without a piece, and in layers that are not `isIn`. */
  addresses<Name extends string>(
    pieces: Readonly<Record<Name, string | false | undefined>>,
    isIn: (layer: number) => boolean = () => true,
  ): Record<Name, number>[] {
    const named = Object.entries<string | false | undefined>(pieces)
    return this.perLayer((layer) => {
      const found = named.map(([name, piece]) => [name, piece && isIn(layer) ? this.at(layer, piece) : 0])
      return Object.fromEntries(found) as Record<Name, number>
    })
  }
}

/** Experts that a token uses, by kind and layer. */
function numbersOf({ mixtures }: ModelConfig): PerMixture<number[]> {
  return perMixture(mixtures, (mixture: Mixture) => mixture.experts.map((_, layer) => usedIn(mixture, layer)))
}
