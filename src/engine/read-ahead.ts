import type { PackedFile } from '../packing/format/packed-file.js'
import { startThread } from '../platform/threads.js'
import { Bell } from '../weights/residency.js'
import type { WeightStore } from '../weights/weight-store.js'
import type { ReadAheadData } from './read-ahead-thread.js'

/**
 * A thread that reads the experts of a packed model. If there is room for all, it reads one after the other until the
 * first prompt comes, and in pauses after that; with `readsLate` only in pauses after it. While the engine waits for
 * several experts, it reads half of them. While the engine computes, it leaves the cores alone, with two exceptions. If
 * a prompt wakes most experts and the file comes from a disk, which would be idle, it reads those of the next layers.
 * And if routers choose before attention, it reads the chosen experts during attention, even without room for all. More
 * threads would not help: copying what a fast disk delivers keeps two cores busy (docs/LAB.md).
 */
export class ExpertReadAhead {
  private readonly stopped = new Int32Array(new SharedArrayBuffer(4))
  private readonly bell: Int32Array

  private constructor(data: Omit<ReadAheadData, 'stopped'>) {
    this.bell = data.bell
    const whole: ReadAheadData = { ...data, stopped: this.stopped }
    const thread = startThread(new URL('./read-ahead-thread.js', import.meta.url), whole)
    thread.unref()
    // The engine can do without this thread: it reads absent experts itself, and reports errors.
    thread.on('error', () => undefined)
  }

  /** Starts the thread if there is room for all experts, or if routers choose early. */
  static start(
    store: WeightStore,
    file: PackedFile,
    { checkExperts = false, routesEarly = false, readsLate = false } = {},
  ): ExpertReadAhead | undefined {
    const places = store.places
    const pools = [...new Set(places.map(({ pool }) => pool))]
    const readsAll = pools.every(({ holdsAll }) => holdsAll)
    if (!readsAll && !routesEarly) return undefined
    store.answersRequests = true
    return new ExpertReadAhead({
      path: file.path,
      readsAll,
      readsLate,
      memories: store.banks.map(({ memory }) => memory),
      residency: pools.map(({ residency }) => residency),
      addresses: pools.map(({ address }) => address),
      experts: places.map(({ mixture, part, pool, bank, id }) => ({
        mixture,
        pool: pools.indexOf(pool),
        id,
        bank,
        bytes: part.bytes,
        offset: file.parts.get(part.name)?.offset ?? 0,
        ...(checkExperts && { crc32: file.parts.get(part.name)?.crc32 }),
      })),
      bell: store.bell,
    })
  }

  /** Ends the thread after its current expert. */
  stop(): void {
    Atomics.store(this.stopped, 0, 1)
    Atomics.notify(this.bell, Bell.rings)
  }
}
