import { nameIn } from '../../lab/experts/atlas/atlas.js'
import { amountOf, MOST_BITS, type TextColour, textValues } from '../../lab/experts/usage/text-colours.js'
import type { TextRoutes } from '../../lab/experts/usage/text-routes.js'
import { amountColour, type Background, expertColour, INK } from '../../lab/pictures/blocks/expert-colours.js'
import { TITLES } from '../../lab/pictures/blocks/figure.js'
import { toHex } from '../../lab/pictures/blocks/palette.js'
import type { MixtureKind } from '../../model/config/config.js'
import { byId, create } from '../elements/elements.js'
import type { Models } from '../requests/models.js'

/** Experts in the legend. */
const LISTED = 5
/** Names of the kinds within a sentence. */
const NAMES: Record<MixtureKind, string> = { attention: 'attention', mlp: 'MLP' }
/** Ends of the legend of an amount. */
const ENDS = {
  surprise: ['foreseen', `surprise of ${MOST_BITS} bits or more`],
  sleepers: ['often woken experts only', 'rarely woken experts only'],
}

/** Colours the tokens of the conversation by one property, which the user chooses. */
export class TextColouring {
  private readonly select = byId('colour-by', HTMLSelectElement)
  private readonly legend = byId('colour-legend', HTMLParagraphElement)
  private readonly dark = matchMedia('(prefers-color-scheme: dark)')
  /** The text whose tokens have their numbers in `data-i`. */
  private text?: TextRoutes

  constructor(
    private readonly models: Models,
    private readonly place: HTMLElement,
  ) {
    this.begin()
    this.select.addEventListener('change', () => this.paint(true))
    this.dark.addEventListener('change', () => this.paint(true))
  }

  /** Offers the layers of the model. The colour stays if the model has it, too. */
  begin(): void {
    const { select } = this
    const { value } = select
    const { mixtures } = this.models.model.config
    for (const group of select.querySelectorAll('optgroup')) group.remove()
    for (const { kind, experts } of mixtures) {
      const group = create('optgroup')
      group.label = TITLES[kind]
      for (const [layer, count] of experts.entries()) {
        if (count > 0) group.append(new Option(`strongest ${NAMES[kind]} expert of layer ${layer}`, `${kind} ${layer}`))
      }
      select.append(group)
    }
    select.value = value
    if (select.selectedIndex < 0 || mixtures.length === 0) select.value = 'off'
    select.disabled = mixtures.length === 0
  }

  /** Forgets all tokens; the tokens of `text` come next. */
  reset(text: TextRoutes): void {
    this.text = text
    this.legend.replaceChildren()
  }

  /** Colours the tokens that have no colour yet, or with `all` every token, whose values may have changed. */
  paint(all = false): void {
    const { text, colour } = this
    if (!text || (!all && !colour)) return
    const spans = this.place.querySelectorAll<HTMLElement>(`.tokens [data-i]${all ? '' : ':not(.coloured)'}`)
    const values = colour ? textValues(text, colour) : []
    for (const span of spans) {
      const value = values[Number(span.dataset.i)]
      span.classList.toggle('coloured', value !== undefined)
      if (colour && value !== undefined) span.style.setProperty('--token', this.colourOf(value, colour))
    }
    document.documentElement.style.setProperty('--token-ink', toHex(INK[this.ground]))
    this.explain(text, colour, values)
  }

  private get colour(): TextColour | undefined {
    const { value } = this.select
    if (value === 'off') return undefined
    if (value === 'surprise' || value === 'sleepers') return { by: value }
    const [kind, layer] = value.split(' ')
    return { by: 'expert', kind: kind as MixtureKind, layer: Number(layer) }
  }

  private get ground(): Background {
    return this.dark.matches ? 'dark' : 'light'
  }

  private colourOf(value: number, colour: TextColour): string {
    if (colour.by === 'expert') return toHex(expertColour(value, this.ground))
    // Not the largest share so far, which would grow while an answer comes.
    return toHex(amountColour(amountOf(value, colour, 1), this.ground))
  }

  /** Writes the legend: the experts of most tokens, or the ends of the amounts. */
  private explain(text: TextRoutes, colour: TextColour | undefined, values: readonly (number | undefined)[]): void {
    if (!colour || text.tokens.length === 0) return this.legend.replaceChildren()
    const swatch = (value: number, meaning: string) => {
      const sample = create('span', 'swatch', meaning)
      sample.style.setProperty('--token', this.colourOf(value, colour))
      return sample
    }
    if (colour.by !== 'expert') {
      const [least, most] = ENDS[colour.by]
      return this.legend.replaceChildren(swatch(0, least), swatch(colour.by === 'surprise' ? MOST_BITS : 1, most))
    }
    const counts = new Map<number, number>()
    for (const value of values) if (value !== undefined) counts.set(value, (counts.get(value) ?? 0) + 1)
    const most = [...counts].sort(([, a], [, b]) => b - a).slice(0, LISTED)
    this.legend.replaceChildren(
      ...most.map(([expert, count]) => {
        const name = nameIn(this.models.atlas, { ...colour, expert })
        return swatch(expert, `${expert}${name ? ` (${name})` : ''} ×${count}`)
      }),
    )
  }
}
