import { largest, largestPreference, preference, shareOf } from '../experts/comparison.js'
import type { TextRoutes } from '../experts/text-routes.js'
import { diverging, sequential } from './palette.js'
import { colourScale, type Drawing, label, layerGrid, stack } from './svg-grid.js'
import { percent } from './text-report.js'

/** Usage of one text by layer and expert, with its scale. */
export function usagePanel(text: TextRoutes): Drawing {
  const most = largest(text)
  const grid = layerGrid(
    text,
    (kind, layer, expert) => {
      const share = shareOf(text, { kind, layer, expert })
      const title = `layer ${layer}, ${kind} expert ${expert}: ${percent(share)} of the tokens`
      return { colour: sequential(share / most), title }
    },
    { measures: true },
  )
  return stack([grid, colourScale(sequential, '0', `${percent(most)} of the tokens`)], 10)
}

/** What a text uses more (orange) or less (blue) than the other, or than the others on average. */
export function differencePanel(texts: readonly TextRoutes[], of: number): Drawing {
  const most = largestPreference(texts)
  const grid = layerGrid(
    texts[of],
    (kind, layer, expert) => {
      const by = preference(texts, of, { kind, layer, expert })
      const title = `layer ${layer}, ${kind} expert ${expert}: ${signedPercent(by)} of the tokens`
      return { colour: diverging(by / most), title }
    },
    { measures: false },
  )
  const scale = colourScale((at) => diverging(2 * at - 1), signedPercent(-most), `${signedPercent(most)} of the tokens`)
  return stack([grid, scale], 10)
}

/** Titles and numbers of the texts whose differences are shown: of two texts one map says all. */
export function differences(texts: readonly TextRoutes[]): { title: string; of: number }[] {
  if (texts.length < 2) return []
  if (texts.length === 2) return [{ title: `${texts[0].name} (orange) against ${texts[1].name} (blue)`, of: 0 }]
  return texts.map(({ name }, of) => ({ title: `${name} (orange) against the others (blue)`, of }))
}

export function titled(title: string, drawing: Drawing): Drawing {
  const head = { markup: label(0, 12, title, 'title'), width: 7.2 * title.length, height: 14 }
  return stack([head, drawing], 8)
}

function signedPercent(share: number): string {
  return `${share < 0 ? '−' : '+'}${percent(Math.abs(share))}`
}
