import { allLayersLines, laneForm, sideRooms as roomsBeside } from './all-layers.js'
import type { CellPainter } from './cell-painter.js'
import { chosenLayerForms, widestCell } from './chosen-layer.js'
import type { Room } from './fold.js'
import type { MapOptions } from './head.js'
import { cellOfRow, oneLayerLines } from './one-layer.js'
import { expertsLines, tokenStrip, wokenLine } from './token-details.js'
import type { TokenMap } from './token-map.js'

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

/** Lines below the map during a walk. */
interface WalkLines {
  lines: string[]
  /** Whether nothing is missing that a reader needs: the chosen layer, the gates, the words that woke an expert. */
  isComplete: boolean
}

/**
 * Describes the selected token in at most `height` lines: the text around it, the chosen layer expert by expert (unless the
 * map shows it already), its experts with their gates, and the words that woke one of them. With less room, the gates get
 * shorter, then the text around the token is left out.
 */
function walkLines(
  map: TokenMap,
  painter: CellPainter,
  { width, height, isLayerShown }: Room & { isLayerShown: boolean },
): WalkLines {
  if (map.selected === undefined || !map.shown) return { lines: [], isComplete: true }
  const isDense = map.kindsOf(map.layer).length === 0
  const strip = [tokenStrip(map, width)]
  const [full, short] = [false, true].map((isShort) => expertsLines(map, width, isShort))
  const woken = wokenLine(map, width)
  const fits = (lines: readonly string[]) => lines.length <= height
  for (const layer of isDense || isLayerShown ? [[]] : chosenLayerForms(map, width, painter)) {
    const forms = [
      [...layer, ...strip, ...full, ...woken],
      [...layer, ...strip, ...short, ...woken],
      [...layer, ...full, ...woken],
      [...layer, ...short, ...woken],
    ]
    const lines = forms.find(fits)
    if (lines) return { lines, isComplete: true }
  }
  const poor = [[...strip, ...short, ...woken], [...strip, ...full], [...strip, ...short], short]
  return { lines: poor.find(fits) ?? short.slice(0, Math.max(0, height)), isComplete: false }
}
