import { UsageError } from '../../ground/errors.js'
import { type Name, option, phrase } from '../../ground/message.js'
import { shown } from '../../ground/option-checks.js'
import type { Part } from '../packing/format/layout.js'
import { MIXTURE_KINDS, type Mixture, type ModelConfig, mixtureOf, type PerMixture } from './config.js'
import { alwaysChosen } from './routing.js'

/**
 * Number of experts that a token uses: one for all layers, or a list with one for each layer; or either of these by
 * kind. A list has 0 for layers without experts. Kinds that are absent keep their numbers.
 */
export type ExpertsPerToken = number | number[] | PerMixture<number | number[]>

/** Experts that a token uses in a layer; 0 if the layer has none of this kind. */
export function usedIn({ experts, topK, used }: Pick<Mixture, 'experts' | 'topK' | 'used'>, layer: number): number {
  return experts[layer] === 0 ? 0 : (used?.[layer] ?? topK)
}

/** Share of a part that a token uses: one row of the embedding table, k of a layer's experts, all of other parts. */
export function activeShare({ name, layer = 0, expert }: Part, config: ModelConfig): number {
  if (name === 'embedding') return 1 / config.vocabSize
  const mixture = expert && mixtureOf(config, expert.kind)
  return mixture ? usedIn(mixture, layer) / mixture.experts[layer] : 1
}

/** Experts that a token uses: one number if it is the same in all layers that have some, else a list. */
export function usedPerToken(mixture: Pick<Mixture, 'experts' | 'topK' | 'used'>): number | number[] {
  const { least, most } = rangeOfUsed(mixture)
  return least === most ? most : mixture.experts.map((_, layer) => usedIn(mixture, layer))
}

/** The least and the most experts that a token uses in any layer that has some. */
export function rangeOfUsed(mixture: Pick<Mixture, 'experts' | 'topK' | 'used'>): { least: number; most: number } {
  const used = mixture.experts.map((_, layer) => usedIn(mixture, layer)).filter((count) => count > 0)
  return { least: Math.min(...used), most: Math.max(...used) }
}

/**
 * Returns the config with other numbers of experts per token. Throws a UsageError, whose message begins with `name`, if
 * they do not fit the model. `most` limits them to the numbers that a loaded model has buffers for.
 */
export function withExpertsPerToken(
  config: ModelConfig,
  given: ExpertsPerToken,
  { name = option('expertsPerToken'), most }: { name?: Name | string; most?: PerMixture<number> } = {},
): ModelConfig {
  const byKind = kindsOf(given, config, name)
  const mixtures = config.mixtures.map((mixture) => {
    const numbers = byKind[mixture.kind]
    if (numbers === undefined) return mixture
    const used = usedBy(mixture, numbers, name)
    const largest = Math.max(...used)
    const limit = most?.[mixture.kind] ?? largest
    if (largest > limit) {
      throw new UsageError(
        phrase`${name} is ${largest}, but the model was loaded for at most ${limit} ${mixture.kind} experts`,
      )
    }
    const { used: _, ...rest } = mixture
    const topK = Math.max(mixture.topK, largest)
    const isFull = used.every((count, layer) => mixture.experts[layer] === 0 || count === topK)
    return { ...rest, topK, ...(!isFull && { used }) }
  })
  return { ...config, mixtures }
}

function kindsOf(
  given: ExpertsPerToken,
  { mixtures }: ModelConfig,
  name: Name | string,
): PerMixture<number | number[]> {
  if (typeof given === 'number' || Array.isArray(given)) {
    if (mixtures.length === 0) throw new UsageError(phrase`${name}: the model has no experts`)
    return Object.fromEntries(mixtures.map(({ kind }) => [kind, given]))
  }
  const isObject = typeof given === 'object' && given !== null
  const unknown = isObject
    ? Object.keys(given).find((kind) => !MIXTURE_KINDS.some((known) => known === kind))
    : undefined
  if (!isObject || unknown !== undefined) {
    const kinds = MIXTURE_KINDS.join(' and ')
    const wrong = unknown === undefined ? shown(given) : `an object with '${unknown}'`
    throw new UsageError(
      phrase`${name} must be a number, a list with one for each layer, or an object with either of these for ${kinds}, not ${wrong}`,
    )
  }
  const missing = Object.keys(given).find((kind) => !mixtures.some((mixture) => mixture.kind === kind))
  if (missing !== undefined) throw new UsageError(phrase`${name}: the model has no ${missing} experts`)
  return given
}

/** The number for each layer, checked. */
function usedBy(mixture: Mixture, numbers: number | number[], name: Name | string): number[] {
  const { kind, experts, routing } = mixture
  const isList = Array.isArray(numbers)
  if (isList && numbers.length !== experts.length) {
    throw new UsageError(phrase`${name} has ${numbers.length} numbers of ${kind} experts for ${experts.length} layers`)
  }
  return experts.map((count, layer) => {
    const used: unknown = isList ? numbers[layer] : numbers
    const place = isList ? ` (${kind}, layer ${layer})` : ''
    if (count === 0) {
      if (!isList || used === 0) return 0
      throw new UsageError(
        phrase`${name} must be 0 in layer ${layer}, which has no ${kind} experts, not ${shown(used)}`,
      )
    }
    if (!(typeof used === 'number' && Number.isInteger(used) && used >= 1)) {
      throw new UsageError(phrase`${name} must be a whole number from 1 on, not ${shown(used)}${place}`)
    }
    const refused = (why: string) => new UsageError(phrase`${name} is ${used}, but ${why}`)
    if (used > count) throw refused(`layer ${layer} has ${count} ${kind} experts`)
    const always = alwaysChosen(mixture, layer).length
    if (used < always) throw refused(`every token uses the same ${always} ${kind} experts of layer ${layer}`)
    const { groups } = routing ?? {}
    const inGroups = groups ? (groups.kept * count) / groups.count : count
    if (used > inGroups) throw refused(`a token chooses among ${inGroups} ${kind} experts in its groups`)
    return used
  })
}
