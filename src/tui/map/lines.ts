import { allLayersLines, laneForm, sideRooms as roomsBeside } from './all-layers.js'
import type { CellPainter } from './cell-painter.js'
import { widestCell } from './chosen-layer.js'
import type { Room } from './fold.js'
import type { MapOptions } from './head.js'
import { cellOfRow, oneLayerLines } from './one-layer.js'
import type { TokenMap } from './token-map.js'
import { type WalkLines, walkLines } from './walk-lines.js'

/** Draws the map to fit the room, its title first; no lines if the map is off or the room too small. */
export function mapLines(map: TokenMap, room: Room, painter: CellPainter, options: MapOptions = {}): string[] {
  if (!isOn(map) || room.height < 2) return []
  const draw = map.mode === 'layer' ? oneLayerLines : allLayersLines
  return draw(map, room, painter, options)
}

/**
 * Lines that describe the selected token below the map, which has this room. They have the chosen layer expert by expert,
 * unless the map shows it as well.
 */
export function walkBelow(map: TokenMap, room: Room, painter: CellPainter, most: Room): WalkLines {
  const form = map.mode === 'layer' ? { cell: cellOfRow(map, room), painter } : laneForm(map, room, painter)
  return walkLines(map, form.painter, { ...most, isLayerShown: form.cell >= Math.max(1, widestCell(map, most.width)) })
}

/** Possible rooms of a map beside the text, within `most`, most legible first. */
export function sideRooms(map: TokenMap, most: Room): Room[] {
  return isOn(map) ? roomsBeside(map, most) : []
}

function isOn({ mode, kinds }: TokenMap): boolean {
  return mode !== 'off' && kinds.length > 0
}
