import { findSpecialists, SPECIALISTS } from '../experts/comparison.js'
import type { ReportInput } from '../experts/text-routes.js'
import { differencePanel, differences, titled, usagePanel } from './panels.js'
import { type Drawing, label, stack } from './svg-grid.js'
import { tokenPanel } from './svg-tokens.js'
import { nameOf, percent } from './text-report.js'
import { visibleToken } from './visible-token.js'

const MARGIN = 20

/** The report as one SVG image, with nothing outside of it. */
export function svgReport(input: ReportInput): string {
  const { texts, model, perToken, textOf } = input
  const drawings = texts.map((text) => titled(`${text.name}, ${text.usage.tokens} tokens, ${model}`, usagePanel(text)))
  for (const { title, of } of differences(texts)) drawings.push(titled(title, differencePanel(texts, of)))
  if (texts.length > 1) drawings.push(titled('Most specialised experts', specialists(input)))
  if (perToken) for (const text of texts) drawings.push(titled(`Tokens of ${text.name}`, tokenPanel(text, textOf)))
  const { markup, width, height } = stack(drawings, 26)
  const size = [Math.ceil(width + 2 * MARGIN), Math.ceil(height + 2 * MARGIN)]
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.join(' ')}" width="${size[0]}" height="${size[1]}" role="img" aria-label="Experts used by ${texts.length === 1 ? 'a text' : 'several texts'}">
<style>${STYLE}</style>
<rect width="100%" height="100%" fill="#ffffff"/>
<g transform="translate(${MARGIN} ${MARGIN})">${markup}</g>
</svg>
`
}

const STYLE =
  'text{font:11px ui-sans-serif,system-ui,sans-serif;fill:#333}.title{font-weight:600;font-size:13px;fill:#111}.mono{font-family:ui-monospace,monospace}'

function specialists({ texts, textOf }: ReportInput): Drawing {
  const found = findSpecialists(texts, SPECIALISTS, 6)
  const rows = found.map((specialist, i) => {
    const { text, share, elsewhere, tokens } = specialist
    const y = 12 + 17 * i
    const words = tokens.map(({ token }) => visibleToken(textOf(token))).join('  ')
    return [
      label(0, y, nameOf(specialist)),
      label(140, y, texts[text].name),
      label(250, y, `${percent(share)} against ${percent(elsewhere)}`),
      label(390, y, words, 'mono'),
    ].join('')
  })
  return { markup: rows.join('\n'), width: 700, height: 17 * found.length }
}
