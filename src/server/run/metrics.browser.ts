import type { MeasuredModel, RunMetrics } from './metrics.js'

/** A page has nobody who reads metrics. */
export class Metrics {
  constructor(_models: readonly MeasuredModel[]) {}

  of(_model: MeasuredModel): RunMetrics {
    return { queued: () => undefined, promptRead: () => undefined, generated: () => undefined }
  }
}
