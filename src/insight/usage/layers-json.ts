import type { Step } from '../../api/generation.js'
import type { ExpertRoutes, LayerRoutes } from '../../api/routes.js'
import { routesByKind } from '../../engine/run/messages/route-codec.js'
import { perMixture } from '../../model/config/config.js'

/** Experts that a step's token woke when it was read, layer by layer; null if it was not read. */
export function expertsOf({ routes }: Pick<Step, 'routes'>) {
  return routes ? layersOf(routes) : null
}

/** One token's experts, layer by layer, for JSON: `{ layer, attention?: { ids, gates }, mlp?: { ids, gates } }`. */
export function layersOf(routes: readonly LayerRoutes[]) {
  return routes.map((experts, layer) => ({ layer, ...perMixture(routesByKind(experts), plain) }))
}

/** Leaves out gates that are not known. */
function plain({ ids, gates }: ExpertRoutes) {
  return { ids: [...ids], ...(!Number.isNaN(gates[0]) && { gates: Array.from(gates, shortestFloat32) }) }
}

/** Shortest decimal that reads back as the same float32. */
function shortestFloat32(value: number): number {
  for (let digits = 6; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits))
    if (Math.fround(short) === value) return short
  }
  return Number(value.toPrecision(9))
}
