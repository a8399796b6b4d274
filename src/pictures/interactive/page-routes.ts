import type { LayerRoutes } from '../../api/routes.js'
import type { MixtureKind } from '../../model/config.js'

/** Experts of one token. Per layer: ids and gates of each mixture, none where it has none; gates in thousandths. */
export type PageRoutes = number[][][]

/** The experts of one token as explore.ts reads them; `kinds` in the order of the section's `data-kinds`. */
export function pageRoutes(layers: readonly LayerRoutes[], kinds: readonly MixtureKind[]): PageRoutes {
  return layers.map((layer) =>
    kinds.flatMap((kind) => {
      const { ids = [], gates = [] } = layer[kind] ?? {}
      return [[...ids], Array.from(gates, (gate) => Math.round(1000 * gate))]
    }),
  )
}
