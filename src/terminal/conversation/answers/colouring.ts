import type { Model } from '../../../api/model.js'
import { UsageError } from '../../../ground/errors.js'
import { printable } from '../../../ground/printable.js'
import type { Atlas } from '../../../insight/atlas/atlas.js'
import { INK, rampEnds, valueColour } from '../../../insight/pictures/blocks/expert-colours.js'
import { percent } from '../../../insight/pictures/blocks/labels.js'
import type { Background } from '../../../insight/pictures/blocks/ramps.js'
import { colourTitle, strongestExperts } from '../../../insight/pictures/kinds/coloured-text.js'
import { bitsOf, largestOf, MOST_BITS, type TextColour, textValues } from '../../../insight/usage/text-colours.js'
import { CHUNK, readerOf, TextRoutes } from '../../../insight/usage/text-routes.js'
import { joinRoutes } from '../../../insight/usage/token-routes.js'
import { MIXTURE_KINDS, type MixtureKind, type ModelConfig } from '../../../model/config/config.js'
import { Utf8Stream } from '../../../text/utf8-stream.js'
import type { MappedToken } from '../../map/token-map.js'
import type { ItemSpan } from '../state/items.js'

const LISTED = 8
const SAMPLES = 11

/** Reads `expert 3`, `expert 3:mlp`, `surprise` or `sleepers`. Throws a UsageError if the model lacks the experts. */
export function parseTextColour(argument: string, { mixtures, layers }: ModelConfig): TextColour {
  if (mixtures.length === 0) throw new UsageError('the model has no experts')
  if (argument === 'surprise' || argument === 'sleepers') return { by: argument }
  const [, digits, typed] = /^expert[\s:]+(\d{1,5})(?::([a-z]+))?$/.exec(argument) ?? []
  const layer = Number(digits)
  if (digits === undefined || (typed !== undefined && !(MIXTURE_KINDS as readonly string[]).includes(typed))) {
    throw new UsageError('/colour takes expert LAYER, expert LAYER:KIND, surprise, sleepers or off')
  }
  if (layer >= layers) throw new UsageError(`the model has layers 0 to ${layers - 1}`)
  const kinds = mixtures.filter(({ experts }) => experts[layer] > 0).map(({ kind }) => kind)
  const kind = (typed as MixtureKind | undefined) ?? kinds.at(-1)
  if (!kind || !kinds.includes(kind)) throw new UsageError(`layer ${layer} has no ${kind ? `${kind} ` : ''}experts`)
  return { by: 'expert', layer, kind }
}

/** Colours the tokens of an answer for this background. Joined, the spans are the text of the tokens. */
export function colourAnswer(
  tokens: readonly MappedToken[],
  colour: TextColour,
  { model, background, atlas }: { model: Model; background: Background; atlas?: Atlas },
): { legend: ItemSpan[]; spans: ItemSpan[] } {
  const text = textOfTokens('the answer', tokens, model)
  const values = textValues(text, colour)
  const largest = largestOf(values)
  const on = (words: string, value: number): ItemSpan => {
    const behind = valueColour(value, colour, largest, background)
    return { text: words, highlight: { behind, ink: INK[background] } }
  }
  const decoder = new Utf8Stream()
  const spans = text.tokens.map((id, i): ItemSpan => {
    const words = decoder.push(model.tokenizer.bytesOf(id))
    const value = values[i]
    return value === undefined ? { text: words } : on(words, value)
  })
  const dim = (words: string): ItemSpan => ({ text: words, isDim: true })
  const legend = [dim(`coloured by the ${colourTitle(colour)}\n`)]
  if (colour.by === 'expert') {
    const listed = strongestExperts(text, colour, atlas)
    for (const { expert, tokens, name } of listed.slice(0, LISTED)) {
      const called = name === undefined ? '' : ` ${printable(name)}`
      legend.push(
        on(`\u00a0${expert}\u00a0`, expert),
        dim(`${called} ${percent(tokens / text.tokens.length)}`.replaceAll(' ', '\u00a0')),
        dim('  '),
      )
    }
    if (listed.length > LISTED) legend.push(dim(`and ${listed.length - LISTED} more`))
  } else {
    const most = colour.by === 'surprise' ? MOST_BITS : largest
    const [from, to] = rampEnds(colour, largest)
    // No-break spaces: lines do not break in a ramp.
    const samples = Array.from({ length: SAMPLES }, (_, i) => on('\u00a0', (most * i) / (SAMPLES - 1)))
    legend.push(dim(`${from} `), ...samples, dim(` ${to}`))
  }
  return { legend, spans }
}

/** The text with the colours of spans that are in it, or have it in them, beside thoughts. Undefined if neither. */
export function spansWithin(text: string, spans: readonly ItemSpan[]): ItemSpan[] | undefined {
  const trimmed = trimSpans(spans)
  const joined = trimmed.map((span) => span.text).join('')
  if (joined === '' || text === '') return undefined
  const at = text.lastIndexOf(joined)
  if (at >= 0) {
    const [before, after] = [text.slice(0, at), text.slice(at + joined.length)]
    return [{ text: before }, ...trimmed, { text: after }].filter((span) => span.text !== '')
  }
  const from = joined.lastIndexOf(text)
  return from < 0 ? undefined : cutSpans(trimmed, from, from + text.length)
}

/** The spans between two places in their text. */
function cutSpans(spans: readonly ItemSpan[], from: number, to: number): ItemSpan[] {
  let at = 0
  return spans.flatMap((span) => {
    const start = at
    at += span.text.length
    const text = span.text.slice(Math.max(0, from - start), Math.max(0, to - start))
    return text === '' ? [] : [{ ...span, text }]
  })
}

export function trimSpans(spans: readonly ItemSpan[]): ItemSpan[] {
  const first = spans.findIndex(({ text }) => text.trim() !== '')
  const last = spans.findLastIndex(({ text }) => text.trim() !== '')
  return spans.slice(Math.max(0, first), last + 1).map((span, i, { length }) => {
    const text = i === 0 ? span.text.trimStart() : span.text
    return { ...span, text: i === length - 1 ? text.trimEnd() : text }
  })
}

/** Tokens of the map as a text that the model has read. */
export function textOfTokens(name: string, tokens: readonly MappedToken[], model: Model): TextRoutes {
  const ids = tokens.map(({ id }) => id)
  const text = new TextRoutes(name, ids, readerOf(model))
  for (let first = 0; first < tokens.length; first += CHUNK) {
    const chunk = tokens.slice(first, first + CHUNK)
    text.add(joinRoutes(chunk.map(({ routes }) => routes)), chunk.length)
  }
  text.surprise = tokens.map(({ logprob }) => (logprob === undefined ? undefined : bitsOf(logprob)))
  return text
}
