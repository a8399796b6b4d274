import type { RoutingAgreement } from '../experts/agreement.js'
import type { TextRoutes } from '../experts/text-routes.js'
import { plural } from '../numbers.js'
import { printable } from '../printable.js'
import type { Block, ExpertMap, Figure, MapsBlock, TableBlock } from './figure.js'
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
  const { texts = [], agreements = [] } = figure
  const [maps] = figure.blocks.filter((block) => block.type === 'maps')
  const inSections = texts.length > 0 ? maps : undefined
  const blocks = figure.blocks.filter((block) => block !== inSections && block.type !== 'tokens')
  const sections = texts.map((text, i) => textSection(text, i, maps as MapsBlock))
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
${blocks.map(blockSection).join('\n')}
${agreements.map(agreementSection).join('\n')}
${sections.length > 0 ? `<div class="texts">${sections.join('\n')}</div>` : ''}
<script>${PAGE_SCRIPT}</script>
</html>
`
}

const HINT =
  'A cell is an expert, a row is a layer. Point at a token to see the experts that it wakes, at a layer’s number or an ' +
  'expert to see the tokens. A click or <kbd>Enter</kbd> pins what is shown, <kbd>Esc</kbd> lets go; <kbd>Tab</kbd> and ' +
  'the arrow keys walk over tokens and cells.'

function blockSection(block: Block): string {
  if (block.type === 'table') return `<section><h2>${escapeXml(block.title)}</h2>${table(block)}</section>`
  if (block.type !== 'maps') return ''
  const maps = block.maps.map((map) => {
    const drawing = blockDrawing({ ...block, maps: [{ ...map, title: '' }] }, WIDTH, onPage)
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

function textSection(text: TextRoutes, index: number, { maps, scale }: MapsBlock): string {
  const shown = text.tokens.slice(0, MOST_TOKENS)
  const spans = shown.map(
    (token, i) => `<span tabindex="0" data-i="${i}">${shownToken(text.model.textOf(token))}</span>`,
  )
  const data = JSON.stringify(shown.map((_, i) => routesOf(text, i)))
  const map: ExpertMap = maps[index]
  const fill = onPage(scale.isSigned)
  const drawing = stack([mapDrawing(map, fill, WIDTH), legendDrawing(scale, fill, WIDTH)], 10)
  const { layers, mixtures } = text.usage
  const kinds = mixtures.map(({ kind }) => kind).join(' ')
  return `<section class="text" id="text-${index}" data-kinds="${kinds}" style="--layers: ${layers}"><h2>${escapeXml(map.title)}</h2>
<div class="map">${image(drawing, `usage of experts by ${text.name}`)}<span class="pin"></span><div class="detail" aria-live="polite"></div></div>
<div class="tokens">${spans.join('')}</div>${moreTokens(text)}
<script type="application/json">${data}</script></section>`
}

/** Colours on the page: what is alike fades into it, be it light or dark. */
function onPage(isSigned: boolean): Fill {
  if (!isSigned) return onPaper(false)
  return (amount) => {
    const colour = amount < 0 ? 'var(--less)' : 'var(--more)'
    return `style="fill: color-mix(in srgb, ${colour} ${Math.round(100 * Math.abs(amount))}%, var(--alike))"`
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

/** Per layer: ids and gates of each mixture, without any where the layer has none; gates in thousandths. */
function routesOf(text: TextRoutes, token: number): number[][][] {
  return text.at(token).map((layer) =>
    text.usage.mixtures.flatMap(({ kind }) => {
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
