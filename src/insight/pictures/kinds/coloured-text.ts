import { plural } from '../../../ground/numbers.js'
import { type ColourDepth, highlight } from '../../../ground/output/colours.js'
import { printable, printableText } from '../../../ground/printable.js'
import { type Atlas, nameIn } from '../../atlas/atlas.js'
import { largestOf, MOST_BITS, SLEEPS_BELOW, type TextColour, textValues } from '../../usage/text-colours.js'
import type { TextRoutes } from '../../usage/text-routes.js'
import { INK, rampEnds, valueColour } from '../blocks/expert-colours.js'
import { percent, visibleToken } from '../blocks/labels.js'
import type { Background } from '../blocks/ramps.js'

const LISTED = 8
const SAMPLES = 11

export interface ColouredTextOptions {
  depth: ColourDepth
  background: Background
  atlas?: Atlas
}

/** Describes the colours of a text: `strongest mlp expert of layer 3`. */
export function colourTitle(colour: TextColour): string {
  switch (colour.by) {
    case 'expert':
      return `strongest ${colour.kind} expert of layer ${colour.layer}`
    case 'surprise':
      return 'surprise: -log2 of the token’s probability after the text before it'
    case 'sleepers':
      return `sleepers: share of the token’s experts that sleep through most of the text (woken by no other token, or less than ${100 * SLEEPS_BELOW} % as often as if all experts of the layer were used alike)`
  }
}

export interface Strongest {
  expert: number
  tokens: number
  name?: string
}

/** Counts the strongest experts of a layer for the tokens of a text, the most frequent ones first. */
export function strongestExperts(
  text: TextRoutes,
  { kind, layer }: Extract<TextColour, { by: 'expert' }>,
  atlas?: Atlas,
): Strongest[] {
  const counts = new Map<number, number>()
  for (const expert of textValues(text, { by: 'expert', kind, layer })) {
    if (expert !== undefined) counts.set(expert, (counts.get(expert) ?? 0) + 1)
  }
  return [...counts]
    .sort(([a, more], [b, less]) => less - more || a - b)
    .map(([expert, tokens]) => ({ expert, tokens, name: nameIn(atlas, { kind, layer, expert }) }))
}

/** Prints a text with a colour behind each token, after a title and a legend. */
export function* colouredText(
  text: TextRoutes,
  colour: TextColour,
  { depth, background, atlas }: ColouredTextOptions,
): Generator<string> {
  const values = textValues(text, colour)
  const largest = largestOf(values)
  const onColour = (words: string, value: number) =>
    highlight(words, valueColour(value, colour, largest, background), INK[background], depth)
  yield `${printable(text.name)}, ${plural(text.tokens.length, 'token')}, coloured by the ${colourTitle(colour)}\n`
  if (colour.by === 'expert') {
    const listed = strongestExperts(text, colour, atlas)
    const digits = String(Math.max(...listed.map(({ expert }) => expert))).length
    for (const { expert, tokens, name } of listed.slice(0, LISTED)) {
      const share = percent(tokens / text.tokens.length).padStart(7)
      const called = name === undefined ? '' : `  ${printable(name)}`
      yield `${onColour(` ${String(expert).padStart(digits)} `, expert)} ${share}${called}\n`
    }
    if (listed.length > LISTED) yield `and ${plural(listed.length - LISTED, 'more expert')}\n`
    yield '\n'
  } else {
    const most = colour.by === 'surprise' ? MOST_BITS : largest
    const ramp = Array.from({ length: SAMPLES }, (_, i) => onColour(' ', (most * i) / (SAMPLES - 1))).join('')
    const [from, to] = rampEnds(colour, largest)
    yield `${from} ${ramp} ${to}\n\n`
  }
  for (const [i, token] of text.tokens.entries()) {
    const value = values[i]
    const words = printableText(text.model.textOf(token))
    // A colour that runs on over a line break would fill the rest of the line.
    yield value === undefined ? words : words.replace(/[^\n]+/g, (part) => onColour(part, value))
  }
  yield '\n'
}

/** Yields a line for each token with its value, for readers without colours. */
export function* valuesTable(text: TextRoutes, colour: TextColour, atlas?: Atlas): Generator<string> {
  yield `${printable(text.name)}, ${plural(text.tokens.length, 'token')}: ${colourTitle(colour)}\n`
  for (const [i, value] of textValues(text, colour).entries()) {
    const name = colour.by === 'expert' && value !== undefined ? nameIn(atlas, { ...colour, expert: value }) : undefined
    const called = name === undefined ? '' : `  (${printable(name)})`
    yield `${valueInWords(value, colour).padStart(8)}  ${visibleToken(text.model.textOf(text.tokens[i]))}${called}\n`
  }
}

function valueInWords(value: number | undefined, { by }: TextColour): string {
  if (value === undefined) return '-'
  return by === 'expert' ? String(value) : by === 'surprise' ? value.toFixed(2) : percent(value)
}
