import { readFileSync } from 'node:fs'
import type { Figure } from './figure.js'
import { figureSections } from './html-sections.js'
import { escapeXml } from './svg-drawing.js'

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
<style>${asset('figure.css')}${asset('written-page.css')}</style>
<h1>${escapeXml(figure.title)}</h1>
<p>${figure.caption.map(escapeXml).join('<br>')}</p>
<p class="note">${hint}</p>
${figureSections(figure, WIDTH)}
<script type="module">${asset('explore.js')}</script>
</html>
`
}

const HINT =
  'A cell is an expert, a row is a layer. Point at a token to see the experts that it wakes, at a layer’s number or an ' +
  'expert to see the tokens. A click or <kbd>Enter</kbd> pins what is shown, <kbd>Esc</kbd> lets go; <kbd>Tab</kbd> ' +
  'goes to tokens and cells, the arrow keys walk over them.'

/** A file of the page's, as it was built. */
function asset(name: string): string {
  return readFileSync(new URL(`interactive/${name}`, import.meta.url), 'utf8')
}
