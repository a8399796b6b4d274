import type { LayerRoutes } from '../api/routes.js'
import type { RoutingAgreement } from '../experts/agreement.js'
import type { TextRoutes } from '../experts/text-routes.js'
import type { MixtureKind } from '../model/config.js'
import { plural } from '../numbers.js'
import { printable } from '../printable.js'
import type { Block, Figure, MapsBlock, TableBlock } from './figure.js'
import { PAGE_SCRIPT } from './html-script.js'
import { PAGE_STYLE } from './html-style.js'
import { percent } from './percent.js'
import { blockDrawing } from './svg.js'
import { type Drawing, escapeXml, type Fill, onPaper, stack } from './svg-drawing.js'
import { legendDrawing } from './svg-legend.js'
import { mapDrawing } from './svg-map.js'

/** Tokens of a text that the page carries with their experts: beyond it, it would be slow to open. */
const MOST_TOKENS = 1000
/** Width of a map, as wide as the page has room for. */
const WIDTH = 940

/**
 * A figure as a page that needs nothing else: comparisons first, then the texts. Pointing at a token lights its experts;
 * pointing at a layer or an expert lights the tokens that wake it. Click or Enter pins what is shown.
 */
export function renderHtml(figure: Figure): string {
  const { texts = [] } = figure
  const hint = texts.length > 0 ? HINT : 'A cell is an expert, a row is a layer; arrow keys walk over the cells.'
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeXml(figure.title)}</title>
<style>${PAGE_STYLE}</style>
<h1>${escapeXml(figure.title)}</h1>
<p>${figure.caption.map(escapeXml).join('<br>')}</p>
<p class="note">${hint}</p>
${figureSections(figure, WIDTH)}
<script>${PAGE_SCRIPT}</script>
</html>
`
}

/** The sections of a figure, with maps of at most this width. PAGE_SCRIPT makes them answer to pointer and keys. */
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

/** One map of several that share a scale, as an image with its legend. */
export function mapImage({ maps, scale }: MapsBlock, index: number, width: number): string {
  const fill = onPage(scale.isSigned)
  const drawing = stack([mapDrawing(maps[index], fill, width), legendDrawing(scale, fill, width)], 10)
  return image(drawing, `usage of experts: ${maps[index].title}`)
}

const HINT =
  'A cell is an expert, a row is a layer. Point at a token to see the experts that it wakes, at a layer’s number or an ' +
  'expert to see the tokens. A click or <kbd>Enter</kbd> pins what is shown, <kbd>Esc</kbd> lets go; <kbd>Tab</kbd> ' +
  'goes to tokens and cells, the arrow keys walk over them.'

function blockSection(block: Block, width: number): string {
  if (block.type === 'table') return `<section><h2>${escapeXml(block.title)}</h2>${table(block)}</section>`
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
  return `<section class="text" id="text-${index}" data-kinds="${kinds}" data-layers="${layers}"><h2>${escapeXml(block.maps[index].title)}</h2>
<div class="map">${mapImage(block, index, width)}<span class="pin"></span><div class="detail" aria-live="polite"></div></div>
<div class="tokens">${spans.join('')}</div>${moreTokens(text)}
<script type="application/json">${data}</script></section>`
}

/**
 * Colours on the page: what is alike fades into it, be it light or dark. An attribute and not a style, which the live page
 * forbids to markup.
 */
function onPage(isSigned: boolean): Fill {
  if (!isSigned) return onPaper(false)
  return (amount) => {
    const colour = amount < 0 ? 'var(--less)' : 'var(--more)'
    return `fill="color-mix(in srgb, ${colour} ${Math.round(100 * Math.abs(amount))}%, var(--alike))"`
  }
}

/** The tokens of a text that two models read, marked the more the fewer of their experts both choose. */
function agreementSection({ text, perToken }: RoutingAgreement): string {
  const shown = text.tokens.slice(0, MOST_TOKENS)
  const spans = shown.map((token, i) => {
    const marked = Math.round(100 * (1 - perToken[i]))
    const style = `background: color-mix(in srgb, var(--more) ${marked}%, transparent)`
    return `<span title="${percent(perToken[i])} in common" style="${style}">${shownToken(text.model.textOf(token))}</span>`
  })
  const title = `Tokens of ${printable(text.name)} that are routed otherwise`
  const note = 'The stronger a token is marked, the fewer of its experts both models choose, over all layers and kinds.'
  return `<section><h2>${escapeXml(title)}</h2><p class="note">${note}</p>
<div class="tokens">${spans.join('')}</div>${moreTokens(text)}</section>`
}

/** How many tokens of a text the page leaves out. */
function moreTokens({ tokens }: TextRoutes): string {
  const rest = tokens.length - MOST_TOKENS
  return rest > 0 ? `<p class="note">and ${plural(rest, 'more token')}, which the map counts too</p>` : ''
}

function routesOf(text: TextRoutes, token: number): PageRoutes {
  return pageRoutes(
    text.at(token),
    text.usage.mixtures.map(({ kind }) => kind),
  )
}

/** What PAGE_SCRIPT reads of a token. Per layer: ids and gates of each mixture, none where it has none; gates in thousandths. */
export type PageRoutes = number[][][]

/** The routes of one token as PAGE_SCRIPT reads them; `kinds` in the order of the section's `data-kinds`. */
export function pageRoutes(layers: readonly LayerRoutes[], kinds: readonly MixtureKind[]): PageRoutes {
  return layers.map((layer) =>
    kinds.flatMap((kind) => {
      const { ids = [], gates = [] } = layer[kind] ?? {}
      return [[...ids], Array.from(gates, (gate) => Math.round(1000 * gate))]
    }),
  )
}

/** A token as it stands in its text: lines end and are indented as there. */
function shownToken(text: string): string {
  const lines = text.split('\n').map((line) => escapeXml(line.replace(/\r/g, '␍').replace(/\t/g, '⇥')))
  return lines.join('⏎\n')
}

function image({ markup, width, height }: Drawing, name: string): string {
  const size = `viewBox="0 0 ${Math.ceil(width)} ${Math.ceil(height)}" width="${Math.ceil(width)}"`
  return `<svg ${size} role="group" aria-label="${escapeXml(name)}">${markup}</svg>`
}
