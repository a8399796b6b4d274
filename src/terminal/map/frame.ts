import type { CellPainter } from './cell-painter.js'
import { captionLine, type Labels, titleLine } from './head.js'
import { type LegendOptions, legendOf } from './legend.js'
import type { TokenMap } from './token-map.js'

/** Texts around a map. */
export interface FrameTexts extends Pick<LegendOptions, 'form' | 'fades' | 'marks'> {
  title: readonly string[]
  /** How many experts share a sign; the title says it if the legend cannot. */
  foldNote: readonly string[]
  notes: readonly string[]
  /** Hints at keys, longest first. */
  keys?: readonly string[]
}

/** The lines above the heads of a map, and the legend below it. */
export function frameAround(
  map: TokenMap,
  painter: CellPainter,
  width: number,
  labels: Labels,
  { title, foldNote, notes, keys = [], ...form }: FrameTexts,
): { above: string[]; below: string[] } {
  // The title has room for the keys if the caption has its own line; during a walk they matter more than the caption.
  const isTitleFirst = labels.caption || map.selected !== undefined || !labels.legend
  const options = { ...form, notes: [...foldNote, ...notes], keys: isTitleFirst ? [] : keys }
  const { text, hasNote, hasKeys } = legendOf(map, painter, width, options)
  const parts = [...title, ...(labels.legend && hasNote ? [] : foldNote)]
  const end = { keys: hasKeys ? [] : keys, caption: labels.caption ? undefined : map }
  return {
    above: [...(labels.caption ? [captionLine(map, width, painter)] : []), titleLine(parts, end, width, painter)],
    below: labels.legend ? [text] : [],
  }
}
