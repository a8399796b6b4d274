import { readFileSync } from 'node:fs'
import type { Figure } from './figure.js'
import { figureSections } from './html-sections.js'
import { escapeXml } from './svg-drawing.js'

/** Width of a map in pixels, that of the page. */
const WIDTH = 940

/**
 * Draws a figure as a self-contained HTML page: comparisons first, then the texts. Pointing at a token frames its experts;
 * pointing at a layer or an expert highlights the tokens that wake it. A click or Enter pins the selection.
 */
export function renderHtml(figure: Figure): string {
  const { texts = [] } = figure
  const hint = texts.length > 0 ? HINT : hintOf(figure)
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeXml(figure.title)}</title>
<style>${asset('figure.css')}${asset('written-page.css')}</style>
<h1>${escapeXml(figure.title)}</h1>
<p>${figure.caption.map(escapeXml).join('<br>')}</p>
${hint && `<p class="note">${hint}</p>`}
${figureSections(figure, WIDTH)}
<script type="module">${asset('explore.js')}</script>
</html>
`
}

const HINT =
  'A cell is an expert, a row is a layer. Point at a token to see the experts that it wakes, or at a layer’s number or an ' +
  'expert to see its tokens. A click or <kbd>Enter</kbd> pins the selection, <kbd>Esc</kbd> unpins it; <kbd>Tab</kbd> ' +
  'goes to tokens and cells, the arrow keys move between them.'

function hintOf({ blocks }: Figure): string {
  if (blocks.some(({ type }) => type === 'matrices'))
    return 'A cell is a pair of experts; point at it to see their names.'
  return blocks.some(({ type }) => type === 'maps')
    ? 'A cell is an expert, a row is a layer; the arrow keys move between cells.'
    : ''
}

/** Reads a file of the page. */
function asset(name: string): string {
  return readFileSync(new URL(`interactive/${name}`, import.meta.url), 'utf8')
}
