import { bytesOf, type CachedLayer } from './layer-cache.js'

/** Everything of a sequence at a position that later tokens replace. */
export interface Checkpoint {
  position: number
  state: Float32Array
  /** Whether it was made while a prompt was read. Default: false. */
  inPrompt?: boolean
}

/** Most bytes of a sequence's checkpoints, and their least and largest number. */
const MOST_BYTES = 64 * 2 ** 20
const LEAST = 3
const MOST = 32

/** Tokens after a checkpoint that are read again sooner than a large state is copied. */
const NEAR = 16

/** Number of checkpoints that fit MOST_BYTES; a window counts in full, though neighbours share most of its pages. */
export function mostCheckpoints(layers: readonly CachedLayer[]): number {
  const bytes = layers.reduce((sum, { rows, state = 0, format }) => {
    return sum + 4 * state + (rows?.window ? rows.window * bytesOf(rows, format) : 0)
  }, 0)
  return Math.min(MOST, Math.max(LEAST, Math.floor(MOST_BYTES / Math.max(1, bytes))))
}

/**
 * Checkpoints of a sequence by rising position; it can be cut back to each. If there are too many, the one goes that
 * spares the fewest tokens. The first, the newest, and the newest of a prompt stay. Texts share their beginning, and
 * chats return to a question for another answer, or if they drop thoughts.
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

  /**
   * Rising positions without the ones that are not worth a checkpoint. The last but one stays: a prompt's last token may
   * run again for its logits.
   */
  worthy(positions: readonly number[]): number[] {
    let before = this.all.at(-1)?.position ?? 0
    const worthy = positions.filter((position, i) => {
      const isWorthy = this.most > LEAST || position - before > NEAR || i === positions.length - 2
      if (isWorthy) before = position
      return isWorthy
    })
    return worthy.slice(-this.most)
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
    const spared = (i: number) => list[i].position - (list[i - 1]?.position ?? 0)
    const ofPrompt = list.findLastIndex(({ inPrompt }, i) => inPrompt && spared(i) > NEAR)
    const free = [...list.keys()].slice(1, -1).filter((i) => i !== ofPrompt)
    return free.reduce((best, i) => (spared(i) < spared(best) ? i : best))
  }
}
