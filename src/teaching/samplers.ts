import type { TrainingBatch } from '../api/training.js'
import { seededRandom } from '../sampling/random.js'
import { type Dataset, lossWeights } from './datasets.js'

/** A sequence to train on, and its dataset. */
export interface Example {
  ids: Int32Array
  dataset: Dataset
}

/** Draws sequences in a random order, and in another one after all have been drawn. */
export class ShuffledSampler {
  private order: number[] = []
  private round = 0
  private place = 0

  constructor(
    private readonly sequences: readonly Example[],
    private readonly seed: number,
  ) {}

  /** Samples all training sequences of some datasets. */
  static of(datasets: readonly Dataset[], seed: number): ShuffledSampler {
    return new ShuffledSampler(
      datasets.flatMap((dataset) => dataset.train.map((ids) => ({ ids, dataset }))),
      seed,
    )
  }

  next(): Example {
    if (this.place === this.order.length) {
      this.order = shuffled(this.sequences.length, this.seed + this.round++)
      this.place = 0
    }
    return this.sequences[this.order[this.place++]]
  }
}

export class RoundRobinSampler {
  private turn = 0

  constructor(private readonly samplers: readonly ShuffledSampler[]) {}

  /** Creates a sampler for each dataset, so that a long one leaves room for the others. */
  static each(datasets: readonly Dataset[], seed: number): RoundRobinSampler {
    return new RoundRobinSampler(datasets.map((dataset, i) => ShuffledSampler.of([dataset], seed + i)))
  }

  draw(count: number): Example[] {
    return Array.from({ length: count }, () => this.samplers[this.turn++ % this.samplers.length].next())
  }
}

/**
 * Makes a step's batch. The targets of replayed sequences are not their tokens, but the original model's predictions.
 */
export function makeBatch(newText: readonly Example[], replay: readonly Example[]): TrainingBatch {
  const drawn = [...newText, ...replay]
  const retained = drawn.map((_, i) => i >= newText.length)
  return {
    sequences: drawn.map(({ ids }) => ids),
    weights: drawn.map(({ ids, dataset }) => lossWeights(dataset, ids)),
    retained,
    distilled: retained,
  }
}

/** Returns 0 to count - 1 in a random order (Fisher and Yates). */
function shuffled(count: number, seed: number): number[] {
  const random = seededRandom(seed)
  const order = Array.from({ length: count }, (_, i) => i)
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(random.nextFloat() * (i + 1))
    ;[order[i], order[j]] = [order[j], order[i]]
  }
  return order
}
