import type { Model } from '../api/model.js'
import type { TrainingPlan } from '../api/training.js'
import { UserError } from '../errors.js'
import { availableMemory } from '../library/available-memory.js'
import { formatBytes } from '../numbers.js'
import { MAX_TOKENS } from '../training/plan.js'
import type { Settings } from './teach-options.js'

/**
 * Copies of the trained weights on the caller's side: the best state, and one on its way to the disk with its moments.
 */
const COPIES = 4

/** Plans the training: new experts alone; the rest of the model is frozen. */
export function trainingPlan({ layers, kind, experts, batch, window }: Settings): TrainingPlan {
  const mixtures = layers.map((layer) => ({ layer, kind, newExperts: experts }))
  return { mixtures, maxTokens: Math.max(window, Math.min(batch, MAX_TOKENS)), maxSequence: window }
}

/**
 * Computes the bytes that a training takes in addition to the model. Rejects with a UserError, which names a remedy, if
 * they are not free.
 */
export async function checkMemory(
  model: Model,
  plan: TrainingPlan,
  free = availableMemory(),
): Promise<{ parameters: number; memoryBytes: number }> {
  const { bytes, parameters } = await model.training.size(plan)
  const memoryBytes = bytes + COPIES * 4 * parameters
  if (memoryBytes <= free) return { parameters, memoryBytes }
  throw new UserError(
    `teaching takes ${formatBytes(memoryBytes)} of memory in addition to the model, and ${formatBytes(free)} are free; ` +
      'take fewer `layers` or `experts`, or a smaller `batch`',
  )
}
