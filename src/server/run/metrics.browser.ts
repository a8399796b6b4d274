import type { MeasuredModel, RunMetrics } from './metrics.js'

/** No program reads the metrics of a page. */
export class Metrics {
  of(_model: MeasuredModel): RunMetrics {
    return { queued: () => undefined, promptRead: () => undefined, generated: () => undefined }
  }
}
