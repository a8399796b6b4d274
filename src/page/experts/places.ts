import type { ExpertPlace } from '../../insight/usage/awake.js'
import type { MixtureKind } from '../../model/config/config.js'
import { pushText } from '../../model/config/mask-spec.js'
import { alwaysChosen } from '../../model/config/routing.js'
import type { PageModel } from '../requests/routes.js'

/** Name of an expert in sentences: `layer 3 mlp expert 5`. */
export function placeInWords({ layer, kind, expert }: ExpertPlace): string {
  return `layer ${layer} ${kind} expert ${expert}`
}

/** An expert that is switched off, or steered by a push of its score. */
export interface ChangedExpert extends ExpertPlace {
  push?: number
}

/** Change of an expert for an answer: `without layer 3 mlp expert 5`, `with layer 3 mlp expert 5 at +1`. */
export function changeInWords(changed: ChangedExpert): string {
  const { push } = changed
  return push === undefined ? `without ${placeInWords(changed)}` : `with ${placeInWords(changed)} at ${pushText(push)}`
}

/** An expert as a request's mask names it: `3:mlp:5`, or with its push `3:mlp:5=+1`. */
export function specOf({ layer, kind, expert, push }: ChangedExpert): string {
  return `${layer}:${kind}:${expert}${push === undefined ? '' : `=${pushText(push)}`}`
}

/** The same expert among others. */
export function foundIn<Place extends ExpertPlace>(places: readonly Place[], place: ExpertPlace): Place | undefined {
  return places.find(
    ({ layer, kind, expert }) => layer === place.layer && kind === place.kind && expert === place.expert,
  )
}

/** Experts that specs with single or several ids name, but without ranges. */
export function placesOf(specs: readonly string[]): ChangedExpert[] {
  return specs.flatMap((spec) => {
    const [layer, kind, rest] = spec.split(':')
    const [ids, push] = rest.split('=')
    const changed = push === undefined ? {} : { push: Number(push) }
    return ids
      .split(',')
      .map((id) => ({ kind: kind as MixtureKind, layer: Number(layer), expert: Number(id), ...changed }))
  })
}

/** Experts of kept specs. The model may lack some. */
export function placesIn({ config: { mixtures } }: PageModel, specs: readonly string[]): ChangedExpert[] {
  return placesOf(specs.filter((spec) => /^\d+:[a-z]+:\d+(=[-+]\d+(\.\d+)?)?$/.test(spec))).filter(
    ({ kind, layer, expert }) => {
      const mixture = mixtures.find((one) => one.kind === kind)
      return expert < (mixture?.experts[layer] ?? 0)
    },
  )
}

/** Why an expert cannot be switched off; undefined if it can. */
export function whyNotSwitched({ config, mask }: PageModel, place: ExpertPlace): string | undefined {
  if (foundIn(placesOf(mask), place)) return 'the server has switched it off or steers it'
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
