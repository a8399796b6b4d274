import type { TextRoutes } from '../experts/text-routes.js'
import type { MixtureKind } from '../model/config.js'
import { largestGate } from '../model/routing.js'
import { cellWidth, fit } from '../terminal/cell-width.js'
import { type ColourDepth, paint } from '../terminal/colours.js'
import { wrap } from '../terminal/wrap.js'
import { mostExperts } from './figure.js'
import { sequentialOn } from './palette.js'
import { evenChunk } from './text-map.js'
import { visibleToken } from './visible-token.js'

/** Columns of a token's text. */
const TOKEN = 14

/**
 * Yields a line for each token with the first expert of each layer, as bright as its gate. If that is too wide, yields
 * a line for the token, then lines of several layers each.
 */
export function* tokenLanes(text: TextRoutes, depth: ColourDepth, width: number): Generator<string> {
  const { mixtures, layers } = text.usage
  const most = Math.max(...mixtures.map(mostExperts))
  const digits = Math.max(String(most - 1).length, String(layers - 1).length)
  const lane = layers * (digits + 1) - 1
  const all = Array.from({ length: layers }, (_, layer) => layer)
  const named = (token: number) => fit(visibleToken(text.model.textOf(token)), TOKEN)
  const largest = largestGate(text.model.config.mixtures)
  const experts = (token: number, kind: MixtureKind, of: readonly number[]) =>
    of.map((layer) => first(text.first(token, layer, kind), { digits, depth, largest })).join(' ')
  const hasAlways = text.model.config.mixtures.some(({ routing }) => routing?.always)
  const what = `the expert with the largest gate in each layer${hasAlways ? ', except those that every token uses' : ''}`
  if (TOKEN + 2 + mixtures.length * (lane + 3) - 3 <= width) {
    yield* wrap(`${what}; the numbers above are layers`, width)
    yield trimmed(['', ...mixtures.map(({ kind }) => fit(kind, lane))], [TOKEN, ...mixtures.map(() => lane)])
    const numbers = all.map((layer) => String(layer).padStart(digits)).join(' ')
    yield trimmed(['token', ...mixtures.map(() => numbers)], [TOKEN, ...mixtures.map(() => lane)])
    for (const [i, token] of text.tokens.entries()) {
      const lanes = mixtures.map(({ kind }) => experts(i, kind, all))
      yield `${padded(named(token), TOKEN)}  ${lanes.join('   ')}`
    }
    return
  }
  const kindWidth = Math.max(...mixtures.map(({ kind }) => kind.length))
  const layerWidth = String(layers - 1).length
  const room = width - 2 - kindWidth - 1 - layerWidth - 2
  const perLine = evenChunk(layers, Math.max(1, Math.floor((room + 1) / (digits + 1))))
  const starts = Array.from({ length: Math.ceil(layers / perLine) }, (_, i) => i * perLine)
  yield* wrap(`${what}; a line begins with the number of its first layer`, width)
  for (const [i, token] of text.tokens.entries()) {
    yield named(token)
    for (const { kind } of mixtures) {
      for (const start of starts) {
        const ids = experts(i, kind, all.slice(start, start + perLine))
        yield `  ${kind.padEnd(kindWidth)} ${String(start).padStart(layerWidth)}: ${ids}`
      }
    }
  }
}

function first(
  expert: ReturnType<TextRoutes['first']>,
  { digits, depth, largest }: { digits: number; depth: ColourDepth; largest: number },
): string {
  if (!expert) return '-'.padStart(digits)
  return paint(String(expert.id).padStart(digits), sequentialOn(depth, 0.3 + (0.7 * expert.gate) / largest), depth)
}

/** Puts a name and lanes side by side. */
function trimmed([name, ...lanes]: string[], [nameWidth, ...widths]: number[]): string {
  return `${name.padEnd(nameWidth)}  ${lanes.map((lane, i) => lane.padEnd(widths[i])).join('   ')}`.trimEnd()
}

function padded(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - cellWidth(text)))
}
