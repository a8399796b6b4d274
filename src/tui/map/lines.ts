import { allLayersLines, sideRooms as roomsBeside } from './all-layers.js'
import type { CellPainter } from './cell-painter.js'
import type { Room } from './fold.js'
import type { MapOptions } from './head.js'
import { oneLayerLines } from './one-layer.js'
import type { TokenMap } from './token-map.js'

/** Draws the map to fit the room, its title first; no lines if the map is off or the room too small. */
export function mapLines(map: TokenMap, room: Room, painter: CellPainter, options: MapOptions = {}): string[] {
  if (!isOn(map) || room.height < 2) return []
  const draw = map.mode === 'layer' ? oneLayerLines : allLayersLines
  return draw(map, room, painter, options)
}

/** Possible rooms of a map beside the text, within `most`, most legible first. */
export function sideRooms(map: TokenMap, most: Room): Room[] {
  return isOn(map) ? roomsBeside(map, most) : []
}

function isOn({ mode, kinds }: TokenMap): boolean {
  return mode !== 'off' && kinds.length > 0
}
