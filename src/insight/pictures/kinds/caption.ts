import { printable } from '../../../ground/printable.js'
import { type Mixture, type MixtureKind, mixtureOf } from '../../../model/config/config.js'
import { rangeOfUsed } from '../../../model/config/experts-per-token.js'
import { alwaysChosen } from '../../../model/config/routing.js'
import { type Atlas, nameIn } from '../../atlas/atlas.js'
import type { ExpertPlace } from '../../usage/awake.js'
import type { Reader } from '../../usage/text-routes.js'
import { NAMES, TITLES } from '../blocks/figure.js'

/** Name of a model with its packing, if that is known: `nano (q4)`, for `nano:q4` as well. */
export function modelTitle({ name, quant }: Pick<Reader, 'name' | 'quant'>): string {
  const tag = `:${quant}`
  if (quant === undefined) return printable(name)
  return `${printable(name.endsWith(tag) ? name.slice(0, -tag.length) : name)} (${quant})`
}

/** A line that says so if the gates are not known, as in traces of other engines. */
export function gatesLine({ hasGates }: Pick<Reader, 'hasGates'>): string[] {
  return hasGates === false ? ['gates are not known: the trace has none'] : []
}

/** Experts of a token in words: `per layer a token uses 2 of 8 attention experts and 4 of 24 MLP experts`. */
export function expertsPerToken({ config }: Pick<Reader, 'config'>): string {
  const kinds = config.mixtures.map((mixture) => {
    const { kind, experts } = mixture
    const some = experts.filter((count) => count > 0)
    const [least, most] = [Math.min(...some), Math.max(...some)]
    return `${range(rangeOfUsed(mixture))} of ${range({ least, most })} ${TITLES[kind]}`
  })
  return `per layer a token uses ${kinds.join(' and ')}`
}

function range({ least, most }: { least: number; most: number }): string {
  return least === most ? String(most) : `${least} to ${most}`
}

/** Name of an expert in brackets, after a space; empty without one. */
export function bracketedName(atlas: Atlas | undefined, place: ExpertPlace): string {
  const name = nameIn(atlas, place)
  return name === undefined ? '' : ` (${printable(name)})`
}

/** `layer 3, mlp expert 5 (code: "(" "@")` */
export function expertInWords(place: ExpertPlace, atlas?: Atlas): string {
  return `layer ${place.layer}, ${place.kind} expert ${place.expert}${bracketedName(atlas, place)}`
}

/** `layer 3, MLP 5 (code: "(" "@")` */
export function expertInTable({ layer, kind, expert }: ExpertPlace, atlas?: Atlas): string {
  return `layer ${layer}, ${NAMES[kind]} ${expert}${bracketedName(atlas, { layer, kind, expert })}`
}

export function isNewExpert({ config }: Pick<Reader, 'config'>, { kind, layer, expert }: ExpertPlace): boolean {
  return mixtureOf(config, kind)?.newExperts?.[layer]?.includes(expert) ?? false
}

/** A line about experts added by teaching: `newcomers, taught later: mlp 24 in layers 3, 4, 5`; none without any. */
export function newExpertsLine({ config }: Pick<Reader, 'config'>): string[] {
  return idsLine('newcomers, taught later:', config, ({ newExperts = [] }) => newExperts)
}

/** A line about the experts that every token uses: `every token uses mlp 8 in layers 0, 1, 2`; none without any. */
export function alwaysLine({ config }: Pick<Reader, 'config'>): string[] {
  return idsLine('every token uses', config, (mixture) =>
    mixture.experts.map((_, layer) => alwaysChosen(mixture, layer)),
  )
}

function idsLine(
  start: string,
  { mixtures }: Reader['config'],
  idsOf: (mixture: Mixture) => readonly (readonly number[])[],
): string[] {
  const named = mixtures.flatMap((mixture) => byIds(mixture.kind, idsOf(mixture)))
  return named.length === 0 ? [] : [`${start} ${named.join('; ')}`]
}

/** Names the layers' ids, together if several layers have the same: `mlp 24 in layers 3, 4, 5`. */
function byIds(kind: MixtureKind, lists: readonly (readonly number[])[]): string[] {
  const layersOf = new Map<string, number[]>()
  for (const [layer, ids] of lists.entries()) {
    if (ids.length > 0) layersOf.set(ids.join(', '), [...(layersOf.get(ids.join(', ')) ?? []), layer])
  }
  return [...layersOf].map(
    ([ids, layers]) => `${kind} ${ids} in ${layers.length === 1 ? 'layer' : 'layers'} ${ranges(layers)}`,
  )
}

const LEAST_RANGE = 4

/** Writes 0, 1, 2, 3 and 8 as `0 to 3, 8`. */
function ranges(layers: readonly number[]): string {
  const parts: string[] = []
  for (let from = 0, to = 0; from < layers.length; from = to) {
    while (to < layers.length && layers[to] - layers[from] === to - from) to++
    if (to - from < LEAST_RANGE) parts.push(...layers.slice(from, to).map(String))
    else parts.push(`${layers[from]} to ${layers[to - 1]}`)
  }
  return parts.join(', ')
}
