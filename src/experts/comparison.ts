import type { MixtureKind } from '../model/config.js'
import type { NamedUsage, TextRoutes } from './text-routes.js'

/** An expert's position in a model. */
export interface ExpertAddress {
  kind: MixtureKind
  layer: number
  expert: number
}

/** A token that wakes an expert, with the number of times and the sum of the gates. */
export interface WakingToken {
  token: number
  count: number
  gateMass: number
}

/** An expert that one text uses more than the others. */
export interface Specialist extends ExpertAddress {
  /** Index of the text. */
  text: number
  /** Share of the text's tokens that choose the expert. */
  share: number
  /** Mean of that share over the other texts. */
  elsewhere: number
  /** The text's tokens with the largest gate mass for the expert, largest first. */
  tokens: WakingToken[]
}

/** Specialists that a report lists, and tokens of each. */
export const SPECIALISTS = 12
const SPECIALIST_TOKENS = 8

/** Share of a text's tokens that choose an expert, from 0 to 1. */
export function shareOf({ usage }: NamedUsage, { kind, layer, expert }: ExpertAddress): number {
  return usage.tokens === 0 ? 0 : usage.of(kind, layer).counts[expert] / usage.tokens
}

/** Share of a text's tokens that choose an expert, minus the mean share in the other texts: from -1 to 1. */
export function preference(texts: readonly TextRoutes[], text: number, address: ExpertAddress): number {
  return shareOf(texts[text], address) - elsewhere(texts, text, address)
}

/** Whether a comparison includes an expert. */
export type Includes = (address: ExpertAddress) => boolean

const ALL: Includes = () => true

/** Largest share of its tokens that any text gives to one expert. */
export function largestShare(texts: readonly NamedUsage[], includes = ALL): number {
  let most = 0
  for (const text of texts) {
    for (const address of everyExpert(text, includes)) most = Math.max(most, shareOf(text, address))
  }
  return most || 1
}

/** Largest absolute preference of any text for any expert. */
export function largestPreference(texts: readonly TextRoutes[], includes = ALL): number {
  let most = 0
  for (const address of everyExpert(texts[0], includes)) {
    for (let i = 0; i < texts.length; i++) most = Math.max(most, Math.abs(preference(texts, i, address)))
  }
  return most || 1
}

/**
 * Finds the `count` experts that separate the texts best: those with the strongest preference, each for its text. Omits
 * preferences that two samples of one text could show by chance.
 */
export function findSpecialists(texts: readonly TextRoutes[], count: number, includes = ALL): Specialist[] {
  return everyExpert(texts[0], includes)
    .flatMap((address) => texts.map((_, text) => ({ ...address, text, by: preference(texts, text, address) })))
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
export function wakingTokens(text: TextRoutes, { kind, layer, expert }: ExpertAddress, count: number): WakingToken[] {
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

/** Standard error of a preference if all texts were alike: that of a difference of two shares. */
function noise(texts: readonly TextRoutes[], text: number, address: ExpertAddress): number {
  const others = texts.filter((_, i) => i !== text)
  const [own, rest] = [texts[text].tokens.length, others.reduce((sum, { tokens }) => sum + tokens.length, 0)]
  const counts = texts.reduce((sum, { usage }) => sum + usage.of(address.kind, address.layer).counts[address.expert], 0)
  const pooled = counts / Math.max(1, own + rest)
  return Math.sqrt(pooled * (1 - pooled) * (1 / Math.max(1, own) + 1 / Math.max(1, rest)))
}

function everyExpert({ usage }: NamedUsage, includes: Includes): ExpertAddress[] {
  const all = usage.mixtures.flatMap(({ kind, layers }) =>
    layers.flatMap(({ experts }, layer) => Array.from({ length: experts }, (_, expert) => ({ kind, layer, expert }))),
  )
  return all.filter(includes)
}

function elsewhere(texts: readonly TextRoutes[], text: number, address: ExpertAddress): number {
  const others = texts.filter((_, i) => i !== text)
  return others.reduce((sum, other) => sum + shareOf(other, address), 0) / Math.max(1, others.length)
}
