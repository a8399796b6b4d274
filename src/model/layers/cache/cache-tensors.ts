import type { CacheFormat } from '../../../kernels/memory/formats.js'
import type { Checkpoint, Checkpoints } from './checkpoints.js'
import type { RowNumbers } from './number-grid.js'
import type { Span } from './page-table.js'
import type { PagedRows } from './paged-rows.js'
import type { RunningStates } from './running-states.js'
import { type SavedPositions, savedSpans } from './saved-positions.js'

export interface LayerRows {
  name: string
  rows: PagedRows
  channels: number
  /** Most keys that a token sees; absent: all. */
  window?: number
}

/** A tensor of a cache: rows x channels. */
export interface CacheTensorShape {
  name: string
  format: CacheFormat
  rows: number
  channels: number
}

interface CacheParts {
  rows: { readonly list: readonly LayerRows[] }
  states?: RunningStates
  checkpoints: Checkpoints
}

/**
 * The contents of a cache as tensors. First come the rows of each layer, oldest position first: its keys and, if they
 * differ, its values; in q8 each is two tensors, levels and scales. Of a window they are the pages that the next token
 * sees, here and after each checkpoint. Then come the running states of all layers: a row for the present ones, and one
 * for each checkpoint.
 */
export class CacheTensors {
  readonly list: CacheTensorShape[]
  /** Rows of each tensor; the last may have the running states. */
  private readonly sources: Source[] = []
  /** Running states that have been written. */
  private readonly written?: Float32Array

  constructor(
    private readonly parts: CacheParts,
    readonly saved: SavedPositions,
  ) {
    const { states } = parts
    this.list = []
    for (const { name, rows, channels, window } of parts.rows.list) {
      const spans = savedSpans(window, saved)
      const count = spans.reduce((sum, { start, end }) => sum + end - start, 0)
      this.list.push({ name, format: rows.format, rows: count, channels })
      this.sources.push({ rows, channels, spans, areScales: false })
      if (rows.scales === 0) continue
      this.list.push({ name: `${name}.scales`, format: 'f32', rows: count, channels: rows.scales })
      this.sources.push({ rows, channels: rows.scales, spans, areScales: true })
    }
    if (!states) return
    const rows = 1 + saved.checkpoints.length
    this.list.push({ name: 'states', format: 'f32', rows, channels: states.floats })
    this.written = new Float32Array(rows * states.floats)
  }

  read(tensor: number, from: number, count: number, target: RowNumbers): void {
    const { states, checkpoints } = this.parts
    const source = this.sources[tensor]
    if (source) {
      const { rows, channels, areScales } = source
      eachSpan(source, from, count, (position, size, before) => {
        rows.read(position, size, target.subarray(before * channels), areScales)
      })
    } else if (states) {
      for (let row = from; row < from + count; row++) {
        const state = row === 0 ? states.read() : checkpoints.at(this.saved.checkpoints[row - 1])?.state
        target.set(state ?? [], (row - from) * states.floats)
      }
    }
  }

  write(tensor: number, from: number, count: number, source: RowNumbers): void {
    const { states } = this.parts
    const to = this.sources[tensor]
    if (to) {
      const { rows, channels, areScales } = to
      eachSpan(to, from, count, (position, size, before) => {
        rows.write(position, size, source.subarray(before * channels), areScales)
      })
    } else if (states) {
      this.written?.set(source.subarray(0, count * states.floats), from * states.floats)
    }
  }

  /** Puts the running states that have been written into the cache. Returns the checkpoints. */
  restoreStates(): Checkpoint[] {
    const { saved, parts, written } = this
    const size = parts.states?.floats ?? 0
    parts.states?.restore(saved.end, written?.subarray(0, size))
    return saved.checkpoints.map((position, i) => {
      return { position, state: written?.slice((i + 1) * size, (i + 2) * size) ?? new Float32Array(0) }
    })
  }
}

interface Source {
  rows: PagedRows
  channels: number
  spans: readonly Span[]
  areScales: boolean
}

/** Calls `use` for each run of neighbours among `count` rows from row `from` on, with the number of rows before it. */
function eachSpan(
  { spans }: Source,
  from: number,
  count: number,
  use: (position: number, size: number, before: number) => void,
): void {
  let first = 0
  for (const { start, end } of spans) {
    const begin = Math.max(from, first)
    const stop = Math.min(from + count, first + end - start)
    if (begin < stop) use(start + begin - first, stop - begin, begin - from)
    first += end - start
  }
}
