import type { ExpertRoutes, LayerRoutes, MixtureKind } from '#molm/index.js'

/** Routes of a kind in a layer, which must have some. */
export function routesOf(layer: LayerRoutes | undefined, kind: MixtureKind): ExpertRoutes {
  const routes = layer?.[kind]
  if (!routes) throw new Error(`there are no routes of ${kind} experts`)
  return routes
}
