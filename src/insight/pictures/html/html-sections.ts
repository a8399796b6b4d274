import { plural } from '../../../ground/numbers.js'
import type { Rgb } from '../../../ground/output/colours.js'
import { printable } from '../../../ground/printable.js'
import { largestGate } from '../../../model/config/routing.js'
import { mostParticular } from '../../atlas/words-of-expert.js'
import type { RoutingAgreement } from '../../usage/agreement.js'
import { amountOf, largestOf, type TextColour, textValues } from '../../usage/text-colours.js'
import type { TextRoutes } from '../../usage/text-routes.js'
import { amountColour, type Background, expertColour, rampEnds } from '../blocks/expert-colours.js'
import {
  type Block,
  type ExpertMap,
  type Figure,
  type MapsBlock,
  mapsOf,
  mostExperts,
  type TableBlock,
  TITLES,
  type Turn,
} from '../blocks/figure.js'
import { percent } from '../blocks/labels.js'
import { toHex } from '../blocks/palette.js'
import { type PageAmounts, type PageColours, pageRoutes, pageVoices, type Tint } from '../interactive/page-data.js'
import { usageMaps, withoutNumbers } from '../kinds/usage-figure.js'
import { blockDrawing } from '../svg/svg.js'
import { type Drawing, escapeXml, type Fill, FONT, FONT_SIZE, stack } from '../svg/svg-drawing.js'
import { legendDrawing } from '../svg/svg-legend.js'
import { mapDrawing } from '../svg/svg-map.js'

/** Maximum tokens of a text on a page, with their experts: a page with more would be slow to open. */
export const MOST_TOKENS = 1000

/**
 * Sections of a figure below the markup `about` it, with maps of at most `width` pixels. Two texts are side by side if
 * there is room. `interactive/explore.ts` handles pointer and keys. `pack` may shorten the markup of large parts.
 */
export function figureSections(
  figure: Figure,
  width: number,
  about: string,
  pack = (markup: string) => markup,
): string {
  const { texts = [], agreements = [], lenses = [], turns } = figure
  const usage = texts.length > 0 ? (firstMaps(figure) ?? withoutNumbers(usageMaps(texts))) : undefined
  const blocks = figure.blocks.filter((block) => block !== usage && block.type !== 'tokens')
  const maps = mapsOf(figure)
  const page: Page = {
    width,
    maps,
    pack,
    widest: widestMap(usage ? [...figure.blocks, usage] : figure.blocks, maps, width),
  }
  const colour = usage && !turns ? firstColour(figure) : undefined
  const sections = usage
    ? texts.map((text, i) => textSection(text, i, usage, { ...page, colour, voices: voicesOf(lenses, text), turns }))
    : []
  return `<div class="${texts.length === 2 ? 'pair' : 'sections'}">
<div class="about">${about}</div>
${[...sections, ...blocks.map((block) => blockSection(block, page)), ...agreements.map(agreementSection)].join('\n')}
</div>`
}

export function figureSentences({ sentences = [] }: Figure): string {
  return sentences.map((sentence) => `<p class="sentence">${escapeXml(sentence)}</p>`).join('\n')
}

/** The maps beside the texts once more, with numbers and a line that unfolds them; empty if they have no numbers. */
export function numbersOf(figure: Figure, width: number): string {
  const usage = firstMaps(figure)
  if (!usage?.maps.some(({ measures }) => measures.length > 0)) return ''
  const maps = blockSection(usage, { width, maps: usage.maps, widest: 0 })
  return `<details class="note"><summary>Numbers: entropy and fairness of each layer</summary>${maps}</details>`
}

/** Width of the widest image of a map. A page scales images of one width alike. */
function widestMap(blocks: readonly Block[], all: readonly ExpertMap[], width: number): number {
  const widths = blocks.flatMap((block) => {
    if (block.type !== 'maps') return []
    const maps = block.maps.map((map) => mapDrawing(map, onPage(false), width, all).width)
    return [...maps, legendDrawing(block.scale, onPage(block.scale.isSigned), width).width]
  })
  return Math.max(0, ...widths)
}

/** The maps that are beside the texts. */
export function firstMaps({ blocks, texts }: Figure): MapsBlock | undefined {
  const [maps] = blocks.filter((block) => block.type === 'maps')
  return maps && !maps.scale.isSigned && maps.maps.length === texts?.length ? maps : undefined
}

/** Draws one of several maps that share a scale, with its legend, in an image of at least `least` pixels. */
export function mapImage(
  { maps, scale }: MapsBlock,
  index: number,
  width: number,
  all: readonly ExpertMap[] = maps,
  least = 0,
): string {
  const fill = onPage(scale.isSigned)
  const drawing = stack([mapDrawing(maps[index], fill, width, all), legendDrawing(scale, fill, width)], 10)
  return image({ ...drawing, width: Math.max(drawing.width, least) }, `usage of experts: ${maps[index].title}`)
}

