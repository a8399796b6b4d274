import type { TrainingBatch } from '../api/training.js'
import { seededRandom } from '../sampling/random.js'
import { type Dataset, lossWeights } from './datasets.js'

/** A sequence to be read, and the lesson that it is from. */
export interface Example {
  ids: Int32Array
  dataset: Dataset
}

/** Sequences in a random order, and again in another when all have had their turn. */
export class ShuffledSampler {
  private order: number[] = []
  private round = 0
  private place = 0

  constructor(
    private readonly sequences: readonly Example[],
    private readonly seed: number,
  ) {}

  /** All sequences of some lessons that are learnt from. */
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

/** Decks that give a sequence in turn. */
export class RoundRobinSampler {
  private turn = 0

  constructor(private readonly samplers: readonly ShuffledSampler[]) {}

  /** A deck for each lesson: a long one leaves room for the others. */
  static each(datasets: readonly Dataset[], seed: number): RoundRobinSampler {
    return new RoundRobinSampler(datasets.map((dataset, i) => ShuffledSampler.of([dataset], seed + i)))
  }

  draw(count: number): Example[] {
    return Array.from({ length: count }, () => this.samplers[this.turn++ % this.samplers.length].next())
  }

  /** Leaves out what `draws` earlier draws of `count` sequences have had. */
  skip(draws: number, count: number): void {
    this.draw(draws * count)
  }
}

/** A step's batch. Of what is to be kept not the text is the target, but what the model as it was predicts there. */
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

/** 0 to count - 1 in a random order (Fisher and Yates). */
function shuffled(count: number, seed: number): number[] {
  const random = seededRandom(seed)
  const order = Array.from({ length: count }, (_, i) => i)
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(random.nextFloat() * (i + 1))
    ;[order[i], order[j]] = [order[j], order[i]]
  }
  return order
}
