import type { ExpertRoutes, LayerRoutes } from '../api/routes.js'
import { type Mixture, type MixtureKind, type PerMixture, perMixture } from '../model/config.js'

/** Experts of each layer, by mixture: all that usage needs to know of a model. */
export interface ExpertShape {
  mixtures: readonly Pick<Mixture, 'kind' | 'experts'>[]
}

/** How often the experts of one kind in one layer were chosen, and with what gates. */
export class LayerUsage {
  /** Times that each expert was chosen. */
  readonly counts: Float64Array
  /** Sum of each expert's gates. */
  readonly gateMass: Float64Array
  /** Sum of gate times L2 norm of the expert's output; 0 where the norms were not reported. */
  readonly outputMass: Float64Array

  constructor(readonly experts: number) {
    this.counts = new Float64Array(experts)
    this.gateMass = new Float64Array(experts)
    this.outputMass = new Float64Array(experts)
  }

  /** Adds the choices of some tokens; with -1 for `times` it takes back what was added. */
  add({ ids, gates, outputNorms }: ExpertRoutes, times: 1 | -1 = 1): void {
    for (let i = 0; i < ids.length; i++) {
      const expert = ids[i]
      this.counts[expert] += times
      this.gateMass[expert] += times * gates[i]
      if (outputNorms) this.outputMass[expert] += times * gates[i] * outputNorms[i]
    }
  }

  /** Shannon entropy, in bits, of which expert a choice falls on: log2(experts) when all are used alike, 0 when one is. */
  get entropy(): number {
    const total = sum(this.counts)
    let bits = 0
    for (const count of this.counts) if (count > 0) bits -= (count / total) * Math.log2(count / total)
    return bits
  }

  /** Jain's fairness index of the counts: 1 when all experts are used alike, 1 / experts when one is; 0 without tokens. */
  get fairness(): number {
    const total = sum(this.counts)
    if (total === 0) return 0
    return total ** 2 / (this.experts * this.counts.reduce((squares, count) => squares + count ** 2, 0))
  }
}

/** How the experts of one mixture were used, layer by layer; where a layer has none, its usage is one of no experts. */
export interface MixtureUsage {
  kind: MixtureKind
  layers: LayerUsage[]
}

/** How the experts of a model were used by the tokens of a text. */
export class ExpertUsage {
  /** In the order of the model. */
  readonly mixtures: readonly MixtureUsage[]
  private seen = 0

  constructor({ mixtures }: ExpertShape) {
    this.mixtures = mixtures.map(({ kind, experts }) => ({ kind, layers: experts.map((n) => new LayerUsage(n)) }))
  }

  /** Usage of the experts of one kind in one layer. Throws a RangeError where the model has no such mixture. */
  of(kind: MixtureKind, layer: number): LayerUsage {
    const usage = this.mixtures.find((mixture) => mixture.kind === kind)?.layers[layer]
    if (!usage) throw new RangeError(`there is no usage of ${kind} experts in layer ${layer}`)
    return usage
  }

  /** Layers of the model. */
  get layers(): number {
    return this.mixtures[0]?.layers.length ?? 0
  }

  /** Tokens added so far. */
  get tokens(): number {
    return this.seen
  }

  /**
   * Adds what `forward` or a step reports, one entry per layer, for as many tokens as it was given; with -1 for `times` it
   * takes back what was added.
   */
  add(routes: readonly LayerRoutes[], tokens: number, times: 1 | -1 = 1): void {
    for (const { kind, layers } of this.mixtures) {
      for (const [layer, usage] of layers.entries()) {
        const chosen = routes[layer][kind]
        if (chosen) usage.add(chosen, times)
      }
    }
    this.seen += times * tokens
  }
}

/** The same function of all mixtures, layer by layer. */
export function perLayer<T>({ mixtures }: ExpertUsage, of: (layer: LayerUsage) => T): PerMixture<T[]> {
  return perMixture(mixtures, ({ layers }) => layers.map(of))
}

function sum(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0)
}
