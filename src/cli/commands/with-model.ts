import type { Model } from '../../api/model.js'
import { interruptSignal } from '../io/interrupt.js'
import { note } from '../io/output.js'
import { loadOptions, type ModelOptions, modelName } from '../parsing/options.js'

/** A loaded model, and the time to load it. */
export interface TimedModel {
  model: Model
  loadMs: number
}

/** Loads the model of the options, runs `use` with it, and disposes it. */
export async function withModel<T>(options: ModelOptions, use: (loaded: TimedModel) => Promise<T>): Promise<T> {
  const start = performance.now()
  const { loadModel } = await import('../../library/load-model.js')
  const model = await loadModel(modelName(options.model), {
    ...loadOptions(options),
    onWarning: (message) => options.quiet || note(`warning: ${message}`),
    signal: interruptSignal(),
  })
  try {
    return await use({ model, loadMs: performance.now() - start })
  } finally {
    await model.dispose()
  }
}
