import { wordsOf } from '../../lab/experts/atlas/words-of-expert.js'
import type { ExpertPlace } from '../../lab/experts/usage/awake.js'
import { quotedWords } from '../../lab/pictures/kinds/usage-caption.js'
import type { MixtureKind } from '../../model/config/config.js'
import { alwaysChosen } from '../../model/config/routing.js'
import { byId, create } from '../elements/elements.js'
import type { GrowingText } from '../markdown/growing-text.js'
import type { Models } from '../requests/models.js'
import type { SwitchedOff } from './switched-off.js'

export interface ActionsOptions {
  models: Models
  /** The answers so far. */
  text: () => GrowingText
  off: SwitchedOff
  /** Experts that the server never uses, by their specs. */
  isOffForAll: (place: ExpertPlace) => boolean
  /** Switches an expert off or on. */
  toggle: (place: ExpertPlace) => void
}

/** The line about the pinned cell of the map: words that woke the expert, and a button to switch it off. */
export class CellActions {
  private readonly section = byId('talk', HTMLElement)
  private readonly line = byId('cell-actions', HTMLDivElement)
  private pinned?: ExpertPlace

  constructor(private readonly options: ActionsOptions) {
    this.section.addEventListener('pinned', (event) => {
      this.pinned = placeOf((event as CustomEvent<Element | null>).detail)
      this.show()
    })
    this.section.addEventListener('keydown', (event) => {
      const place = placeOf(event.target as Element)
      if (!place || event.key !== 'x' || event.ctrlKey || event.metaKey || event.altKey) return
      event.preventDefault()
      if (this.canSwitch(place)) options.toggle(place)
    })
  }

  /** Shows the state of the pinned cell, which may have changed. */
  show(): void {
    const { pinned: place, options } = this
    if (!place) return this.line.replaceChildren()
    const words = quotedWords(wordsOf(options.text(), place))
    this.line.replaceChildren(words ? create('span', '', `woken here by ${words}`) : '', this.button(place))
  }

  private button(place: ExpertPlace): HTMLElement {
    const { off, isOffForAll, toggle } = this.options
    if (isOffForAll(place)) return create('span', 'note', 'the server has switched it off')
    if (!this.canSwitch(place)) return create('span', 'note', 'every token uses it, so it cannot be switched off')
    const button = create('button', 'switch', off.has(place) ? 'Switch on' : 'Switch off')
    button.type = 'button'
    button.title = 'or press x'
    button.addEventListener('click', () => toggle(place))
    return button
  }

  private canSwitch(place: ExpertPlace): boolean {
    const { models, isOffForAll } = this.options
    const mixture = models.model.config.mixtures.find(({ kind }) => kind === place.kind)
    return !isOffForAll(place) && !alwaysChosen(mixture ?? {}, place.layer).includes(place.expert)
  }
}

/** The expert of a cell of the map. */
function placeOf(element: Element | null): ExpertPlace | undefined {
  const [kind, layer, expert] = element?.getAttribute('data-expert')?.split(' ') ?? []
  if (expert === undefined) return undefined
  return { kind: kind as MixtureKind, layer: Number(layer), expert: Number(expert) }
}
