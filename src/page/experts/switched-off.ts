import { nameIn } from '../../lab/experts/atlas/atlas.js'
import type { ExpertPlace } from '../../lab/experts/usage/awake.js'
import type { MixtureKind } from '../../model/config/config.js'
import { byId, create } from '../elements/elements.js'
import type { Models } from '../requests/models.js'

/** Name of an expert in sentences: `layer 3 mlp expert 5`. */
export function placeInWords({ layer, kind, expert }: ExpertPlace): string {
  return `layer ${layer} ${kind} expert ${expert}`
}

/** An expert as a request's mask names it: `3:mlp:5`. */
export function specOf({ layer, kind, expert }: ExpertPlace): string {
  return `${layer}:${kind}:${expert}`
}

/** An expert as its cell in the map names it: `mlp 3 5`. */
export function cellName({ layer, kind, expert }: ExpertPlace): string {
  return `${kind} ${layer} ${expert}`
}

/** Experts of specs with single or several ids, but without ranges. */
export function placesOf(specs: readonly string[]): ExpertPlace[] {
  return specs.flatMap((spec) => {
    const [layer, kind, ids] = spec.split(':')
    return ids.split(',').map((id) => ({ kind: kind as MixtureKind, layer: Number(layer), expert: Number(id) }))
  })
}

/** The experts that the user has switched off, with a list of them above the message. */
export class SwitchedOff {
  /** By their specs, in the order they were switched off. */
  private readonly places = new Map<string, ExpertPlace>()
  private readonly bar = byId('switched-off', HTMLDivElement)
  private readonly list = byId('switched-off-list', HTMLUListElement)

  /** `changed` is called after each change, and then `switched` if it was one by the user. */
  constructor(
    private readonly models: Models,
    private readonly actions: { changed(): void; switched(): void },
  ) {
    byId('all-on', HTMLButtonElement).addEventListener('click', () => {
      this.clear()
      actions.switched()
    })
  }

  /** The mask of the next request; empty if all experts are on. */
  get specs(): string[] {
    return [...this.places.keys()]
  }

  get all(): ExpertPlace[] {
    return [...this.places.values()]
  }

  has(place: ExpertPlace): boolean {
    return this.places.has(specOf(place))
  }

  /** Switches an expert off, or on again. */
  toggle(place: ExpertPlace): void {
    if (!this.places.delete(specOf(place))) this.places.set(specOf(place), place)
    this.show()
    this.actions.switched()
  }

  /** Switches the experts of a kept conversation off, and all others on. The model may lack some. */
  restore(specs: readonly string[]): void {
    this.places.clear()
    const kinds = this.models.model.config.mixtures
    for (const place of placesOf(specs.filter((spec) => /^\d+:[a-z]+:\d+$/.test(spec)))) {
      const { experts = [] } = kinds.find(({ kind }) => kind === place.kind) ?? {}
      if (place.expert < (experts[place.layer] ?? 0)) this.places.set(specOf(place), place)
    }
    this.show()
  }

  /** Switches all experts on. */
  clear(): void {
    if (this.places.size === 0) return
    this.places.clear()
    this.show()
  }

  /** Shows the list, whose names may have come. */
  show(): void {
    this.bar.hidden = this.places.size === 0
    this.list.replaceChildren(...this.all.map((place) => this.entry(place)))
    this.actions.changed()
  }

  private entry(place: ExpertPlace): HTMLElement {
    const name = nameIn(this.models.atlas, place)
    const on = create('button', 'quiet', `${placeInWords(place)}${name ? ` (${name})` : ''} `)
    on.type = 'button'
    on.title = 'switch on again'
    on.setAttribute('aria-label', `switch ${placeInWords(place)} on again`)
    on.append(create('span', 'cross-out', '×'))
    on.addEventListener('click', () => this.toggle(place))
    const item = create('li')
    item.append(on)
    return item
  }
}
