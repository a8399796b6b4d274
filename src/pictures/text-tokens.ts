import type { TextRoutes } from '../experts/text-routes.js'
import type { ExpertRoutes } from '../generation/types.js'
import { printable } from '../printable.js'
import { cellWidth, fit } from '../terminal/cell-width.js'
import { type ColourDepth, paint } from '../terminal/colours.js'
import { wrap } from '../terminal/wrap.js'
import { sequential } from './palette.js'
import { evenChunk } from './text-map.js'
import { visibleToken } from './visible-token.js'

/** Columns of a token's text. */
const TOKEN = 14

/**
 * The first expert of each layer, as bright as its gate: a line per token, or, where that is too wide, a line for the
 * token and below it lines for so many layers each.
 */
export function tokenLanes(
  text: TextRoutes,
  textOf: (token: number) => string,
  depth: ColourDepth,
  width: number,
): string[] {
  const { mixtures, layers } = text.usage
  const digits = String(Math.max(...mixtures.flatMap(({ layers }) => layers.map(({ experts }) => experts))) - 1).length
  const kinds = mixtures.map(({ kind }) => kind)
  const head = `${printable(text.name)}: the expert with the largest gate in each layer, ${kinds.join(' and then ')}`
  const lane = layers * (digits + 1) - 1
  const named = (token: number) => fit(visibleToken(textOf(token)), TOKEN)
  if (TOKEN + 2 + mixtures.length * (lane + 3) - 3 <= width) {
    const lines = text.tokens.map((token, i) => {
      const routes = text.at(i)
      const lanes = kinds.map((kind) => routes.map((layer) => first(layer[kind], digits, depth)).join(' '))
      return `${padded(named(token), TOKEN)}  ${lanes.join('   ')}`
    })
    return [...wrap(head, width), ...lines]
  }

  const kindWidth = Math.max(...kinds.map(({ length }) => length))
  const layerWidth = String(layers - 1).length
  const room = width - 2 - kindWidth - 1 - layerWidth - 2
  const perLine = evenChunk(layers, Math.max(1, Math.floor((room + 1) / (digits + 1))))
  const starts = Array.from({ length: Math.ceil(layers / perLine) }, (_, i) => i * perLine)
  const lines = text.tokens.flatMap((token, i) => {
    const routes = text.at(i)
    const lanes = kinds.flatMap((kind) =>
      starts.map((start) => {
        const ids = routes.slice(start, start + perLine).map((layer) => first(layer[kind], digits, depth))
        return `  ${kind.padEnd(kindWidth)} ${String(start).padStart(layerWidth)}: ${ids.join(' ')}`
      }),
    )
    return [named(token), ...lanes]
  })
  return [...wrap(`${head}; a line begins with the number of its first layer`, width), ...lines]
}

function first(routes: ExpertRoutes | undefined, digits: number, depth: ColourDepth): string {
  if (!routes) return '-'.padStart(digits)
  const { ids, gates } = routes
  return paint(String(ids[0]).padStart(digits), sequential(0.3 + 0.7 * gates[0]), depth)
}

function padded(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - cellWidth(text)))
}
