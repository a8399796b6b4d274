import { type ExpertPlace, everyExpert } from './awake.js'
import type { NamedUsage, TextRoutes } from './text-routes.js'

/** A token that wakes an expert, with the number of times and the sum of the gates. */
export interface WakingToken {
  token: number
  count: number
  gateMass: number
}

export interface Specialist extends ExpertPlace {
  text: number
  share: number
  elsewhere: number
  tokens: WakingToken[]
}

/** Specialists that a report lists, and tokens of each. */
export const SPECIALISTS = 12
const SPECIALIST_TOKENS = 8

/** Share of a text's tokens that choose an expert, from 0 to 1. */
export function shareOf({ usage }: NamedUsage, { kind, layer, expert }: ExpertPlace): number {
  return usage.tokens === 0 ? 0 : usage.of(kind, layer).counts[expert] / usage.tokens
}

/** Share of a text's tokens that choose an expert, minus the mean share in the other texts: from -1 to 1. */
export function preference(texts: readonly TextRoutes[], text: number, place: ExpertPlace): number {
  return shareOf(texts[text], place) - elsewhere(texts, text, place)
}

export type Includes = (place: ExpertPlace) => boolean

const ALL: Includes = () => true

/** Largest amount of an expert in any of the texts; 1 if it is 0. */
export function largestOf(
  texts: readonly NamedUsage[],
  includes: Includes,
  amount: (text: number, place: ExpertPlace) => number,
): number {
  const amounts = everyExpert(texts[0].usage)
    .filter(includes)
    .flatMap((place) => texts.map((_, text) => amount(text, place)))
  return amounts.reduce((most, amount) => Math.max(most, amount), 0) || 1
}

/**
 * Finds the `count` experts that separate the texts best: those with the strongest preference, each for its text. Omits
 * preferences that two samples of one text could show by chance.
 */
export function findSpecialists(texts: readonly TextRoutes[], count: number, includes = ALL): Specialist[] {
  return everyExpert(texts[0].usage)
    .filter(includes)
    .flatMap((place) => texts.map((_, text) => ({ ...place, text, by: preference(texts, text, place) })))
    .filter(({ by, ...found }) => by > NOTABLE * noise(texts, found.text, found))
    .sort((a, b) => b.by - a.by)
    .slice(0, count)
    .map(({ by: _, ...found }) => ({
      ...found,
      share: shareOf(texts[found.text], found),
      elsewhere: elsewhere(texts, found.text, found),
      tokens: wakingTokens(texts[found.text], found, SPECIALIST_TOKENS),
    }))
}

/** Finds the `count` tokens of the vocabulary that give an expert the largest gate mass in a text. */
export function wakingTokens(text: TextRoutes, { kind, layer, expert }: ExpertPlace, count: number): WakingToken[] {
  const found = new Map<number, WakingToken>()
  for (const [index, token] of text.tokens.entries()) {
    const routes = text.chosen(index, layer, kind)
    const slot = routes?.ids.indexOf(expert) ?? -1
    if (!routes || slot < 0) continue
    const entry = found.get(token) ?? { token, count: 0, gateMass: 0 }
    entry.count++
    entry.gateMass += routes.gates[slot]
    found.set(token, entry)
  }
  return [...found.values()]
    .sort((a, b) => b.gateMass - a.gateMass || b.count - a.count || a.token - b.token)
    .slice(0, count)
}

/** Minimum standard errors of a difference; among some hundreds of experts, chance alone gives smaller ones. */
export const NOTABLE = 3

/** Standard error of a preference, which is a difference of two shares, if all texts were alike. */
function noise(texts: readonly TextRoutes[], text: number, place: ExpertPlace): number {
  const own = texts[text].tokens.length
  const rest = texts.reduce((sum, { tokens }) => sum + tokens.length, -own)
  const counts = texts.reduce((sum, { usage }) => sum + usage.of(place.kind, place.layer).counts[place.expert], 0)
  const pooled = counts / Math.max(1, own + rest)
  return Math.sqrt(pooled * (1 - pooled) * (1 / Math.max(1, own) + 1 / Math.max(1, rest)))
}

function elsewhere(texts: readonly TextRoutes[], text: number, place: ExpertPlace): number {
  const others = texts.filter((_, i) => i !== text)
  return others.reduce((sum, other) => sum + shareOf(other, place), 0) / Math.max(1, others.length)
}
