import type { MixtureKind } from '../../model/config.js'
import { visibleToken } from '../../pictures/visible-token.js'
import { cellWidth, fit } from '../../terminal/cell-width.js'
import { inverse } from '../../terminal/style.js'
import { wrap } from '../../terminal/wrap.js'
import type { TokenMap } from './token-map.js'

/** Lines for the experts of a token, shared by the kinds of experts. */
const EXPERT_LINES = 2

/** Number of experts to name besides the chosen ones: those that came closest. */
const ALTERNATIVES = 3

/** Details of the selected token: the text around it, and its experts in one layer with those that came close. */
export function tokenDetails(map: TokenMap, width: number): string[] {
  if (map.selected === undefined || !map.shown) return []
  const kinds = map.kindsOf(map.layer)
  if (kinds.length === 0) return [strip(map, width), fit(`layer ${map.layer} is dense: it has no experts`, width)]
  const lines = kinds.flatMap((kind) => wrapAtMost(expertsLine(map, kind), width, EXPERT_LINES / kinds.length))
  return [strip(map, width), ...lines]
}

/** Wraps a text into at most `count` lines; an ellipsis replaces the rest. */
function wrapAtMost(text: string, width: number, count: number): string[] {
  const lines = wrap(text, width)
  if (lines.length <= count) return lines
  let last = `${lines[count - 1].trimEnd()} …`
  while (cellWidth(last) > width && last.includes(' ')) last = last.replace(/ *\S+ …$/, ' …')
  return [...lines.slice(0, count - 1), fit(last, width)]
}

/**
 * Chosen experts with their gates, then the likeliest others: `layer 3 mlp: 4 .412  9 .201 | next 3 .087  7 .042`. Scores
 * that are no probabilities are named: `next by score`. An expert that every token uses is marked: `8 1.000 always`.
 */
export function expertsLine(map: TokenMap, kind: MixtureKind): string {
  const routes = map.shown?.routes[map.layer][kind]
  if (!routes) return `layer ${map.layer} ${kind}: no experts`
  const { ids, gates, probabilities = new Float32Array(0) } = routes
  const always = (id: number) => (map.isAlways(kind, map.layer, id) ? ' always' : '')
  const chosen = Array.from(ids, (id, slot) => `${id} ${share(gates[slot])}${always(id)}`)
  const others = Array.from(probabilities, (score, id) => ({ id, score }))
    .filter(({ id }) => !ids.includes(id))
    .sort((a, b) => b.score - a.score)
    .slice(0, ALTERNATIVES)
    .map(({ id, score }) => `${id} ${share(score)}`)
  const next = others.length > 0 ? ` | next${map.hasProbabilities(kind) ? '' : ' by score'} ${others.join('  ')}` : ''
  return `layer ${map.layer} ${kind}: ${chosen.join('  ')}${next}`
}

/** The selected token in reverse video, between its neighbours. */
function strip(map: TokenMap, width: number): string {
  const at = map.shownIndex
  const text = (index: number) => visibleToken(map.tokens[index].text).replaceAll('·', ' ')
  const middle = fit(text(at), width - 4)
  let left = ''
  let right = ''
  let room = width - cellWidth(middle) - 2
  for (let distance = 1; ; distance++) {
    const before = at - distance >= 0 ? text(at - distance) : ''
    const after = at + distance < map.tokens.length ? text(at + distance) : ''
    room -= cellWidth(before) + cellWidth(after)
    if (room < 0 || (before === '' && after === '')) break
    left = before + left
    right += after
  }
  return `${left}${inverse(middle)}${right}`
}

function share(score: number): string {
  return score.toFixed(3).replace(/^0/, '')
}
