import { cellWidth, fit } from '../../../ground/output/cell-width.js'
import { wrap } from '../../../ground/output/wrap.js'
import type { MixtureKind } from '../../../model/config/config.js'
import { largestGate } from '../../../model/config/routing.js'
import type { TextRoutes } from '../../usage/text-routes.js'
import { mostExperts, type TokensBlock } from '../blocks/figure.js'
import { visibleToken } from '../blocks/labels.js'
import { strengthOf } from '../blocks/palette.js'
import { type Colours, onUsageRamp } from './text-cell.js'
import { evenChunk } from './text-map.js'

/** Columns of a token's text. */
const TOKEN = 14

/**
 * Yields a line for each token with the first expert of each layer, as bright as its gate. If that is too wide, yields
 * a line for the token, then lines of several layers each.
 */
export function* tokenLanes(
  { text, layers, mixtures }: Pick<TokensBlock, 'text' | 'layers' | 'mixtures'>,
  colours: Colours,
  width: number,
): Generator<string> {
  const most = Math.max(...mixtures.map(mostExperts))
  const layerWidth = String(Math.max(...layers)).length
  const digits = Math.max(String(most - 1).length, layerWidth)
  const lane = layers.length * (digits + 1) - 1
  const named = (token: number) => fit(visibleToken(text.model.textOf(token)), TOKEN)
  const largest = largestGate(text.model.config.mixtures)
  const experts = (token: number, kind: MixtureKind, of: readonly number[]) =>
    of.map((layer) => first(text.first(token, layer, kind), { digits, colours, largest })).join(' ')
  const hasAlways = text.model.config.mixtures.some(({ routing }) => routing?.always)
  const best = text.model.hasGates === false ? 'the first expert of the trace' : 'the expert with the largest gate'
  const what = `${best} in each layer${hasAlways ? ', except those that every token uses' : ''}`
  if (TOKEN + 2 + mixtures.length * (lane + 3) - 3 <= width) {
    yield* wrap(`${what}; the numbers above are layers`, width)
    yield trimmed(['', ...mixtures.map(({ kind }) => fit(kind, lane))], [TOKEN, ...mixtures.map(() => lane)])
    const numbers = layers.map((layer) => String(layer).padStart(digits)).join(' ')
    yield trimmed(['token', ...mixtures.map(() => numbers)], [TOKEN, ...mixtures.map(() => lane)])
    for (const [i, token] of text.tokens.entries()) {
      const lanes = mixtures.map(({ kind }) => experts(i, kind, layers))
      const name = named(token)
      yield `${name}${' '.repeat(TOKEN - cellWidth(name))}  ${lanes.join('   ')}`
    }
    return
  }
  const kindWidth = Math.max(...mixtures.map(({ kind }) => kind.length))
  const room = width - 2 - kindWidth - 1 - layerWidth - 2
  const perLine = evenChunk(layers.length, Math.max(1, Math.floor((room + 1) / (digits + 1))))
  const starts = Array.from({ length: Math.ceil(layers.length / perLine) }, (_, i) => i * perLine)
  yield* wrap(`${what}; a line begins with the number of its first layer`, width)
  for (const [i, token] of text.tokens.entries()) {
    yield named(token)
    for (const { kind } of mixtures) {
      for (const start of starts) {
        const ids = experts(i, kind, layers.slice(start, start + perLine))
        yield `  ${kind.padEnd(kindWidth)} ${String(layers[start]).padStart(layerWidth)}: ${ids}`
      }
    }
  }
}

function first(
  expert: ReturnType<TextRoutes['first']>,
  { digits, colours, largest }: { digits: number; colours: Colours; largest: number },
): string {
  if (!expert) return '-'.padStart(digits)
  return onUsageRamp(String(expert.id).padStart(digits), strengthOf(expert.gate, largest), colours)
}

function trimmed([name, ...lanes]: string[], [nameWidth, ...widths]: number[]): string {
  return `${name.padEnd(nameWidth)}  ${lanes.map((lane, i) => lane.padEnd(widths[i])).join('   ')}`.trimEnd()
}
