import type { ExpertPlace } from '../../lab/experts/usage/awake.js'
import type { MixtureKind } from '../../model/config/config.js'
import { alwaysChosen } from '../../model/config/routing.js'
import type { PageModel } from '../requests/routes.js'

/** Name of an expert in sentences: `layer 3 mlp expert 5`. */
export function placeInWords({ layer, kind, expert }: ExpertPlace): string {
  return `layer ${layer} ${kind} expert ${expert}`
}

/** An expert as a request's mask names it: `3:mlp:5`. */
export function specOf({ layer, kind, expert }: ExpertPlace): string {
  return `${layer}:${kind}:${expert}`
}

/** Whether an expert is among others. */
export function isAmong(places: readonly ExpertPlace[], place: ExpertPlace): boolean {
  return places.some((other) => specOf(other) === specOf(place))
}

/** Experts that specs with single or several ids name, but without ranges. */
export function placesOf(specs: readonly string[]): ExpertPlace[] {
  return specs.flatMap((spec) => {
    const [layer, kind, ids] = spec.split(':')
    return ids.split(',').map((id) => ({ kind: kind as MixtureKind, layer: Number(layer), expert: Number(id) }))
  })
}

/** Experts of kept specs. The model may lack some. */
export function placesIn({ config: { mixtures } }: PageModel, specs: readonly string[]): ExpertPlace[] {
  return placesOf(specs.filter((spec) => /^\d+:[a-z]+:\d+$/.test(spec))).filter(({ kind, layer, expert }) => {
    const mixture = mixtures.find((one) => one.kind === kind)
    return expert < (mixture?.experts[layer] ?? 0)
  })
}

/** Why an expert cannot be switched off; undefined if it can. */
export function whyNotSwitched({ config, mask }: PageModel, place: ExpertPlace): string | undefined {
  if (isAmong(placesOf(mask), place)) return 'the server has switched it off'
  const mixture = config.mixtures.find(({ kind }) => kind === place.kind)
  const isAlways = alwaysChosen(mixture ?? {}, place.layer).includes(place.expert)
  return isAlways ? 'every token uses it, so it cannot be switched off' : undefined
}

/** The expert of an element, such as a cell of the map. */
export function placeOf(element: Element | null): ExpertPlace | undefined {
  const [kind, layer, expert] = element?.getAttribute('data-expert')?.split(' ') ?? []
  if (expert === undefined) return undefined
  return { kind: kind as MixtureKind, layer: Number(layer), expert: Number(expert) }
}
