import { bytesOf, type CachedLayer } from './layer-cache.js'

/** Everything of a sequence at a position that later tokens replace. */
export interface Checkpoint {
  position: number
  state: Float32Array
}

/** Most bytes of a sequence's checkpoints, and their least and largest number. */
const MOST_BYTES = 64 * 2 ** 20
const LEAST = 3
const MOST = 32

/** The newest ones that are never dropped to make room. */
const NEWEST = 2

/** Number of checkpoints that fit MOST_BYTES; a window counts in full, though neighbours share most of its pages. */
export function mostCheckpoints(layers: readonly CachedLayer[]): number {
  const bytes = layers.reduce((sum, { rows, state = 0, format }) => {
    return sum + 4 * state + (rows?.window ? rows.window * bytesOf(rows, format) : 0)
  }, 0)
  return Math.min(MOST, Math.max(LEAST, Math.floor(MOST_BYTES / Math.max(1, bytes))))
}

/**
 * Checkpoints of a sequence by rising position; it can be cut back to each. Too many are thinned out: the one with the
 * closest neighbours goes. The first and the newest ones stay.
 */
export class Checkpoints {
  /** Forks of a sequence have the same ones. */
  readonly all: Checkpoint[] = []

  /** `most`: the largest number kept, at least 3. */
  constructor(readonly most: number) {}

  get positions(): number[] {
    return this.all.map(({ position }) => position)
  }

  get bytes(): number {
    return this.all.reduce((sum, { state }) => sum + state.byteLength, 0)
  }

  /** Adds a checkpoint; one at the same position is replaced. */
  add(checkpoint: Checkpoint): void {
    const { all: list, most } = this
    const at = list.findIndex(({ position }) => position >= checkpoint.position)
    const place = at < 0 ? list.length : at
    list.splice(place, list[place]?.position === checkpoint.position ? 1 : 0, checkpoint)
    if (list.length > most) list.splice(this.dispensable(), 1)
  }

  at(position: number): Checkpoint | undefined {
    return this.all.find((checkpoint) => checkpoint.position === position)
  }

  dropAfter(position: number): void {
    while (this.all.length > 0 && this.all[this.all.length - 1].position > position) this.all.pop()
  }

  private dispensable(): number {
    const { all: list } = this
    let best = 1
    for (let i = 2; i < list.length - NEWEST; i++) if (gapAround(list, i) < gapAround(list, best)) best = i
    return best
  }
}

function gapAround(list: readonly Checkpoint[], i: number): number {
  return list[i + 1].position - list[i - 1].position
}
