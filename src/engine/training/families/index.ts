import { UserError } from '../../../ground/errors.js'
import type { ModelConfig } from '../../../model/config/config.js'
import { architectureOf } from '../../../model/families/index.js'
import { moduleformer } from '../../../model/families/moduleformer/moduleformer.js'
import type { Architecture } from '../../../model/families/shared/architecture.js'
import type { TrainingBlocks, TrainingWorkspace } from '../layers/training-workspace.js'
import { moduleFormerTraining } from './moduleformer.js'

/*
 * Families whose experts can be trained. The list is apart from the list of all families, so that an engine that only
 * runs a model does not load the backward pass.
 */

interface Trainable {
  architecture: Architecture
  // biome-ignore lint/suspicious/noExplicitAny: each takes the config of its architecture
  build(config: any, workspace: TrainingWorkspace): TrainingBlocks
}

const TRAINABLE: readonly Trainable[] = [{ architecture: moduleformer as Architecture, build: moduleFormerTraining }]

/** Finds what binds a bank's blocks for training. Throws a UserError if the family's experts cannot be trained. */
export function trainingOf(config: ModelConfig): (workspace: TrainingWorkspace) => TrainingBlocks {
  const architecture = architectureOf(config)
  const found = TRAINABLE.find((one) => one.architecture === architecture)
  if (!found) {
    const able = TRAINABLE.map((one) => one.architecture.title)
    throw new UserError(`experts of ${architecture.title} models cannot be trained, only those of ${able.join(', ')}`)
  }
  return (workspace) => found.build(config, workspace)
}
