import type { RoutingAgreement } from '../experts/agreement.js'
import type { TextRoutes } from '../experts/text-routes.js'
import { largestGate } from '../model/routing.js'
import { plural } from '../numbers.js'
import { printable } from '../printable.js'
import type { Block, Figure, MapsBlock, TableBlock } from './figure.js'
import { type PageRoutes, pageRoutes } from './interactive/page-routes.js'
import { percent } from './percent.js'
import { blockDrawing } from './svg.js'
import { type Drawing, escapeXml, type Fill, FONT, FONT_SIZE, onPaper, stack } from './svg-drawing.js'
import { legendDrawing } from './svg-legend.js'
import { mapDrawing } from './svg-map.js'

/** Maximum tokens of a text on a page, with their experts: a page with more would be slow to open. */
const MOST_TOKENS = 1000

/** Sections of a figure, with maps of at most `width` pixels. `interactive/explore.ts` handles pointer and keys. */
export function figureSections(figure: Figure, width: number): string {
  const { texts = [], agreements = [] } = figure
  const [maps] = figure.blocks.filter((block) => block.type === 'maps')
  const inSections = texts.length > 0 ? maps : undefined
  const blocks = figure.blocks.filter((block) => block !== inSections && block.type !== 'tokens')
  return [
    ...blocks.map((block) => blockSection(block, width)),
    ...agreements.map(agreementSection),
    ...texts.map((text, i) => textSection(text, i, maps as MapsBlock, width)),
  ].join('\n')
}

/** Draws one of several maps that share a scale, with its legend. */
export function mapImage({ maps, scale }: MapsBlock, index: number, width: number): string {
  const fill = onPage(scale.isSigned)
  const drawing = stack([mapDrawing(maps[index], fill, width, maps), legendDrawing(scale, fill, width)], 10)
  return image(drawing, `usage of experts: ${maps[index].title}`)
}

function blockSection(block: Block, width: number): string {
  if (block.type === 'table') return `<section><h2>${escapeXml(block.title)}</h2>${table(block)}</section>`
  if (block.type === 'matrices') {
    const drawing = blockDrawing({ ...block, title: '' }, width, onPage)
    return `<section><h2>${escapeXml(block.title)}</h2>${image(drawing, block.title)}</section>`
  }
  if (block.type !== 'maps') return ''
  const maps = block.maps.map((map) => {
    const drawing = blockDrawing({ ...block, maps: [{ ...map, title: '' }] }, width, onPage)
    return `<section><h2>${escapeXml(map.title)}</h2>${image(drawing, map.title)}</section>`
  })
  return maps.join('\n')
}

function table({ head, rows, empty }: TableBlock): string {
  if (rows.length === 0) return `<p class="note">${escapeXml(empty)}</p>`
  const lines = rows.map(({ cells, words }) => {
    const last = words ? `<td>${words.map((word) => `<code>${escapeXml(word)}</code>`).join('&ensp;')}</td>` : ''
    return `<tr>${cells.map((cell) => `<td>${escapeXml(cell)}</td>`).join('')}${last}</tr>`
  })
  return `<table><tr>${head.map((title) => `<th>${escapeXml(title)}</th>`).join('')}</tr>${lines.join('\n')}</table>`
}

function textSection(text: TextRoutes, index: number, block: MapsBlock, width: number): string {
  const shown = text.tokens.slice(0, MOST_TOKENS)
  const spans = shown.map(
    (token, i) => `<span tabindex="${i === 0 ? 0 : -1}" data-i="${i}">${shownToken(text.model.textOf(token))}</span>`,
  )
  const data = JSON.stringify(shown.map((_, i) => routesOf(text, i)))
  const { layers, mixtures } = text.usage
  const kinds = mixtures.map(({ kind }) => kind).join(' ')
  const largest = largestGate(text.model.config.mixtures)
  return `<section class="text" id="text-${index}" data-kinds="${kinds}" data-layers="${layers}" data-largest-gate="${largest}"><h2>${escapeXml(block.maps[index].title)}</h2>
<div class="map">${mapImage(block, index, width)}<span class="pin"></span><div class="detail" aria-live="polite"></div></div>
<div class="tokens">${spans.join('')}</div>${moreTokens(text)}
<script type="application/json">${data}</script></section>`
}

/**
 * Colours for a page, light or dark: small differences fade into it. An attribute and not a style, since the live page's
 * Content-Security-Policy forbids styles in markup.
 */
function onPage(isSigned: boolean): Fill {
  if (!isSigned) return onPaper(false)
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

/** Says how many tokens of a text the page leaves out. */
function moreTokens({ tokens }: TextRoutes): string {
  const rest = tokens.length - MOST_TOKENS
  return rest > 0 ? `<p class="note">and ${plural(rest, 'more token')}, which the map counts too</p>` : ''
}

function routesOf(text: TextRoutes, token: number): PageRoutes {
  return pageRoutes(text.at(token), text.model.config.mixtures)
}

/** A token's text with its line breaks and indentation. */
function shownToken(text: string): string {
  const lines = text.split('\n').map((line) => escapeXml(line.replace(/\r/g, '␍').replace(/\t/g, '⇥')))
  return lines.join('⏎\n')
}

function image({ markup, width, height }: Drawing, name: string): string {
  const size = `viewBox="0 0 ${Math.ceil(width)} ${Math.ceil(height)}" width="${Math.ceil(width)}"`
  const font = `font-family="${FONT}" font-size="${FONT_SIZE}"`
  return `<svg ${size} ${font} role="group" aria-label="${escapeXml(name)}">${markup}</svg>`
}
