import { allLayersLines, laneForm } from './all-layers.js'
import type { CellPainter } from './cell-painter.js'
import { chosenLayerForms, widestCell } from './chosen-layer.js'
import type { Room } from './fold.js'
import type { MapOptions } from './frame.js'
import { cellOfRow, oneLayerLines } from './one-layer.js'
import { expertsLines, tokenStrip, wokenLine } from './token-details.js'
import type { TokenMap } from './token-map.js'

/** Draws the map to fit the room, its title first; no lines if the map is off or the room too small. */
export function mapLines(map: TokenMap, room: Room, painter: CellPainter, options: MapOptions): string[] {
  if (!map.isOn || room.height < 2) return []
  const draw = map.mode === 'layer' ? oneLayerLines : allLayersLines
  return draw(map, room, painter, options)
}

/** Lines below the map, and whether they have the chosen layer, the gates and the words that woke an expert. */
type WalkLines = { lines: string[]; isComplete: boolean }

/**
 * Describes the selected token below the map, which has this room, in at most `height` lines: the chosen layer expert by
 * expert (unless the map shows it already), the text around the token, its experts with their gates, and the words that
 * woke one of them. With less room, the gates get shorter, then the text around the token is left out.
 */
export function walkBelow(map: TokenMap, room: Room, plain: CellPainter, { width, height }: Room): WalkLines {
  if (map.selected === undefined || !map.shown) return { lines: [], isComplete: true }
  const { cell, painter } =
    map.mode === 'layer' ? { cell: cellOfRow(map, room), painter: plain } : laneForm(map, room, plain)
  const isLayerShown = cell >= Math.max(1, widestCell(map, width)) || map.kindsOf(map.layer).length === 0
  const strip = tokenStrip(map, width)
  const [full, short] = [false, true].map((isShort) => expertsLines(map, width, isShort))
  const woken = wokenLine(map, width)
  const fits = (lines: readonly string[]) => lines.length <= height
  for (const layer of isLayerShown ? [[]] : chosenLayerForms(map, width, painter)) {
    const details = [[strip, ...full], [strip, ...short], full, short]
    const lines = details.map((some) => [...layer, ...some, ...woken]).find(fits)
    if (lines) return { lines, isComplete: true }
  }
  const poor = [[strip, ...short, ...woken], [strip, ...full], [strip, ...short], short]
  return { lines: poor.find(fits) ?? short.slice(0, Math.max(0, height)), isComplete: false }
}
