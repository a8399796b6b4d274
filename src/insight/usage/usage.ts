import type { ExpertRoutes, LayerRoutes } from '../../api/routes.js'
import { type Mixture, type MixtureKind, type PerMixture, perMixture } from '../../model/config/config.js'

/** Number of experts in each layer, by mixture: the part of a config that usage needs. */
export interface ExpertShape {
  mixtures: readonly Pick<Mixture, 'kind' | 'experts'>[]
}

const NONE = new Float32Array()

export class LayerUsage {
  readonly counts: Float64Array
  readonly gateMass: Float64Array
  /** Sum of gate times L2 norm of the expert's output; 0 if the norms were not reported. */
  readonly outputMass: Float64Array
  /** Sum of the router's scores of each expert, over all tokens; 0 if these were not reported. */
  readonly scoreMass: Float64Array

  constructor(readonly experts: number) {
    this.counts = new Float64Array(experts)
    this.gateMass = new Float64Array(experts)
    this.outputMass = new Float64Array(experts)
    this.scoreMass = new Float64Array(experts)
  }

  /** Adds the choices of some tokens; `times` of -1 subtracts them again. */
  add({ ids, gates, outputNorms, probabilities = NONE }: ExpertRoutes, times: 1 | -1 = 1): void {
    for (let i = 0; i < ids.length; i++) {
      const expert = ids[i]
      // A trace may lack some tokens' experts.
      if (expert < 0) continue
      this.counts[expert] += times
      this.gateMass[expert] += times * gates[i]
      if (outputNorms) this.outputMass[expert] += times * gates[i] * outputNorms[i]
    }
    for (let i = 0; i < probabilities.length; i++) this.scoreMass[i % this.experts] += times * probabilities[i]
  }

  /** Share of the layer's gates that an expert has. */
  gateShare(expert: number): number {
    return this.gateMass[expert] / sum(this.gateMass)
  }

  /** Shannon entropy of the choices in bits: log2(experts) if all experts are used alike, 0 if only one is used. */
  get entropy(): number {
    const total = sum(this.counts)
    let bits = 0
    for (const count of this.counts) if (count > 0) bits -= (count / total) * Math.log2(count / total)
    return bits
  }

  /** Jain's fairness index of the counts: 1 if all experts are used alike, 1 / experts if one is; 0 without tokens. */
  get fairness(): number {
    const total = sum(this.counts)
    if (total === 0) return 0
    return total ** 2 / (this.experts * this.counts.reduce((squares, count) => squares + count ** 2, 0))
  }

  /** Gini coefficient of the counts: 0 if all experts are used alike or none is, close to 1 if one does all the work. */
  get gini(): number {
    const total = sum(this.counts)
    if (total === 0) return 0
    const weighted = this.counts.toSorted().reduce((sum, count, i) => sum + (i + 1) * count, 0)
    return (2 * weighted) / (this.experts * total) - (this.experts + 1) / this.experts
  }
}

/** Usage of one kind of experts, layer by layer; a layer without any has a usage of 0 experts. */
export interface MixtureUsage {
  kind: MixtureKind
  layers: LayerUsage[]
}

export class ExpertUsage {
  /** One entry for each kind, in the order of the model. */
  readonly mixtures: readonly MixtureUsage[]
  tokens = 0

  constructor({ mixtures }: ExpertShape) {
    this.mixtures = mixtures.map(({ kind, experts }) => ({ kind, layers: experts.map((n) => new LayerUsage(n)) }))
  }

  /** Usage that is known by its counts only, by kind and layer. */
  static counted(shape: ExpertShape, counts: PerMixture<ArrayLike<number>[]>, tokens: number): ExpertUsage {
    const usage = new ExpertUsage(shape)
    for (const { kind, layers } of usage.mixtures) {
      for (const [layer, own] of layers.entries()) own.counts.set(counts[kind]?.[layer] ?? [])
    }
    usage.tokens = tokens
    return usage
  }

  /** Usage of the experts of one kind in one layer. Throws a RangeError if the model has no such mixture. */
  of(kind: MixtureKind, layer: number): LayerUsage {
    const usage = this.mixtures.find((mixture) => mixture.kind === kind)?.layers[layer]
    if (!usage) throw new RangeError(`there is no usage of ${kind} experts in layer ${layer}`)
    return usage
  }

  get layers(): number {
    return this.mixtures[0]?.layers.length ?? 0
  }

  /** Adds the routes of `tokens` tokens, one entry per layer, as `forward` gives them; `times` of -1 subtracts them. */
  add(routes: readonly LayerRoutes[], tokens: number, times: 1 | -1 = 1): void {
    for (const { kind, layers } of this.mixtures) {
      for (const [layer, usage] of layers.entries()) {
        const chosen = routes[layer][kind]
        if (chosen) usage.add(chosen, times)
      }
    }
    this.tokens += times * tokens
  }
}

export function perLayer<T>({ mixtures }: ExpertUsage, of: (layer: LayerUsage) => T): PerMixture<T[]> {
  return perMixture(mixtures, ({ layers }) => layers.map(of))
}

function sum(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0)
}
