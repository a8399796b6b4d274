import type { ModelConfig } from '../model/config.js'
import type { Taps } from '../model/moduleformer.js'
import type { PackedRoutes } from './protocol.js'

/** Collects the routes of `tokens` tokens that pass through the model in one or several batches. */
export class RouteRecorder {
  readonly packed: PackedRoutes
  private batch = 0

  constructor(
    private readonly config: ModelConfig,
    private readonly tokens: number,
  ) {
    const { layers, topKAttention, topKMlp } = config
    const size = layers * tokens * (topKAttention + topKMlp)
    this.packed = { ids: new Int32Array(size), gates: new Float32Array(size) }
  }

  /** Puts the next batch's routes behind those of the batches before, which had `done` tokens. */
  at(done: number): void {
    this.batch = done
  }

  /** The tap of a forward pass. A batch that reaches beyond the recorded tokens is cut to its last ones. */
  readonly tap: NonNullable<Taps['routes']> = (layer, kind, ids, gates) => {
    const { topKAttention: kA, topKMlp: kM } = this.config
    const k = kind === 'attention' ? kA : kM
    const start = layer * this.tokens * (kA + kM) + (kind === 'attention' ? 0 : this.tokens * kA) + this.batch * k
    const skip = Math.max(0, ids.length - (this.tokens - this.batch) * k)
    this.packed.ids.set(skip ? ids.subarray(skip) : ids, start)
    this.packed.gates.set(skip ? gates.subarray(skip) : gates, start)
  }
}
