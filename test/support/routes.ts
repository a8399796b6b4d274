import type { ExpertRoutes, LayerRoutes, MixtureKind } from '#molm/index.js'

/** The routes of a kind in a layer that must have some. */
export function routesOf(layer: LayerRoutes | undefined, kind: MixtureKind): ExpertRoutes {
  const routes = layer?.[kind]
  if (!routes) throw new Error(`there are no routes of ${kind} experts`)
  return routes
}
