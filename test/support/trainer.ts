import type { TrainingPlan } from '#molm/api/training.js'
import { loadWeights } from '#molm/engine/run/load.js'
import { trainingOf } from '#molm/engine/training/families/index.js'
import type { TrainedModel } from '#molm/engine/training/network.js'
import { Trainer } from '#molm/engine/training/trainer.js'
import { chooseKernels, type Tier } from '#molm/kernels/tiers/choose-kernels.js'
import { preparedModel } from '#molm/library/finding/resolve-model.js'
import { layoutOf } from '#molm/model/families/index.js'
import type { Quant } from '#molm/model/packing/format/formats.js'
import { formatsFor } from '#molm/model/packing/format/formats.js'
import type { Layout } from '#molm/model/packing/format/layout.js'

export interface TrainerOptions {
  quant?: Quant
  threads?: number
  tier?: Tier
  /** Maximum bytes of weights in one memory. */
  bankBytes?: number
}

/** Runs `use` with a trainable model on this thread. */
export async function withTrainable<T>(
  path: string,
  { quant = 'f32', threads = 1, tier, bankBytes }: TrainerOptions,
  use: (model: TrainedModel) => Promise<T> | T,
): Promise<T> {
  const { config, path: file, kind } = await preparedModel(path)
  const formats = formatsFor(quant)
  const layout: Layout = layoutOf(config, formats)
  const source = {
    config,
    formats,
    path: file,
    kind,
    memory: Number.MAX_SAFE_INTEGER,
    memoryIsGiven: false,
    free: Number.MAX_SAFE_INTEGER,
  }
  const { store, pool, close } = await loadWeights(source, chooseKernels(tier).bank, threads, bankBytes)
  try {
    return await use({ config, formats, layout, store, pool, build: trainingOf(config) })
  } finally {
    await pool.close()
    close()
  }
}

/** Runs `use` with a training that has begun, from the given weights or the model's. */
export function withTrainer<T>(
  path: string,
  options: TrainerOptions,
  plan: TrainingPlan,
  use: (trainer: Trainer, model: TrainedModel) => Promise<T> | T,
  weights?: Float32Array,
): Promise<T> {
  return withTrainable(path, options, async (model) => {
    const trainer = new Trainer(model, plan)
    try {
      trainer.begin(weights)
      return await use(trainer, model)
    } finally {
      trainer.release()
    }
  })
}

/** Runs a task to its end. */
export function finish<T>(task: Generator<undefined, T>): T {
  for (;;) {
    const { done, value } = task.next()
    if (done) return value
  }
}

/** A plan that trains all experts of all layers. */
export function wholePlan({ config }: TrainedModel, plan: Partial<TrainingPlan> = {}): TrainingPlan {
  const mixtures = config.mixtures.flatMap(({ kind, experts }) =>
    experts.map((count, layer) => ({ layer, kind, existing: Array.from({ length: count }, (_, id) => id) })),
  )
  return { mixtures, ...plan }
}
