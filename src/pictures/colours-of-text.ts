import { amountOf, largestOf, type TextColour, textValues } from '../experts/text-colours.js'
import type { TextRoutes } from '../experts/text-routes.js'
import type { Rgb } from '../terminal/colours.js'
import { amountColour, type Background, expertColour, rampEnds } from './expert-colours.js'
import { mostExperts } from './figure.js'
import type { PageAmounts, PageColours, Tint } from './interactive/page-data.js'
import { toHex } from './palette.js'

/** Steps of the ramp, without the first. */
const STEPS = 20

/** Makes colours for a page: those of the first `count` tokens of a text. */
export function pageColours(text: TextRoutes, count: number): PageColours {
  const most = Math.max(...text.model.config.mixtures.map(mostExperts))
  return {
    experts: Array.from({ length: most }, (_, expert) => pair((background) => expertColour(expert, background))),
    ramp: Array.from({ length: STEPS + 1 }, (_, i) => pair((background) => amountColour(i / STEPS, background))),
    ...(text.surprise && { surprise: amounts(text, { by: 'surprise' }, count) }),
    sleepers: amounts(text, { by: 'sleepers' }, count),
  }
}

function amounts(text: TextRoutes, colour: TextColour, count: number): PageAmounts {
  const values = textValues(text, colour)
  const largest = largestOf(values)
  const steps = values
    .slice(0, count)
    .map((value) => (value === undefined ? null : Math.round(STEPS * amountOf(value, colour, largest))))
  const [from, to] = rampEnds(colour, largest)
  return { steps, from, to }
}

function pair(colour: (background: Background) => Rgb): Tint {
  return [toHex(colour('light')), toHex(colour('dark'))]
}
