import type { ExpertRoutes, LayerRoutes } from '../api/routes.js'
import { CHUNK, type Reader, TextRoutes } from '../experts/text-routes.js'
import { MIXTURE_KINDS, type Mixture, type MixtureKind, type PerMixture } from '../model/config.js'
import type { Quant } from '../packing/format/formats.js'

/** What the page knows of the model. */
export interface PageModel {
  /** What the API calls it. */
  name: string
  quant: Quant
  config: { mixtures: Pick<Mixture, 'kind' | 'experts' | 'topK' | 'newExperts'>[] }
  /** Whether it answers messages; another continues a text. */
  isChat: boolean
}

/** A model as `/v1/models` lists it. */
export interface ModelCard {
  id: string
  meta: {
    quant: Quant
    chat_template: boolean
    experts: PerMixture<number[]>
    experts_per_token: PerMixture<number>
    newcomers?: PerMixture<number[][]>
  }
}

export function pageModel({ id, meta }: ModelCard): PageModel {
  const mixtures = MIXTURE_KINDS.flatMap((kind) => {
    const { [kind]: experts } = meta.experts
    const newExperts = meta.newcomers?.[kind]
    return experts ? [{ kind, experts, topK: meta.experts_per_token[kind] ?? 0, newExperts }] : []
  })
  return { name: id, quant: meta.quant, config: { mixtures }, isChat: meta.chat_template }
}

/** A token with its experts, as the API gives it with `routed_experts`. */
export interface RoutedToken {
  token: number
  text: string
  /** Null where the model had no place left to read it. */
  experts: ({ layer: number } & PerMixture<{ ids: number[]; gates: number[] }>)[] | null
}

/** The experts of one token, an entry per layer, as the rest of molm has them. */
export function layerRoutes({ experts }: RoutedToken, { config: { mixtures } }: PageModel): LayerRoutes[] {
  const layers: LayerRoutes[] = Array.from({ length: mixtures[0]?.experts.length ?? 0 }, () => ({}))
  for (const { layer, ...chosen } of experts ?? []) {
    for (const { kind } of mixtures) {
      const routes = chosen[kind]
      if (routes) layers[layer][kind] = { ids: Int32Array.from(routes.ids), gates: Float32Array.from(routes.gates) }
    }
  }
  return layers
}

/** A text whose tokens and experts came from the API, for figures of it. */
export function textRoutes(name: string, tokens: readonly RoutedToken[], model: PageModel): TextRoutes {
  const texts = new Map(tokens.map(({ token, text }) => [token, text]))
  const reader: Reader = { ...model, textOf: (token) => texts.get(token) ?? '' }
  const ids = tokens.map(({ token }) => token)
  const read = new TextRoutes(name, ids, reader)
  for (let first = 0; first < tokens.length; first += CHUNK) {
    const chunk = tokens.slice(first, first + CHUNK).map((token) => layerRoutes(token, model))
    const layers = chunk[0].map((own, layer) => {
      const kinds = Object.keys(own) as MixtureKind[]
      return Object.fromEntries(kinds.map((kind) => [kind, rows(chunk.map((routes) => routes[layer][kind]))]))
    })
    read.add(layers, chunk.length)
  }
  return read
}

/** What several tokens chose, one row after another. */
function rows(tokens: readonly (ExpertRoutes | undefined)[]): ExpertRoutes {
  const all = tokens.map((routes) => routes ?? { ids: new Int32Array(), gates: new Float32Array() })
  return {
    ids: Int32Array.from(all.flatMap(({ ids }) => [...ids])),
    gates: Float32Array.from(all.flatMap(({ gates }) => [...gates])),
  }
}