interface Drawn {
  width: number
  maps: readonly ExpertMap[]
  widest: number
}

interface Page extends Drawn {
  pack: (markup: string) => string
  /** The property that colours the texts at first. Default: nothing. */
  colour?: TextColour
  voices?: string
  turns?: readonly Turn[]
}

function blockSection(block: Block, { width, maps: all, widest }: Drawn): string {
  if (block.type === 'table') return `<section><h2>${escapeXml(block.title)}</h2>${table(block)}</section>`
  if (block.type !== 'maps') return ''
  const maps = block.maps.map((map) => {
    const drawing = blockDrawing({ ...block, maps: [{ ...map, title: '' }] }, width, onPage, all)
    const wide = { ...drawing, width: Math.max(drawing.width, widest) }
    return `<section><h2>${escapeXml(map.title)}</h2>${image(wide, map.title)}</section>`
  })
  return maps.join('\n')
}

function table({ head, rows, empty }: TableBlock): string {
  if (rows.length === 0) return `<p class="note">${escapeXml(empty)}</p>`
  const lines = rows.map(({ cells, words }) => {
    const last = words
      ? `<td class="words">${words.map((word) => `<code>${escapeXml(word)}</code>`).join('&ensp;')}</td>`
      : ''
    const named = cells.map(
      (cell, i) => `<td${i > 1 ? ` data-head="${escapeXml(head[i])}"` : ''}>${escapeXml(cell)}</td>`,
    )
    return `<tr>${named.join('')}${last}</tr>`
  })
  return `<table><tr class="heads">${head.map((title) => `<th>${escapeXml(title)}</th>`).join('')}</tr>${lines.join('\n')}</table>`
}

function textSection(
  text: TextRoutes,
  index: number,
  usage: MapsBlock,
  { width, maps, widest, pack, colour, voices = '', turns }: Page,
): string {
  const shown = text.tokens.slice(0, MOST_TOKENS)
  const words = shown.map((token) => text.model.textOf(token))
  const data = JSON.stringify(shown.map((_, i) => pageRoutes(text.at(i), text.model.config.mixtures)))
  const { layers, mixtures } = text.usage
  const kinds = mixtures.map(({ kind }) => kind).join(' ')
  const largest = largestGate(text.model.config.mixtures)
  const reading = turns
    ? conversation(words, turns, text.model.name)
    : `<div class="tokens">${tokenSpans(words.map((word) => shownToken(word)))}</div>${moreTokens(text)}`
  return `<section class="text" id="text-${index}" data-kinds="${kinds}" data-layers="${layers}" data-largest-gate="${largest}">
${turns ? '' : `<h2>${escapeXml(usage.maps[index].title)}</h2>`}
<div class="reading"><div>${reading}</div>
<div class="map">${pack(mapImage(usage, index, width, maps, widest))}${colouring(text, colour)}<span class="pin"></span><div class="detail" aria-live="polite"></div><div class="voices"></div></div></div>
${pack(`<script type="application/json">${data}</script>
<script type="application/json" class="colours">${JSON.stringify(pageColours(text, shown.length))}</script>${voices}`)}</section>`
}

/** Elements of the tokens from number `from` on, which have these texts. The first is a Tab stop. */
function tokenSpans(texts: readonly string[], from = 0): string {
  return texts.map((text, i) => `<span tabindex="${i === 0 ? 0 : -1}" data-i="${from + i}">${text}</span>`).join('')
}

/** The messages of a conversation. Tokens between them, of the model's template, are not shown. */
function conversation(words: readonly string[], turns: readonly Turn[], model: string): string {
  const names: Record<string, string> = { user: 'You', assistant: model }
  const shown = turns.map(({ role, isThought, from, to }) => {
    const own = words.slice(from, to).map((word, i) => shownToken(i === 0 ? word.trimStart() : word, ''))
    const tokens = `<div class="tokens">${tokenSpans(own, from)}</div>`
    const name = `<h2 class="${role in names ? 'unseen' : 'soft tiny'}">${escapeXml(names[role] ?? role)}</h2>`
    return isThought
      ? `<details class="turn thoughts"><summary>thoughts</summary>${tokens}</details>`
      : `<article class="turn ${role === 'assistant' ? 'model' : 'user'}">${name}${tokens}</article>`
  })
  return shown.join('\n')
}

