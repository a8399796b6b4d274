import type { LayerRoutes } from '../../api/routes.js'
import type { ExpertPlace } from '../../insight/usage/awake.js'
import { MIXTURE_KINDS } from '../../model/config/config.js'

/** Long steps of a walk over tokens, by their keys: to the beginning of a word, the first token or the last. */
export const STRIDES = ['word-left', 'word-right', 'home', 'end'] as const
export type Stride = (typeof STRIDES)[number]

/** Index of the token that a long step from `at` leads to; -1 if there is no such token. */
export function strideFrom(at: number, to: Stride, tokens: readonly { text: string }[]): number {
  const begins = (index: number) => index === 0 || /^\s|\s$/.test(tokens[index].text + tokens[index - 1].text.at(-1))
  if (to === 'home') return 0
  if (to === 'end') return tokens.length - 1
  return to === 'word-left'
    ? tokens.findLastIndex((_, index) => index < at && begins(index))
    : tokens.findIndex((_, index) => index > at && begins(index))
}

export interface ChosenPlace extends ExpertPlace {
  gate: number
}

/** Experts that a token chose in a layer, kind by kind. */
export function chosenIn(routes: LayerRoutes, layer: number): ChosenPlace[] {
  return MIXTURE_KINDS.flatMap((kind) => {
    const { ids = [], gates } = routes[kind] ?? {}
    return Array.from(ids, (expert, slot) => ({ kind, layer, expert, gate: gates?.[slot] ?? 0 }))
  })
}

/** The place `by` steps after `from`, and from the end on to the beginning; the first or last one if `from` is not there. */
export function stepFrom<P extends ExpertPlace>(from: ExpertPlace | undefined, by: 1 | -1, places: readonly P[]): P {
  const at = places.findIndex(({ kind, expert }) => kind === from?.kind && expert === from.expert)
  if (at < 0) return by > 0 ? places[0] : places[places.length - 1]
  return places[(at + by + places.length) % places.length]
}
