import type { ExpertRoutes, LayerRoutes } from '../../api/routes.js'
import { routesByKind } from '../../engine/run/messages/route-codec.js'

/** Takes the routes of token number `token` out of the routes of `tokens` tokens in a layer. */
export function routesOfToken(layer: LayerRoutes, token: number, tokens: number): LayerRoutes {
  const own: LayerRoutes = {}
  for (const chosen of routesByKind(layer)) {
    const experts = expertsOfToken(chosen, token, tokens)
    // A trace may lack them.
    if (!(experts.ids[0] < 0)) own[chosen.kind] = experts
  }
  return own
}

export function expertsOfToken({ ids, gates, probabilities }: ExpertRoutes, token: number, tokens: number) {
  const row = <T extends Int32Array | Float32Array>(all: T) => {
    const size = all.length / tokens
    return all.subarray(token * size, (token + 1) * size) as T
  }
  return { ids: row(ids), gates: row(gates), ...(probabilities && { probabilities: row(probabilities) }) }
}

/** Joins the routes of single tokens, in order; scores of experts that were not chosen are left out. */
export function joinRoutes(tokens: readonly (readonly LayerRoutes[])[]): LayerRoutes[] {
  const [first = []] = tokens
  return first.map((own, layer) => {
    const joined: LayerRoutes = {}
    for (const { kind } of routesByKind(own)) {
      const routes = tokens.map((token) => token[layer][kind] as ExpertRoutes)
      joined[kind] = {
        ids: Int32Array.from(routes.flatMap(({ ids }) => [...ids])),
        gates: Float32Array.from(routes.flatMap(({ gates }) => [...gates])),
      }
    }
    return joined
  })
}
