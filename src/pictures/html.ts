import { findSpecialists, SPECIALISTS } from '../experts/comparison.js'
import type { ReportInput, TextRoutes } from '../experts/text-routes.js'
import { PAGE_SCRIPT, PAGE_STYLE } from './html-page.js'
import { differencePanel, differences, usagePanel } from './panels.js'
import { type Drawing, escapeXml, TITLES } from './svg-grid.js'
import { nameOf, percent } from './text-report.js'
import { visibleToken } from './visible-token.js'

/** Tokens of a text that the page carries with their experts: beyond it, it would be slow to open. */
const MOST_TOKENS = 1000

/**
 * The report as a page that needs nothing else: light or dark as the reader has it. Pointing at a token lights its
 * experts; pointing at a layer or an expert lights the tokens that wake it.
 */
export function htmlReport(input: ReportInput): string {
  const { texts, model } = input
  const names = texts.map(({ name }) => name).join(', ')
  const kinds = texts[0].usage.mixtures.map(({ kind }) => TITLES[kind])
  const sections = [
    ...texts.map((text, i) => textSection(text, i, input)),
    ...differences(texts).map(({ title, of }) => section(title, image(differencePanel(texts, of), title))),
    ...(texts.length > 1 ? [section('Most specialised experts', specialistTable(input))] : []),
  ]
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Experts: ${escapeXml(names)}</title>
<style>${PAGE_STYLE}</style>
<h1>Experts of ${escapeXml(model)}</h1>
<p>A cell is an expert, a row is a layer. Point at a token to see the experts that it wakes, at a layer’s number or an expert to see the tokens. Entropy and fairness are those of the ${kinds.join(', then of the ')}.</p>
${sections.join('\n')}
<script>${PAGE_SCRIPT}</script>
</html>
`
}

function textSection(text: TextRoutes, index: number, { textOf }: ReportInput): string {
  const shown = text.tokens.slice(0, MOST_TOKENS)
  const spans = shown.map((token, i) => `<span tabindex="0" data-i="${i}">${shownToken(textOf(token))}</span>`)
  const rest = text.tokens.length - shown.length
  const more = rest > 0 ? `<p class="note">and ${rest} more tokens, which the map counts too</p>` : ''
  const data = JSON.stringify(shown.map((_, i) => routesOf(text, i)))
  const map = image(usagePanel(text), `usage of experts by ${text.name}`)
  const { layers, mixtures } = text.usage
  const kinds = mixtures.map(({ kind }) => kind).join(' ')
  return `<section class="text" id="text-${index}" data-kinds="${kinds}" style="--layers: ${layers}"><h2>${escapeXml(text.name)}, ${text.usage.tokens} tokens</h2>
<div class="map">${map}<div class="detail" aria-live="polite"></div></div>
<div class="tokens">${spans.join('')}</div>${more}
<script type="application/json">${data}</script></section>`
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

function specialistTable({ texts, textOf }: ReportInput): string {
  const rows = findSpecialists(texts, SPECIALISTS).map((found) => {
    const tokens = found.tokens.map(
      ({ token, count }) => `<code>${escapeXml(visibleToken(textOf(token)))}</code> ×${count}`,
    )
    const cells = [nameOf(found), escapeXml(texts[found.text].name), percent(found.share), percent(found.elsewhere)]
    return `<tr>${cells.map((cell) => `<td>${cell}</td>`).join('')}<td>${tokens.join('&ensp;')}</td></tr>`
  })
  const head = ['expert', 'text', 'share there', 'elsewhere', 'tokens that wake it most']
  return `<table><tr>${head.map((title) => `<th>${title}</th>`).join('')}</tr>${rows.join('\n')}</table>`
}

function section(title: string, content: string): string {
  return `<section><h2>${escapeXml(title)}</h2>${content}</section>`
}

function image({ markup, width, height }: Drawing, name: string): string {
  const size = `viewBox="0 0 ${Math.ceil(width)} ${Math.ceil(height)}" width="${Math.ceil(width)}"`
  return `<svg ${size} role="img" aria-label="${escapeXml(name)}">${markup}</svg>`
}
