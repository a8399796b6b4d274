import type { PerMixture } from '../../model/config/config.js'
import type { ExpertPlace } from '../usage/awake.js'

export interface AtlasToken {
  text: string
  /** Its share among the expert's tokens divided by its share among all tokens: how much more often than by chance. */
  lift: number
}

/** Preferences of an expert on which both halves of the texts agree. */
export interface AtlasEntry {
  /** Short name, made of the tokens or the kind of text: `digits`, `the, this`; absent if nothing was confirmed. */
  name?: string
  /** Share of the texts' tokens that choose the expert, from 0 to 1. */
  share: number
  /** Confirmed tokens, the most telling first. */
  tokens: AtlasToken[]
  /** Confirmed kinds of text by falling lift. */
  texts: AtlasToken[]
  /** Confirmed words, classes of tokens and kinds of text, with the share of the expert's tokens that each adds. */
  labels?: (AtlasToken & { share: number })[]
}

/** Experts of one kind in one layer that take a large share whatever the text. */
export interface AtlasCommittee {
  /** Ids of the experts that are in every kind's smallest set that does half of the work, the busiest first. */
  experts: number[]
  /** Smallest share of the work that these experts do together in any kind of text, from 0 to 1. */
  share: number
  /** Gini coefficient of the counts: 0 if all experts are used alike, near 1 if one is. */
  gini: number
  /** Jain's fairness index of the counts: 1 if all experts are used alike. */
  fairness: number
}

/** Names of a model's experts, found in some texts and confirmed in others. */
export interface Atlas {
  format: 'molm-atlas'
  version: 1
  /** Name of the model, and its numbers of experts, which a model must match to use the atlas. */
  model: { name: string; experts: PerMixture<number[]> }
  /** Kinds of text that it was made of, with their tokens in the two halves together. */
  texts: { name: string; tokens: number }[]
  /** Experts that the first half gave a name, and those among them that the second half confirmed. */
  named: number
  confirmed: number
  entries: PerMixture<AtlasEntry[][]>
  /** By kind and layer; null for a layer without experts of the kind. */
  committees: PerMixture<(AtlasCommittee | null)[]>
}

/** Name of an expert, if the atlas has one. */
export function nameIn(atlas: Atlas | undefined, { kind, layer, expert }: ExpertPlace): string | undefined {
  return atlas?.entries[kind]?.[layer]?.[expert]?.name
}
