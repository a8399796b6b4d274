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
    options: { probabilities: boolean; outputNorms?: boolean },
  ) {
    const { layers, topKAttention, topKMlp } = config
    const size = layers * tokens * (topKAttention + topKMlp)
    this.packed = { ids: new Int32Array(size), gates: new Float32Array(size) }
    if (options.outputNorms) this.packed.outputNorms = new Float32Array(size)
    if (options.probabilities)
      this.packed.probabilities = new Float32Array(tokens * expertsBefore(config, layers, 'attention'))
  }

  /** Puts the next batch's routes behind those of the batches before, which had `done` tokens. */
  at(done: number): void {
    this.batch = done
  }

  /** The taps of a forward pass. */
  get taps(): Pick<Taps, 'routes' | 'probabilities' | 'outputNorms'> {
    const { ids, gates, probabilities, outputNorms } = this.packed
    return {
      routes: (layer, kind, batchIds, batchGates) => {
        this.put(ids, batchIds, layer, kind)
        this.put(gates, batchGates, layer, kind)
      },
      probabilities: probabilities && this.tapProbabilities,
      outputNorms: outputNorms && ((layer, kind, norms) => this.put(outputNorms, norms, layer, kind)),
    }
  }

  /** Puts values of the chosen, k a token, in their place. A batch beyond the recorded tokens is cut to its last ones. */
  private put<T extends Int32Array | Float32Array>(all: T, batch: T, layer: number, kind: 'attention' | 'mlp'): void {
    const { topKAttention: kA, topKMlp: kM } = this.config
    const k = kind === 'attention' ? kA : kM
    const start = layer * this.tokens * (kA + kM) + (kind === 'attention' ? 0 : this.tokens * kA) + this.batch * k
    const skip = Math.max(0, batch.length - (this.tokens - this.batch) * k)
    all.set(skip ? batch.subarray(skip) : batch, start)
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
