import type { LayerRoutes } from '../../../api/routes.js'
import type { Mixture } from '../../../model/config/config.js'
import { alwaysChosen } from '../../../model/config/routing.js'

/**
 * Experts of one token. Per layer, the ids and the gates of each mixture, empty if it has none; gates in thousandths, -1 if
 * they are not known.
 */
export type PageRoutes = number[][][]

/**
 * Converts the experts of one token for explore.ts; `mixtures` in the order of the section's `data-kinds`. Experts that every
 * token uses come last, so that the first one is the router's choice.
 */
export function pageRoutes(
  layers: readonly LayerRoutes[],
  mixtures: readonly Pick<Mixture, 'kind' | 'routing'>[],
): PageRoutes {
  return layers.map((routes, layer) =>
    mixtures.flatMap((mixture) => {
      const { ids = [], gates = [] } = routes[mixture.kind] ?? {}
      const always = alwaysChosen(mixture, layer)
      const isAlways = (slot: number) => Number(always.includes(ids[slot]))
      const slots = [...ids.keys()].sort((a, b) => isAlways(a) - isAlways(b))
      return [
        slots.map((slot) => ids[slot]),
        slots.map((slot) => (Number.isNaN(gates[slot]) ? -1 : Math.round(1000 * gates[slot]))),
      ]
    }),
  )
}

/** An amount for each token, as a step of the ramp; null for a token without one. */
export interface PageAmounts {
  steps: (number | null)[]
  /** Meanings of the ramp's ends. */
  from: string
  to: string
}

/** A colour on a light page and on a dark one. */
export type Tint = [light: string, dark: string]

/** Colours of a text. Each is a pair: for light and for dark pages. */
export interface PageColours {
  experts: Tint[]
  ramp: Tint[]
  surprise?: PageAmounts
  sleepers: PageAmounts
}
