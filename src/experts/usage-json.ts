import { type Atlas, nameIn } from './atlas.js'
import { awakeIn } from './awake.js'
import { committeesOf } from './committee.js'
import { findSpecialists, SPECIALISTS } from './comparison.js'
import type { TextRoutes } from './text-routes.js'
import { perLayer } from './usage.js'

/**
 * Usage of the experts by a text, as `molm experts --json` prints it: each field by kind and layer. A layer without
 * experts of a kind has no counts, and null for entropy and fairness.
 */
export function usageObject({ name, usage, model }: TextRoutes) {
  return {
    name,
    tokens: usage.tokens,
    awake: awakeIn(usage),
    usage: perLayer(usage, ({ counts }) => [...counts]),
    ...(model.hasGates !== false && { gate_mass: perLayer(usage, ({ gateMass }) => [...gateMass]) }),
    entropy: perLayer(usage, ({ experts, entropy }) => (experts > 0 ? entropy : null)),
    fairness: perLayer(usage, ({ experts, fairness }) => (experts > 0 ? fairness : null)),
  }
}

/** Experts that separate the texts, as `molm experts --json` prints them; with names if an atlas has them. */
export function specialistObjects(texts: readonly TextRoutes[], atlas?: Atlas) {
  return findSpecialists(texts, SPECIALISTS).map(({ text, layer, kind, expert, share, elsewhere, tokens }) => ({
    text: texts[text].name,
    layer,
    kind,
    expert,
    name: nameIn(atlas, { kind, layer, expert }),
    share,
    elsewhere,
    tokens: tokens.map(({ token, count, gateMass }) => {
      const { textOf, hasGates } = texts[text].model
      return { token, text: textOf(token), count, ...(hasGates !== false && { gate_mass: gateMass }) }
    }),
  }))
}

/** The committee of each layer and kind, as `molm experts --json` prints it; with names if an atlas has them. */
export function committeeObjects(texts: readonly TextRoutes[], atlas?: Atlas) {
  return committeesOf(texts).map(({ kind, layer, members, share, gini, fairness }) => ({
    layer,
    kind,
    experts: members.map(({ expert, share }) => ({ expert, name: nameIn(atlas, { kind, layer, expert }), share })),
    share,
    gini,
    fairness,
  }))
}
