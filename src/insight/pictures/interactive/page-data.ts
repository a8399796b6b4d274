import type { TokenEffect } from '../../../api/read-out.js'
import type { LayerRoutes } from '../../../api/routes.js'
import type { Mixture } from '../../../model/config/config.js'
import { alwaysChosen } from '../../../model/config/routing.js'
import type { Lens } from '../../lens.js'
import type { ExpertPlace } from '../../usage/awake.js'

/**
 * Experts of one token. Per layer, the ids and the gates of each mixture, empty if it has none; gates in hundredths, -1 if
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
        slots.map((slot) => (Number.isNaN(gates[slot]) ? -1 : Math.round(100 * gates[slot]))),
      ]
    }),
  )
}

/** Voice of an expert of a token: the words that it makes likelier and unlikelier, with its gate and its share of the stream. */
export interface PageVoice extends ExpertPlace {
  gate: number
  share: number
  up: { text: string; logit?: number }[]
  down: { text: string; logit?: number }[]
  /** Logit that an expert of the token before gave the token itself. Such experts chose it, and have no words. */
  effect?: number
}

/** Converts what the experts of a token say, for voices.ts. */
export function pageVoices({ model, experts }: Pick<Lens, 'model' | 'experts'>): PageVoice[] {
  const words = (effects: readonly TokenEffect[]) => effects.map(({ token }) => ({ text: model.textOf(token) }))
  const rounded = (value: number) => Number(value.toPrecision(3))
  return experts.map(({ gate, share, up, down, ...place }) => {
    return { ...place, gate: rounded(gate), share: rounded(share), up: words(up), down: words(down) }
  })
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
