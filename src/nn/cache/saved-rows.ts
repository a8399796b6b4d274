import { UserError } from '../../errors.js'
import { PAGE_ROWS } from '../../runtime/abi/formats.js'
import type { Checkpoint, Checkpoints } from './checkpoints.js'
import type { PagedRows, Span } from './paged-rows.js'
import type { RunningStates } from './running-states.js'

/*
 * A saved cache is one array of floats. First come the rows of each layer, oldest position first: its keys and, if they
 * differ, its values. Of a window they are the pages that the next token sees, here and after each checkpoint. Then come
 * the running states of all layers, here and at each checkpoint.
 */

/** Rows of keys or of values of a layer. */
export interface Kind {
  rows: PagedRows
  channels: number
  /** Most keys that a token sees; absent: all. */
  window?: number
}

/** Positions of a saved cache, with those of its checkpoints in rising order. */
interface SavedPositions extends Span {
  checkpoints: readonly number[]
}

export function exportRows(
  kinds: readonly Kind[],
  states: RunningStates | undefined,
  { start, end, checkpoints }: Span & { checkpoints: Checkpoints },
): Float32Array {
  const { positions } = checkpoints
  const saved = { start, end, checkpoints: positions }
  const floats = new Float32Array(floatsOf(kinds, states, saved))
  let at = 0
  for (const { rows, channels, window } of kinds) {
    for (const { start, end } of savedSpans(window, saved)) {
      rows.read(start, end - start, floats.subarray(at))
      at += (end - start) * channels
    }
  }
  if (!states) return floats
  floats.set(states.read(), at)
  for (const position of positions) {
    at += states.floats
    floats.set(checkpoints.at(position)?.state ?? [], at)
  }
  return floats
}

/** Writes saved rows and states to an empty cache, whose pages are reserved. Returns the checkpoints. */
export function importRows(
  floats: Float32Array,
  kinds: readonly Kind[],
  states: RunningStates | undefined,
  saved: SavedPositions,
): Checkpoint[] {
  let at = 0
  for (const { rows, channels, window } of kinds) {
    for (const { start, end } of savedSpans(window, saved)) {
      rows.write(start, end - start, floats.subarray(at))
      at += (end - start) * channels
    }
  }
  const size = states?.floats ?? 0
  states?.restore(saved.end, floats.subarray(at, at + size))
  return saved.checkpoints.map((position) => {
    at += size
    return { position, state: floats.slice(at, at + size) }
  })
}

/**
 * Positions whose rows are saved, rising and without overlaps. Those of a window are whole pages, since a cache takes all
 * rows of its pages for valid.
 */
export function savedSpans(window: number | undefined, { start, end, checkpoints }: SavedPositions): Span[] {
  if (!window) return [{ start, end }]
  const spans: Span[] = []
  for (const position of [...checkpoints.filter((position) => position < end), end]) {
    const from = Math.max(start, Math.floor((position - window + 1) / PAGE_ROWS) * PAGE_ROWS)
    const to = Math.min(end, Math.ceil(position / PAGE_ROWS) * PAGE_ROWS)
    const last = spans[spans.length - 1]
    if (last && from <= last.end) last.end = Math.max(last.end, to)
    else spans.push({ start: from, end: to })
  }
  return spans
}

/** Throws a UserError if saved rows are not those of a cache of this shape. */
export function checkFloats(
  floats: number,
  kinds: readonly Kind[],
  states: RunningStates | undefined,
  saved: SavedPositions,
): void {
  const { start, end, checkpoints } = saved
  const channels = kinds.reduce((sum, kind) => sum + kind.channels, 0)
  const growsEvenly = !states && kinds.every(({ window }) => !window)
  if (growsEvenly && !Number.isInteger(floats / channels)) {
    throw new UserError('the saved cache belongs to another model: its size does not match')
  }
  // Without running states and windows, a cache has no checkpoints.
  const areRising = checkpoints.every((position, i) => {
    return !growsEvenly && Number.isInteger(position) && position > (checkpoints[i - 1] ?? start) && position <= end
  })
  const isSpan = Number.isInteger(start) && start >= 0 && start <= end
  if (!isSpan || !areRising || floats !== floatsOf(kinds, states, saved)) {
    throw new UserError('the saved cache does not fit its tokens')
  }
}

function floatsOf(kinds: readonly Kind[], states: RunningStates | undefined, saved: SavedPositions): number {
  const rows = kinds.reduce((sum, { channels, window }) => {
    return savedSpans(window, saved).reduce((floats, { start, end }) => floats + (end - start) * channels, sum)
  }, 0)
  return rows + (states?.floats ?? 0) * (1 + saved.checkpoints.length)
}
