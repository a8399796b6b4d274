import type { TrainingBatch } from '../../api/training.js'
import { seededRandom } from '../../engine/sampling/random.js'
import { type Dataset, lossWeights } from './datasets.js'

export interface Example {
  ids: Int32Array
  dataset: Dataset
}

/** Draws sequences from groups of datasets in turn: those of a group in a random order, another one in each round. */
export class Sampler {
  private turn = 0
  private readonly groups: { examples: Example[]; seed: number; left: number[] }[]

  constructor(groups: readonly (readonly Dataset[])[], seed: number) {
    this.groups = groups.map((datasets, i) => ({
      examples: datasets.flatMap((dataset) => dataset.train.map((ids) => ({ ids, dataset }))),
      seed: seed + i,
      left: [],
    }))
  }

  draw(count: number): Example[] {
    return Array.from({ length: count }, () => {
      const group = this.groups[this.turn++ % this.groups.length]
      if (group.left.length === 0) group.left = shuffled(group.examples.length, group.seed++).reverse()
      return group.examples[group.left.pop() ?? 0]
    })
  }
}

/** Makes a step's batch. Replayed sequences have the original model's predictions as targets, not their tokens. */
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
