import { allLayersLines, sideRooms as roomsBeside } from './all-layers.js'
import type { CellPainter } from './cell-painter.js'
import type { Room } from './fold.js'
import type { MapOptions } from './head.js'
import { oneLayerLines } from './one-layer.js'
import type { TokenMap } from './token-map.js'

/** The map as lines that fit the room, its title first; none where it is off or there is no room. */
export function mapLines(map: TokenMap, room: Room, painter: CellPainter, options: MapOptions = {}): string[] {
  if (!isOn(map) || room.height < 2) return []
  const draw = map.mode === 'layer' ? oneLayerLines : allLayersLines
  return draw(map, room, painter, options)
}

/** Rooms of a map that stands beside the text, within this one, the most legible first. */
export function sideRooms(map: TokenMap, most: Room): Room[] {
  return isOn(map) ? roomsBeside(map, most) : []
}

function isOn({ mode, kinds }: TokenMap): boolean {
  return mode !== 'off' && kinds.length > 0
}
