import type { PackedFile } from '../packing/format/packed-file.js'
import { startThread } from '../platform/threads.js'
import { Bell } from '../weights/residency.js'
import type { WeightStore } from '../weights/weight-store.js'
import type { ReadAheadData } from './read-ahead-thread.js'

/**
 * A thread of its own that reads the experts of a packed model, where there is room for all of them: one after the other
 * until the first prompt comes and in the pauses after it, and, while the engine waits for several, half of those. While
 * the engine computes it keeps still, since the cores have something better to do; but where a prompt wakes most experts
 * and the file comes from a disk, which would stand idle, it goes on with those of the next layers. More threads would
 * only take turns: two cores are busy with copying what a fast disk delivers (docs/LAB.md).
 */
export class ExpertReadAhead {
  private readonly stopped = new Int32Array(new SharedArrayBuffer(4))
  private readonly bell: Int32Array

  private constructor(data: Omit<ReadAheadData, 'stopped'>) {
    this.bell = data.bell
    const whole: ReadAheadData = { ...data, stopped: this.stopped }
    const thread = startThread(new URL('./read-ahead-thread.js', import.meta.url), whole)
    thread.unref()
    // Nothing is lost without it: the engine reads what is not there, and reports why it cannot.
    thread.on('error', () => undefined)
  }

  /** Begins, if every expert has a place. */
  static start(store: WeightStore, file: PackedFile, checkExperts = false): ExpertReadAhead | undefined {
    const places = store.places
    const pools = [...new Set(places.map(({ pool }) => pool))]
    if (!pools.every(({ holdsAll }) => holdsAll)) return undefined
    return new ExpertReadAhead({
      path: file.path,
      memories: store.banks.map(({ memory }) => memory),
      residency: pools.map(({ residency }) => residency),
      experts: places.map(({ mixture, part, pool, bank, id }) => ({
        mixture,
        pool: pools.indexOf(pool),
        id,
        bank,
        address: pool.at(id),
        bytes: pool.bytes,
        offset: file.parts.get(part.name)?.offset ?? 0,
        ...(checkExperts && { crc32: file.parts.get(part.name)?.crc32 }),
      })),
      bell: store.bell,
    })
  }

  /** Ends it, after the expert at hand. */
  stop(): void {
    Atomics.store(this.stopped, 0, 1)
    Atomics.notify(this.bell, Bell.rings)
  }
}
