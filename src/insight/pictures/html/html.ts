import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { type Figure, mapsOf } from '../blocks/figure.js'
import { withoutNumbers } from '../kinds/usage-figure.js'
import { escapeXml } from '../svg/svg-drawing.js'
import { cellSide } from '../svg/svg-map.js'
import { figureSections, figureSentences, firstMaps, numbersOf } from './html-sections.js'

/**
 * Widths to draw maps for, in pixels. A map takes the first on which its cells are wide enough: it is then legible on a
 * phone, and large beside a text. Otherwise it takes the width of the page.
 */
const BESIDE = [360, 420, 480, 540]
const WIDE = 940
const LEAST_CELL = 8

/**
 * Draws a figure as a self-contained HTML page: the texts first, coloured, each with its map beside it, then comparisons.
 * Pointing at a token frames its experts; pointing at a layer or an expert highlights the tokens that wake it. A click or
 * Enter pins the selection. A player shows the tokens one by one.
 */
export function renderHtml(figure: Figure): string {
  const usage = figure.texts?.length ? firstMaps(figure) : undefined
  const quiet = { ...figure, blocks: figure.blocks.map((block) => (block === usage ? withoutNumbers(usage) : block)) }
  const maps = mapsOf(quiet)
  const width = maps.length === 0 ? WIDE : (BESIDE.find((width) => cellSide(maps, width) >= LEAST_CELL) ?? WIDE)
  const title = escapeXml(figure.title || 'Experts')
  // A conversation comes first, and then what is said about it.
  const about = `${figureSentences(figure)}\n${captionOf(figure)}`
  const [before, after] = figure.turns ? ['', about] : [about, pack(numbersOf(figure, width))]
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${asset('figure.css')}${asset('written-page.css')}</style>
<body class="${width === WIDE ? 'wide' : 'narrow'}">
<main>
${figure.title === '' ? '' : `<h1>${title}</h1>`}
${figureSections(quiet, width, before, pack)}
${after}
</main>
${pack(MODULES.map((name) => `<script type="module">${asset(name)}</script>`).join(''))}
<script type="module">${asset('unpack.js')}</script>
</body>
</html>
`
}

const MODULES = ['colour-text.js', 'explore.js', 'voices.js', 'play.js', 'focus.js']

/** Markup that interactive/unpack.ts puts in its place: experts of hundreds of tokens are a third as long in this form. */
function pack(markup: string): string {
  return `<script type="application/gzip">${gzipSync(markup, { level: 9 }).toString('base64')}</script>`
}

const HINT =
  'A cell of the map is an expert, a row is a layer. Point at a token to see the experts that it wakes, or at a layer’s number or an ' +
  'expert to see its tokens. A click or <kbd>Enter</kbd> pins the selection, <kbd>Esc</kbd> unpins it; <kbd>Tab</kbd> ' +
  'goes to tokens and cells, the arrow keys move between them. <kbd>p</kbd> plays the text, and <kbd>Esc</kbd> ends that.'

/** The lines about the model; on a page with texts, the hint is folded below them, so that the texts are near the top. */
function captionOf(figure: Figure): string {
  const lines = figure.caption.map(escapeXml).join('<br>')
  if (figure.texts?.length) {
    return `<details class="note"><summary>${lines || 'How to read it'}</summary><p>${HINT}</p></details>`
  }
  const hint = '\n<p class="note">A cell is an expert, a row is a layer; the arrow keys move between cells.</p>'
  return `<p>${lines}</p>${mapsOf(figure).length > 0 ? hint : ''}`
}

function asset(name: string): string {
  return readFileSync(new URL(`../interactive/${name}`, import.meta.url), 'utf8')
}
