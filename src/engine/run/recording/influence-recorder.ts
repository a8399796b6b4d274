import type { ExpertInfluence } from '../../../api/session.js'
import type { MixtureKind, ModelConfig, PerMixture } from '../../../model/config/config.js'
import { perMixture } from '../../../model/config/config.js'
import type { Taps } from '../../../model/layers/taps.js'

/** Values of a mixture's items, kept until its block ends. */
interface Pending {
  kind: MixtureKind
  ids: Int32Array
  gates: Float32Array
  /** Squares of the L2 norms, one per item. */
  inner: Float64Array
  outputs: Float64Array
}

/** Sums the influence of experts over the tokens of a request. */
export class InfluenceRecorder {
  readonly sums: PerMixture<ExpertInfluence[]>
  /** Mixtures of the block that runs. */
  private pending: Pending[] = []

  constructor({ mixtures }: ModelConfig) {
    this.sums = perMixture(mixtures, ({ experts }) =>
      experts.map((count) => ({ inner: new Float64Array(count), outputs: new Float64Array(count) })),
    )
  }

  readonly routes: NonNullable<Taps['routes']> = (_layer, kind, ids, gates) => {
    const none = new Float64Array()
    this.pending.push({ kind, ids: ids.slice(), gates: gates.slice(), inner: none, outputs: none })
  }

  readonly outputs: NonNullable<Taps['outputs']> = (_layer, _kind, items, row) => {
    this.last.outputs = squaresOf(items, row)
  }

  readonly inner: NonNullable<Taps['inner']> = (_layer, _kind, items, row) => {
    this.last.inner = squaresOf(items, row)
  }

  readonly residual: NonNullable<Taps['residual']> = (layer, tokens, row) => {
    const residual = squaresOf(tokens, row)
    for (const { kind, ids, gates, inner, outputs } of this.pending) {
      const sums = this.sums[kind]?.[layer]
      const k = ids.length / tokens
      if (!sums) continue
      for (let item = 0; item < ids.length; item++) {
        const x = residual[Math.floor(item / k)]
        if (x === 0) continue
        const factor = gates[item] ** 2 / x
        sums.inner[ids[item]] += factor * inner[item]
        sums.outputs[ids[item]] += factor * outputs[item]
      }
    }
    this.pending = []
  }

  private get last(): Pending {
    return this.pending[this.pending.length - 1]
  }
}

function squaresOf(count: number, row: (index: number) => Float32Array): Float64Array {
  return Float64Array.from({ length: count }, (_, i) => row(i).reduce((sum, value) => sum + value * value, 0))
}