/** Data of a page with what the experts of some tokens of a text say; empty without any. */
function voicesOf(lenses: NonNullable<Figure['lenses']>, text: TextRoutes): string {
  const own = lenses.filter((one) => one.text === text)
  if (own.length === 0) return ''
  const entries = own.map(({ token, lens }) => [token, pageVoices(lens)] as const)
  // A word may look like the end of the script.
  const data = JSON.stringify(Object.fromEntries(entries)).replaceAll('<', '\\u003c')
  return `<script type="application/json" class="voices">${data}</script>`
}

function firstColour({ colour, texts = [] }: Figure): TextColour {
  if (colour) return colour
  const [{ usage }] = texts
  const last = usage.mixtures.toReversed().flatMap(({ kind, layers }) => {
    const layer = layers.findLastIndex(({ experts }) => experts > 0)
    return layer < 0 ? [] : [{ kind, layer }]
  })
  return { by: 'expert', ...(mostParticular(texts[0]) ?? last[0]) }
}

/** The control that chooses the property to colour a text by, with the legend of its colours. */
function colouring({ usage, surprise }: TextRoutes, first?: TextColour): string {
  const option = (value: string, name: string, isChosen: boolean) =>
    `<option value="${value}"${isChosen ? ' selected' : ''}>${name}</option>`
  const kinds = usage.mixtures.map(({ kind, layers }) => {
    const options = layers.flatMap(({ experts }, layer) => {
      const isChosen = first?.by === 'expert' && first.kind === kind && first.layer === layer
      return experts > 0 ? [option(`${kind} ${layer}`, `${kind} expert of layer ${layer}`, isChosen)] : []
    })
    return `<optgroup label="strongest of the ${TITLES[kind]}">${options.join('')}</optgroup>`
  })
  const bits = surprise ? option('surprise', 'surprise', first?.by === 'surprise') : ''
  const sleepers = option('sleepers', 'sleepers: share of experts that sleep otherwise', first?.by === 'sleepers')
  const none = option('', 'nothing', !first)
  const choices = `<select>${kinds.join('')}<optgroup label="else">${bits}${sleepers}${none}</optgroup></select>`
  return `<div class="colouring"><label>Colour by ${choices}</label><span class="legend"></span></div>`
}

/**
 * Colours for a page, light or dark: small differences fade into it, and experts that sleep are empty squares. An attribute
 * and not a style, since the live page's Content-Security-Policy forbids styles in markup.
 */
function onPage(isSigned: boolean): Fill {
  if (!isSigned) {
    return (amount) =>
      amount === 0
        ? 'fill="var(--asleep)"'
        : `fill="color-mix(in oklab, var(--often) ${Math.round(100 * amount)}%, var(--seldom))"`
  }
  return (amount) => {
    const colour = amount < 0 ? 'var(--less)' : 'var(--more)'
    return `fill="color-mix(in srgb, ${colour} ${Math.round(100 * Math.abs(amount))}%, var(--alike))"`
  }
}

/** Tokens of a text read by two models; the fewer experts they share, the stronger the mark. */
function agreementSection({ text, perToken }: RoutingAgreement): string {
  const shown = text.tokens.slice(0, MOST_TOKENS)
  const spans = shown.map((token, i) => {
    const marked = Math.round(100 * (1 - perToken[i]))
    const style = `background: color-mix(in srgb, var(--more) ${marked}%, transparent)`
    return `<span title="${percent(perToken[i])} in common" style="${style}">${shownToken(text.model.textOf(token))}</span>`
  })
  const title = `Tokens of ${printable(text.name)} that are routed differently`
  const note = 'The stronger the mark, the fewer of the token’s experts both models choose, over all layers and kinds.'
  return `<section><h2>${escapeXml(title)}</h2><p class="note">${note}</p>
<div class="tokens">${spans.join('')}</div>${moreTokens(text)}</section>`
}

function moreTokens({ tokens }: TextRoutes): string {
  const rest = tokens.length - MOST_TOKENS
  return rest > 0 ? `<p class="note">and ${plural(rest, 'more token')}, which the map counts too</p>` : ''
}

/** A token's text with its line breaks, which a sign may show, and indentation. */
function shownToken(text: string, sign = '⏎'): string {
  const lines = text.split('\n').map((line) => escapeXml(line.replace(/\r/g, '␍').replace(/\t/g, '⇥')))
  return lines.join(`${sign}\n`)
}

function image({ markup, width, height }: Drawing, name: string): string {
  const size = `viewBox="0 0 ${Math.ceil(width)} ${Math.ceil(height)}" width="${Math.ceil(width)}"`
  const font = `font-family="${FONT}" font-size="${FONT_SIZE}"`
  return `<svg ${size} ${font} role="group" aria-label="${escapeXml(name)}">${markup}</svg>`
}

/** Steps of the ramp, without the first. */
const STEPS = 20

/** Colours of the first `count` tokens of a text, for a page. */
function pageColours(text: TextRoutes, count: number): PageColours {
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
