import type { ExpertRoutes, LayerRoutes } from '../../../api/routes.js'
import type { MixtureKind, ModelConfig, PerMixture } from '../../../model/config/config.js'
import { usedIn } from '../../../model/config/experts-per-token.js'
import type { Taps } from '../../../model/layers/taps.js'

/** Routes as the engine sends them. Each array has tokens x k values for each layer and each of its mixtures. */
export interface PackedRoutes {
  ids: Int32Array
  gates: Float32Array
  /** In the same order, but tokens x experts of the layer. */
  probabilities?: Float32Array
  /** In the order of the gates. */
  outputNorms?: Float32Array
}

/** A mixture in one layer: its values per token, and the values per token that precede them in the packed arrays. */
interface RoutePlace {
  kind: MixtureKind
  k: number
  experts: number
  chosenBefore: number
  expertsBefore: number
}

/** The two sorts of packed arrays: values of the chosen experts, or of all. */
const CHOSEN = ({ k, chosenBefore }: RoutePlace) => ({ each: k, before: chosenBefore })
const ALL = ({ experts, expertsBefore }: RoutePlace) => ({ each: experts, before: expertsBefore })

/** Records the routes of `tokens` tokens that run in one or several batches. */
export class RouteRecorder {
  readonly packed: PackedRoutes
  private readonly places: RoutePlace[][]
  private batch = 0

  constructor(
    config: ModelConfig,
    readonly tokens: number,
    options: { probabilities?: boolean; outputNorms?: boolean } = {},
  ) {
    this.places = placesOf(config)
    const perToken = (of: 'k' | 'experts') => this.places.flat().reduce((sum, place) => sum + place[of], 0)
    const [chosen, experts] = [perToken('k'), perToken('experts')]
    this.packed = { ids: new Int32Array(tokens * chosen), gates: new Float32Array(tokens * chosen) }
    if (options.outputNorms) this.packed.outputNorms = new Float32Array(tokens * chosen)
    if (options.probabilities) this.packed.probabilities = new Float32Array(tokens * experts)
  }

  /** Puts the next batch's routes after the routes of `done` tokens. */
  at(done: number): void {
    this.batch = done
  }

  /** Experts of the tokens [from, to): for each layer by kind. */
  ids(from: number, to: number): PerMixture<{ ids: Int32Array }>[] {
    const { places, packed, tokens } = this
    return places.map((layer) => {
      const idsOf = ({ k, chosenBefore }: RoutePlace) => {
        const at = tokens * chosenBefore
        return { ids: packed.ids.subarray(at + from * k, at + to * k) }
      }
      return Object.fromEntries(layer.map((place) => [place.kind, idsOf(place)]))
    })
  }

  get taps(): Pick<Taps, 'routes' | 'probabilities' | 'outputNorms'> {
    const { ids, gates, probabilities, outputNorms } = this.packed
    return {
      routes: (layer, kind, batchIds, batchGates) => {
        this.put(ids, batchIds, layer, kind, CHOSEN)
        this.put(gates, batchGates, layer, kind, CHOSEN)
      },
      probabilities: probabilities && ((layer, kind, p) => this.put(probabilities, p, layer, kind, ALL)),
      outputNorms: outputNorms && ((layer, kind, norms) => this.put(outputNorms, norms, layer, kind, CHOSEN)),
    }
  }

  /** Puts a batch's values in place. Of a batch with too many tokens, only the last ones count. */
  private put<T extends Int32Array | Float32Array>(
    all: T,
    batch: T,
    layer: number,
    kind: MixtureKind,
    sort: typeof CHOSEN,
  ): void {
    const place = this.places[layer].find((place) => place.kind === kind)
    if (!place) throw new RangeError(`layer ${layer} has no ${kind} experts`)
    const { each, before } = sort(place)
    const skip = Math.max(0, batch.length - (this.tokens - this.batch) * each)
    all.set(skip ? batch.subarray(skip) : batch, this.tokens * before + this.batch * each)
  }
}

/** Unpacks routes to the form of the library: one entry per layer, with views of the packed arrays. */
export function unpackRoutes(packed: PackedRoutes, config: ModelConfig, tokens: number): LayerRoutes[] {
  const { ids, gates, probabilities, outputNorms } = packed
  return placesOf(config).map((places) => {
    const layer: LayerRoutes = {}
    for (const place of places) {
      const view = <T extends Int32Array | Float32Array>(all: T, sort: typeof CHOSEN) => {
        const { each, before } = sort(place)
        return all.subarray(tokens * before, tokens * (before + each)) as T
      }
      layer[place.kind] = {
        ids: view(ids, CHOSEN),
        gates: view(gates, CHOSEN),
        ...(outputNorms && { outputNorms: view(outputNorms, CHOSEN) }),
        ...(probabilities && { probabilities: view(probabilities, ALL) }),
      }
    }
    return layer
  })
}

export function routesOfOne(packed: PackedRoutes, config: ModelConfig, tokens: number, i: number): PackedRoutes {
  if (tokens === 1) return packed
  const places = placesOf(config).flat()
  const one = <T extends Int32Array | Float32Array>(all: T, sort: typeof CHOSEN): T => {
    const rows = places.map((place) => {
      const { each, before } = sort(place)
      return all.subarray(tokens * before + i * each, tokens * before + (i + 1) * each)
    })
    const values = all.slice(0, all.length / tokens) as T
    let at = 0
    for (const row of rows) {
      values.set(row, at)
      at += row.length
    }
    return values
  }
  const { ids, gates, probabilities, outputNorms } = packed
  return {
    ids: one(ids, CHOSEN),
    gates: one(gates, CHOSEN),
    ...(probabilities && { probabilities: one(probabilities, ALL) }),
    ...(outputNorms && { outputNorms: one(outputNorms, CHOSEN) }),
  }
}

/** A layer's kinds of experts with their routes, in the order of use by a token. */
export function routesByKind(layer: LayerRoutes): (ExpertRoutes & { kind: MixtureKind })[] {
  const kinds = Object.entries(layer) as [MixtureKind, ExpertRoutes][]
  return kinds.map(([kind, routes]) => ({ kind, ...routes }))
}

function placesOf(config: ModelConfig): RoutePlace[][] {
  const places = known.get(config) ?? findPlaces(config)
  known.set(config, places)
  return places
}

/** A cache by config, since every generated token needs them. */
const known = new WeakMap<ModelConfig, RoutePlace[][]>()

function findPlaces({ layers, mixtures }: ModelConfig): RoutePlace[][] {
  let chosenBefore = 0
  let expertsBefore = 0
  return Array.from({ length: layers }, (_, layer) => {
    const places: RoutePlace[] = []
    for (const mixture of mixtures) {
      const { kind } = mixture
      const experts = mixture.experts[layer]
      if (experts === 0) continue
      const k = usedIn(mixture, layer)
      places.push({ kind, k, experts, chosenBefore, expertsBefore })
      chosenBefore += k
      expertsBefore += experts
    }
    return places
  })
}
