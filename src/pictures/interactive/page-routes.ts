import type { LayerRoutes } from '../../api/routes.js'
import type { MixtureKind } from '../../model/config.js'

/** Experts of one token. Per layer, the ids and the gates of each mixture, empty if it has none; gates in thousandths. */
export type PageRoutes = number[][][]

/** Converts the experts of one token for explore.ts; `kinds` in the order of the section's `data-kinds`. */
export function pageRoutes(layers: readonly LayerRoutes[], kinds: readonly MixtureKind[]): PageRoutes {
  return layers.map((layer) =>
    kinds.flatMap((kind) => {
      const { ids = [], gates = [] } = layer[kind] ?? {}
      return [[...ids], Array.from(gates, (gate) => Math.round(1000 * gate))]
    }),
  )
}
