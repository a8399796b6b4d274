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
    probabilities: boolean,
  ) {
    const { layers, topKAttention, topKMlp } = config
    const size = layers * tokens * (topKAttention + topKMlp)
    this.packed = { ids: new Int32Array(size), gates: new Float32Array(size) }
    if (probabilities) this.packed.probabilities = new Float32Array(tokens * expertsBefore(config, layers, 'attention'))
  }

  /** Puts the next batch's routes behind those of the batches before, which had `done` tokens. */
  at(done: number): void {
    this.batch = done
  }

  /** The taps of a forward pass. */
  get taps(): Pick<Taps, 'routes' | 'probabilities'> {
    return { routes: this.tap, probabilities: this.packed.probabilities && this.tapProbabilities }
  }

  /** The tap of the chosen. A batch that reaches beyond the recorded tokens is cut to its last ones. */
  private readonly tap: NonNullable<Taps['routes']> = (layer, kind, ids, gates) => {
    const { topKAttention: kA, topKMlp: kM } = this.config
    const k = kind === 'attention' ? kA : kM
    const start = layer * this.tokens * (kA + kM) + (kind === 'attention' ? 0 : this.tokens * kA) + this.batch * k
    const skip = Math.max(0, ids.length - (this.tokens - this.batch) * k)
    this.packed.ids.set(skip ? ids.subarray(skip) : ids, start)
    this.packed.gates.set(skip ? gates.subarray(skip) : gates, start)
  }
  private readonly tapProbabilities: NonNullable<Taps['probabilities']> = (layer, kind, p) => {
    const experts = kind === 'attention' ? this.config.attentionExperts[layer] : this.config.mlpExperts[layer]
    const start = this.tokens * expertsBefore(this.config, layer, kind) + this.batch * experts
    const skip = Math.max(0, p.length - (this.tokens - this.batch) * experts)
    this.packed.probabilities?.set(skip ? p.subarray(skip) : p, start)
  }
}

/** Experts of the layers before one, and of its attention if the MLP is meant. */
function expertsBefore(
  { attentionExperts, mlpExperts }: ModelConfig,
  layer: number,
  kind: 'attention' | 'mlp',
): number {
  const sum = (experts: number[]) => experts.slice(0, layer).reduce((total, count) => total + count, 0)
  return sum(attentionExperts) + sum(mlpExperts) + (kind === 'mlp' ? attentionExperts[layer] : 0)
}
