import type { Rgb } from '../../ground/output/colours.js'
import { type Background, INK, valueColour } from '../../insight/pictures/blocks/expert-colours.js'
import { toHex } from '../../insight/pictures/blocks/palette.js'
import { bracketedName } from '../../insight/pictures/kinds/caption.js'
import { MOST_BITS, type TextColour, textValues } from '../../insight/usage/text-colours.js'
import type { TextRoutes } from '../../insight/usage/text-routes.js'
import type { MixtureKind } from '../../model/config/config.js'
import type { Named } from './experts-panel.js'

/** Experts in the legend. */
const LISTED = 5
/** Ends of the legend of an amount. */
const ENDS = {
  surprise: ['foreseen', `surprise of ${MOST_BITS} bits or more`],
  sleepers: ['often woken experts only', 'rarely woken experts only'],
}

/** A colour of the legend, and its meaning. */
export interface Swatch {
  colour: string
  meaning: string
}

/** Names the shades of a colour for both backgrounds; the browser takes one by the page's theme. */
function shades(colourOn: (background: Background) => Rgb): string {
  return `light-dark(${toHex(colourOn('light'))}, ${toHex(colourOn('dark'))})`
}

/** Colours the tokens of the conversation by one property, which the user chooses. */
export class TextColouring {
  private value = 'off'
  /** The text whose tokens have their numbers in `data-i`. */
  private text?: TextRoutes

  /** `explain` gets the legend when it changes. */
  constructor(
    private readonly named: () => Named,
    private readonly explain: (legend: readonly Swatch[]) => void,
  ) {
    document.documentElement.style.setProperty(
      '--token-ink',
      shades((background) => INK[background]),
    )
  }

  /** Chooses the property: `off`, `surprise`, `sleepers`, or the kind and the layer of experts. */
  choose(value: string): void {
    this.value = value
    this.paint(true)
  }

  /** Forgets all tokens; the tokens of `text` come next. */
  reset(text: TextRoutes): void {
    this.text = text
    this.explain([])
  }

  /** Colours the tokens that have no colour yet, or with `all` every token, whose values may have changed. */
  paint(all = false): void {
    const { text, colour } = this
    if (!text || (!all && !colour)) return
    const spans = document.querySelectorAll<HTMLElement>(`#turns .tokens [data-i]${all ? '' : ':not(.coloured)'}`)
    const values = colour ? textValues(text, colour) : []
    for (const span of spans) {
      const value = values[Number(span.dataset.i)]
      span.classList.toggle('coloured', value !== undefined)
      if (colour && value !== undefined) span.style.setProperty('--token', this.colourOf(value, colour))
    }
    this.explain(colour && text.tokens.length > 0 ? this.legend(colour, values) : [])
  }

  private get colour(): TextColour | undefined {
    const { value } = this
    if (value === 'off') return undefined
    if (value === 'surprise' || value === 'sleepers') return { by: value }
    const [kind, layer] = value.split(' ')
    return { by: 'expert', kind: kind as MixtureKind, layer: Number(layer) }
  }

  private colourOf(value: number, colour: TextColour): string {
    // Not the largest share so far, which would grow while an answer comes.
    return shades((background) => valueColour(value, colour, 1, background))
  }

  /** The experts of most tokens, or the ends of the amounts. */
  private legend(colour: TextColour, values: readonly (number | undefined)[]): Swatch[] {
    const swatch = (value: number, meaning: string) => ({ colour: this.colourOf(value, colour), meaning })
    if (colour.by !== 'expert') {
      const [least, most] = ENDS[colour.by]
      return [swatch(0, least), swatch(colour.by === 'surprise' ? MOST_BITS : 1, most)]
    }
    const counts = new Map<number, number>()
    for (const value of values) if (value !== undefined) counts.set(value, (counts.get(value) ?? 0) + 1)
    const most = [...counts].sort(([, a], [, b]) => b - a).slice(0, LISTED)
    const { atlas } = this.named()
    return most.map(([expert, count]) =>
      swatch(expert, `${expert}${bracketedName(atlas, { ...colour, expert })} ×${count}`),
    )
  }
}
