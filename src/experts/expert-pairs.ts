import { type MixtureKind, mixtureOf } from '../model/config.js'
import { alwaysChosen } from '../model/routing.js'
import type { TextRoutes } from './text-routes.js'

/** Experts of one kind in one layer. */
export interface ExpertLayer {
  kind: MixtureKind
  layer: number
  experts: number
  /** Ids of the experts that every token uses; they say nothing about other experts. */
  always: number[]
}

/** Counts of the tokens that chose an expert of one layer and one of the same or another layer. */
export interface PairTable {
  from: ExpertLayer
  /** The same as `from` for pairs within a layer. */
  to: ExpertLayer
  tokens: number
  /** Tokens that chose both, row by row: a row for each expert of `from`. */
  observed: Float64Array
  /** Number of such tokens to expect by chance. */
  expected: Float64Array
}

/** A pair of experts with more or fewer tokens in common than chance explains. */
export interface ExpertPair {
  from: number
  to: number
  observed: number
  expected: number
  /** Observed divided by expected. */
  lift: number
}

/** Minimum expected count of a pair for its lift to be shown. */
export const LEAST_EXPECTED = 5

/**
 * Counts how often two experts of a layer are chosen by the same token, for each layer and kind. A token chooses k
 * different experts, and so no expert twice; the expected counts have the same sums for each expert, and are products of
 * one factor for each of the two.
 */
export function pairsWithin(texts: readonly TextRoutes[]): PairTable[] {
  return layersOf(texts).map((place) => {
    const table = countPairs(texts, place, place)
    for (let expert = 0; expert < place.experts; expert++) table.observed[expert * place.experts + expert] = 0
    table.expected.set(withoutDiagonal(amongChosen(table.observed, place), place.experts))
    return table
  })
}

/**
 * Counts how often a token that chose an expert chose another one next: in the next layer with experts of the same kind,
 * and in the experts that it meets next if these are of another kind. The expected counts are those of independent choices.
 */
export function pairsAcross(texts: readonly TextRoutes[]): PairTable[] {
  const places = layersOf(texts)
  return places.flatMap((from, i) => {
    const later = places.slice(i + 1)
    const same = later.find(({ kind, layer }) => kind === from.kind && layer > from.layer)
    const other = later[0]?.kind === from.kind ? undefined : later[0]
    return [same, other]
      .filter((to) => to !== undefined)
      .map((to) => {
        const table = countPairs(texts, from, to)
        const { observed, expected } = table
        const [rows, columns] = [new Float64Array(from.experts), new Float64Array(to.experts)]
        let all = 0
        for (const [at, count] of observed.entries()) {
          rows[Math.floor(at / to.experts)] += count
          columns[at % to.experts] += count
          all += count
        }
        for (const at of observed.keys()) {
          expected[at] = all > 0 ? (rows[Math.floor(at / to.experts)] * columns[at % to.experts]) / all : 0
        }
        return table
      })
  })
}

/** Observed, expected and lift of two experts. Undefined if too few are expected, or if every token uses one of them. */
export function pairOf(table: PairTable, from: number, to: number): ExpertPair | undefined {
  const at = from * table.to.experts + to
  const [observed, expected] = [table.observed[at], table.expected[at]]
  const isApart = table.from.always.includes(from) || table.to.always.includes(to)
  if (isApart || expected < LEAST_EXPECTED) return undefined
  return { from, to, observed, expected, lift: observed / expected }
}

/** All pairs of a table with enough tokens; each pair of a layer once. */
export function pairsOf(table: PairTable): ExpertPair[] {
  const pairs: ExpertPair[] = []
  for (let from = 0; from < table.from.experts; from++) {
    for (let to = isWithin(table) ? from + 1 : 0; to < table.to.experts; to++) {
      const pair = pairOf(table, from, to)
      if (pair) pairs.push(pair)
    }
  }
  return pairs
}

/** Whether a table is of the pairs within a layer. */
export function isWithin({ from, to }: PairTable): boolean {
  return from.kind === to.kind && from.layer === to.layer
}

/** Minimum standard deviations between the observed and the expected count of a pair that is listed. */
const NOTABLE = 5

/** The `count` pairs with the largest lift, or the smallest if `isRare`, of those that chance does not explain. */
export function strongestPairs(tables: readonly PairTable[], count: number, isRare = false) {
  const sign = isRare ? -1 : 1
  return tables
    .flatMap((table) => pairsOf(table).map((pair) => ({ table, ...pair })))
    .filter(({ observed, expected }) => (sign * (observed - expected)) / Math.sqrt(expected) >= NOTABLE)
    .sort((a, b) => sign * (b.lift - a.lift) || b.expected - a.expected)
    .slice(0, count)
}

/** Layers with experts, in the order that a token meets them. */
function layersOf([{ usage, model }]: readonly TextRoutes[]): ExpertLayer[] {
  const layers = Array.from({ length: usage.layers }, (_, layer) => layer)
  return layers.flatMap((layer) =>
    usage.mixtures.flatMap(({ kind, layers }) => {
      const { experts } = layers[layer]
      const always = alwaysChosen(mixtureOf(model.config, kind) ?? {}, layer)
      return experts > 0 ? [{ kind, layer, experts, always }] : []
    }),
  )
}

function countPairs(texts: readonly TextRoutes[], from: ExpertLayer, to: ExpertLayer): PairTable {
  const size = from.experts * to.experts
  const table = { from, to, tokens: 0, observed: new Float64Array(size), expected: new Float64Array(size) }
  for (const text of texts) {
    for (let token = 0; token < text.tokens.length; token++) {
      const own = text.chosen(token, from.layer, from.kind)?.ids ?? []
      const others = text.chosen(token, to.layer, to.kind)?.ids ?? []
      // A trace may lack a token's experts in some layers.
      if (own.length > 0 && others.length > 0) table.tokens++
      for (const row of own) for (const column of others) table.observed[row * to.experts + column]++
    }
  }
  return table
}

/** Leaves out the counts of experts that every token uses: these would change the expected counts of the others. */
function amongChosen(observed: Float64Array, { experts, always }: ExpertLayer): Float64Array {
  return observed.map((count, at) => {
    const isApart = always.includes(Math.floor(at / experts)) || always.includes(at % experts)
    return isApart ? 0 : count
  })
}

/** Steps of the fit below; it is close to its limit after some twenty. */
const STEPS = 200

/**
 * Fits a symmetric table of products a[i] a[j], with an empty diagonal, to the sums of the rows of another such table
 * (quasi-independence).
 */
function withoutDiagonal(observed: Float64Array, size: number): Float64Array {
  const sums = Array.from({ length: size }, (_, i) =>
    observed.subarray(i * size, (i + 1) * size).reduce((a, b) => a + b, 0),
  )
  const total = sums.reduce((a, b) => a + b, 0)
  const factors = sums.map((sum) => (total > 0 ? sum / Math.sqrt(total) : 0))
  for (let step = 0; step < STEPS; step++) {
    let all = factors.reduce((a, b) => a + b, 0)
    for (let i = 0; i < size; i++) {
      const others = all - factors[i]
      if (others <= 0 || sums[i] === 0) continue
      // The root of the ratio keeps the factors from swinging back and forth.
      const next = factors[i] * Math.sqrt(sums[i] / (factors[i] * others))
      all += next - factors[i]
      factors[i] = next
    }
  }
  return Float64Array.from({ length: size * size }, (_, at) => {
    const [i, j] = [Math.floor(at / size), at % size]
    return i === j ? 0 : factors[i] * factors[j]
  })
}
