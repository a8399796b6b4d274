import type { MixtureKind } from '../../../model/config/config.js'
import { type ExpertMap, type MapMixture, mostExperts, SHORT } from './figure.js'

/** Sizes of the parts of a map, in the units of its painter: columns of a terminal, or pixels. */
export interface MapUnits {
  /** Room in front of the cells, for the layers' numbers. */
  label: number
  gap: number
  measureGap: number
  character: number
  titles: Record<MixtureKind, string>
  /** Characters of a measure for one kind, and the text of a layer without it. */
  digits: number
  none: string
}

/** The cells of one kind, with the experts of each layer. */
export interface MapPanel extends MapMixture {
  title: string
  most: number
  x: number
  width: number
}

/** A measure beside the cells, with a number for each kind. */
export interface MapColumn {
  name: string
  meaning: string
  kinds: string
  x: number
  width: number
  row(layer: number): string
}

/** The parts of a map from left to right, with a gap after each. */
export interface MapLayout {
  panels: MapPanel[]
  columns: MapColumn[]
  /** The end of the panels, and of all. */
  end: number
  right: number
}

/** Places kinds of experts with cells of one size side by side, then the measures. */
export function layoutOf(
  { measures }: ExpertMap,
  mixtures: readonly MapMixture[],
  cell: number,
  { label, gap, measureGap, character, titles, digits, none }: MapUnits,
  head: 'name' | 'short' = 'name',
): MapLayout {
  let right = label
  const place = (width: number, gap: number) => {
    const x = right
    right += width + gap
    return { x, width }
  }
  const panels = mixtures.map((mixture) => {
    const [title, most] = [titles[mixture.kind], mostExperts(mixture)]
    return { ...mixture, title, most, ...place(Math.max(title.length * character, most * cell), gap) }
  })
  const end = right
  const kinds = mixtures.map(({ kind }) => SHORT[kind].padEnd(digits)).join(' ')
  const columns = measures.map((measure) => {
    const length = Math.max(measure[head].length, kinds.length)
    const row = (layer: number) =>
      mixtures.map(({ kind }) => (measure.of({ kind, layer })?.toFixed(2) ?? none).padEnd(digits)).join(' ')
    const { meaning } = measure
    return { name: measure[head], meaning, kinds: kinds.trimEnd(), row, ...place(length * character, measureGap) }
  })
  return { panels, columns, end, right }
}
