import { findSpecialists } from './comparison.js'
import { SPECIALISTS } from './text-report.js'
import type { TextRoutes } from './text-routes.js'
import { perKind } from './usage.js'

/** Usage of a text, as `molm experts --json` prints it: each field by kind and layer. */
export function usageObject({ name, usage }: TextRoutes) {
  return {
    name,
    tokens: usage.tokens,
    usage: perKind(usage, ({ counts }) => [...counts]),
    gate_mass: perKind(usage, ({ gateMass }) => [...gateMass]),
    entropy: perKind(usage, ({ entropy }) => entropy),
    fairness: perKind(usage, ({ fairness }) => fairness),
  }
}

/** The experts that tell texts apart, as `molm experts --json` prints them. */
export function specialistObjects(texts: readonly TextRoutes[], textOf: (token: number) => string) {
  return findSpecialists(texts, SPECIALISTS).map(({ text, layer, kind, expert, share, elsewhere, tokens }) => ({
    text: texts[text].name,
    layer,
    kind,
    expert,
    share,
    elsewhere,
    tokens: tokens.map(({ token, count, gateMass }) => ({ token, text: textOf(token), count, gate_mass: gateMass })),
  }))
}
