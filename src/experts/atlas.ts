import type { PerMixture } from '../model/config.js'
import type { ExpertPlace } from './awake.js'

/** A token that an expert prefers. */
export interface AtlasToken {
  text: string
  /** Its share among the expert's tokens divided by its share among all tokens: how much more often than by chance. */
  lift: number
}

/** Preferences of an expert on which both halves of the texts agree. */
export interface AtlasEntry {
  /** Short name, made of the tokens or the kind of text: `digits: 5 0 8`; absent if nothing was confirmed. */
  name?: string
  /** Confirmed tokens, by falling lift. */
  tokens: AtlasToken[]
  /** Confirmed kinds of text by falling lift. */
  texts: AtlasToken[]
}

/** Names of a model's experts, found in some texts and confirmed in others. */
export interface Atlas {
  format: 'molm-atlas'
  version: 1
  /** Name of the model, and its numbers of experts, which a model must match to use the atlas. */
  model: { name: string; experts: PerMixture<number[]> }
  /** Kinds of text that it was made of, with their tokens in the two halves together. */
  texts: { name: string; tokens: number }[]
  /** Names that the first half gave, and those among them that the second half confirmed. */
  named: number
  confirmed: number
  /** By kind, layer and expert. */
  entries: PerMixture<AtlasEntry[][]>
}

/** Name of an expert, if the atlas has one. */
export function nameIn(atlas: Atlas | undefined, { kind, layer, expert }: ExpertPlace): string | undefined {
  return atlas?.entries[kind]?.[layer]?.[expert]?.name
}
