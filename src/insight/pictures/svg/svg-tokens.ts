import { graphemes } from '../../../ground/output/cell-width.js'
import { wrap } from '../../../ground/output/wrap.js'
import { largestGate } from '../../../model/config/routing.js'
import type { TextRoutes } from '../../usage/text-routes.js'
import { DENSE, mostExperts, TITLES, type TokensBlock } from '../blocks/figure.js'
import { visibleToken } from '../blocks/labels.js'
import { sequential, strengthOf, toHex } from '../blocks/palette.js'
import {
  CHARACTER,
  type Drawing,
  endLabel,
  escapeXml,
  fixed,
  label,
  onPaper,
  stack,
  textLines,
  textWidth,
} from './svg-drawing.js'
import { legendDrawing } from './svg-legend.js'

/** Maximum tokens of a picture; people do not read more. */
const MOST_TOKENS = 160
/** Width of a token's column; its name is upright above it. */
const CELL = 12
const NAME = 14
/** Height of an expert's row, by the maximum experts of a layer, so that large models do not make pictures too tall. */
const ROWS = [
  { experts: 32, height: 3 },
  { experts: 64, height: 2 },
  { experts: Number.POSITIVE_INFINITY, height: 1 },
]
/** Minimum height of a lane, for its name. */
const LEAST_LANE = 12
const LANE_GAP = 2
const LAYER_GAP = 5
/** Room for the numbers of the first and the last expert of a lane. */
const NUMBERS = 4 * CHARACTER

/** Draws tokens from left to right in strips as wide as the picture: a lane for each layer and kind, lit by gate. */
export function tokenDrawing(block: TokensBlock, width: number): Drawing {
  const { text, mixtures } = block
  const shown = Math.min(MOST_TOKENS, text.tokens.length)
  const lanes = lanesOf(block)
  const left = Math.max(...[...lanes.rows, ...lanes.dense].map(({ name }) => textWidth(name))) + 6
  const room = Math.max(1, Math.floor((width - left - NUMBERS) / CELL))
  const perStrip = Math.ceil(shown / Math.ceil(shown / room))
  const strips = Array.from({ length: Math.ceil(shown / perStrip) }, (_, i) => i * perStrip).map((from) =>
    stripDrawing(text, lanes, { from, to: Math.min(shown, from + perStrip), left }),
  )
  const kinds = mixtures.map(({ kind }) => TITLES[kind]).join(', then ')
  const rest = shown < text.tokens.length ? [`the first ${shown} of ${text.tokens.length} tokens`] : []
  const words = [`per layer a lane of ${kinds}; the first expert of a lane is on top`, ...rest].join('; ')
  const note = textLines(wrap(words, Math.floor(width / CHARACTER)))
  const scale = { isSigned: false, meaning: 'gate', from: '0', to: String(largestGate(text.model.config.mixtures)) }
  const legend = text.model.hasGates === false ? [] : [legendDrawing(scale, onPaper(false), width)]
  return stack([stack([note, ...legend], 2), ...strips], 16)
}

function stripDrawing(
  text: TextRoutes,
  { rows, dense, end, row }: ReturnType<typeof lanesOf>,
  { from, to, left }: { from: number; to: number; left: number },
): Drawing {
  const names = text.tokens.slice(from, to).map((token) => clipped(visibleToken(text.model.textOf(token))))
  const head = Math.max(...names.map(textWidth)) + 6
  const parts = names.map((name, i) => {
    const at = `translate(${fixed(left + i * CELL + CELL / 2 + 4)} ${fixed(head - 4)})`
    return `<text transform="${at} rotate(-90)" xml:space="preserve">${escapeXml(name)}</text>`
  })
  const width = (to - from) * CELL
  const most = largestGate(text.model.config.mixtures)
  for (const { name, y, experts, height } of rows) {
    parts.push(endLabel(left - 6, head + y + height / 2 + 4, name))
    parts.push(
      `<rect x="${fixed(left)}" y="${fixed(head + y)}" width="${width}" height="${height}" fill="${toHex(sequential(0))}"/>`,
    )
    if (height >= 22) {
      parts.push(label(left + width + 3, head + y + 8, '0', 'small'))
      parts.push(label(left + width + 3, head + y + height, String(experts - 1), 'small'))
    }
  }
  for (const { name, y } of dense) parts.push(endLabel(left - 6, head + y + 10, name))
  for (let i = from; i < to; i++) {
    for (const { kind, layer, y } of rows) {
      const chosen = text.chosen(i, layer, kind)
      chosen?.ids.forEach((expert, slot) => {
        const gate = chosen.gates[slot]
        const place = `x="${fixed(left + (i - from) * CELL)}" y="${fixed(head + y + expert * row)}" width="${CELL - 1}" height="${row}"`
        const known = Number.isNaN(gate) ? '' : `, gate ${gate.toFixed(3)}`
        const title = `${names[i - from]}: layer ${layer}, ${kind} expert ${expert}${known}`
        parts.push(
          `<rect ${place} fill="${toHex(sequential(0.25 + 0.75 * strengthOf(gate, most)))}"><title>${escapeXml(title)}</title></rect>`,
        )
      })
    }
  }
  return { markup: parts.join('\n'), width: left + width + NUMBERS, height: head + end }
}

/** Places of the lanes below the names, and of layers without any. */
function lanesOf({ layers, mixtures }: TokensBlock) {
  const most = Math.max(...mixtures.map(mostExperts))
  const row = ROWS.find(({ experts }) => most <= experts)?.height ?? 1
  let y = 0
  const dense: { name: string; y: number }[] = []
  const rows = layers.flatMap((layer) => {
    const present = mixtures.filter(({ experts }) => experts[layer] > 0)
    const lanes = present.map(({ kind, experts: counts }) => {
      const experts = counts[layer]
      const height = Math.max(LEAST_LANE, experts * row)
      const lane = { name: `${layer} ${kind}`, kind, layer, y, experts, height }
      y += height + LANE_GAP
      return lane
    })
    if (present.length === 0) {
      dense.push({ name: `${layer} ${DENSE}`, y })
      y += LEAST_LANE
    }
    y += LAYER_GAP
    return lanes
  })
  return { rows, dense, end: y, row }
}

function clipped(name: string): string {
  const characters = graphemes(name)
  return characters.length <= NAME ? name : `${characters.slice(0, NAME - 1).join('')}…`
}
