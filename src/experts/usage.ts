import { UserError } from '../errors.js'
import type { ExpertRoutes, LayerRoutes } from '../generation/types.js'
import { isObject } from '../json.js'
import { MIXTURE_KINDS, type Mixture, type MixtureKind, type PerMixture, perMixture } from '../model/config.js'

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
  /** experts x experts: tokens that chose both; symmetric, with the counts on the diagonal. */
  readonly together: Float64Array

  constructor(readonly experts: number) {
    this.counts = new Float64Array(experts)
    this.gateMass = new Float64Array(experts)
    this.outputMass = new Float64Array(experts)
    this.together = new Float64Array(experts * experts)
  }

  /** Adds the choices of some tokens, k a token; with -1 for `times` it takes back what was added. */
  add({ ids, gates, outputNorms }: ExpertRoutes, tokens: number, times: 1 | -1 = 1): void {
    const k = ids.length / tokens
    for (let i = 0; i < ids.length; i++) {
      const expert = ids[i]
      this.counts[expert] += times
      this.gateMass[expert] += times * gates[i]
      if (outputNorms) this.outputMass[expert] += times * gates[i] * outputNorms[i]
      const first = i - (i % k)
      for (let j = first; j < first + k; j++) this.together[expert * this.experts + ids[j]] += times
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
        if (chosen) usage.add(chosen, tokens, times)
      }
    }
    this.seen += times * tokens
  }

  /** What `fromJson` reads back. */
  toJSON(): SavedUsage {
    return { format: FORMAT, version: VERSION, tokens: this.seen, ...perLayer(this, savedLayer) }
  }

  /** Reads what JSON.stringify made of a usage; throws a UserError that names `where` when it is no such thing. */
  static fromJson(json: unknown, where: string): ExpertUsage {
    const saved = checkSaved(json, where)
    const mixtures = MIXTURE_KINDS.flatMap((kind) => {
      const layers = saved[kind]
      return layers ? [{ kind, experts: layers.map(({ counts }) => counts.length), layers }] : []
    })
    const usage = new ExpertUsage({ mixtures })
    usage.seen = saved.tokens
    for (const { kind, layers } of mixtures) {
      for (const [layer, from] of layers.entries()) {
        const { counts, gateMass, outputMass, together } = usage.of(kind, layer)
        counts.set(from.counts)
        gateMass.set(from.gate_mass)
        outputMass.set(from.output_mass)
        together.set(from.together.flat())
      }
    }
    return usage
  }
}

/** The same function of all mixtures, layer by layer. */
export function perLayer<T>({ mixtures }: ExpertUsage, of: (layer: LayerUsage) => T): PerMixture<T[]> {
  return perMixture(mixtures, ({ layers }) => layers.map(of))
}

const FORMAT = 'molm-usage'
const VERSION = 1

interface SavedLayer {
  counts: number[]
  gate_mass: number[]
  output_mass: number[]
  together: number[][]
}

interface SavedUsage extends PerMixture<SavedLayer[]> {
  format: typeof FORMAT
  version: typeof VERSION
  tokens: number
}

function savedLayer({ counts, gateMass, outputMass, together, experts }: LayerUsage): SavedLayer {
  return {
    counts: [...counts],
    gate_mass: [...gateMass],
    output_mass: [...outputMass],
    together: Array.from({ length: experts }, (_, e) => [...together.subarray(e * experts, (e + 1) * experts)]),
  }
}

function checkSaved(json: unknown, where: string): SavedUsage {
  if (!isObject(json) || json.format !== FORMAT) throw new UserError(`${where}: not a usage of experts saved by molm`)
  if (json.version !== VERSION) {
    throw new UserError(`${where}: version ${String(json.version)} of saved usage; this molm reads version ${VERSION}`)
  }
  const whole =
    isAmount(json.tokens) &&
    MIXTURE_KINDS.some((kind) => kind in json) &&
    MIXTURE_KINDS.every((kind) => {
      const layers = json[kind]
      return layers === undefined || (Array.isArray(layers) && layers.every(isSavedLayer))
    })
  if (!whole) throw new UserError(`${where}: the saved usage is not whole`)
  return json as unknown as SavedUsage
}

function isSavedLayer(value: unknown): boolean {
  if (!isObject(value) || !Array.isArray(value.counts)) return false
  const experts = value.counts.length
  const { counts, gate_mass: gateMass, output_mass: outputMass, together } = value
  return (
    isRow(counts, experts) &&
    isRow(gateMass, experts) &&
    isRow(outputMass, experts) &&
    Array.isArray(together) &&
    together.length === experts &&
    together.every((row) => isRow(row, experts))
  )
}

function isRow(value: unknown, length: number): boolean {
  return Array.isArray(value) && value.length === length && value.every(isAmount)
}

function isAmount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
}

function sum(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0)
}
