import { startThread } from '../../../ground/platform/threads.js'
import type { Part } from '../../../model/packing/format/layout.js'
import type { PackedFile } from '../../../model/packing/format/packed-file.js'
import { Bell } from '../../../model/weights/residency.js'
import type { WeightStore } from '../../../model/weights/weight-store.js'
import type { ReadAheadData } from './read-ahead-thread.js'

/**
 * A thread that reads the experts of a packed model. While the engine waits for several experts, the thread announces
 * them all to the system, which then reads them from the disk at once, and copies half of them. If routers choose
 * before attention, it does so during attention.
 *
 * If there is room for all experts, it also reads one after the other until the first prompt comes, and in pauses after
 * that; with `readsLate` only in pauses after it. While the engine computes, it leaves the cores alone, with one
 * exception: if a prompt wakes most experts and the file comes from a disk, which would be idle, it announces and reads
 * experts of the next layers. More threads would not help: copying what a fast disk delivers keeps two cores busy
 * (docs/LAB.md).
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

  static start(
    store: WeightStore,
    file: PackedFile,
    { checkExperts = false, readsLate = false } = {},
  ): ExpertReadAhead {
    const places = store.places
    const pools = [...new Set(places.map(({ pool }) => pool))]
    const readsAll = pools.every(({ holdsAll }) => holdsAll)
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
      dense: rangesOf(file, store.denseParts),
      bell: store.bell,
    })
  }

  /** Ends the thread after its current expert. */
  stop(): void {
    Atomics.store(this.stopped, 0, 1)
    // Without a new number, a thread that is about to wait would not notice.
    Atomics.add(this.bell, Bell.rings, 1)
    Atomics.notify(this.bell, Bell.rings)
  }
}

/** Ranges of parts in the file. */
function rangesOf(file: PackedFile, parts: readonly Part[]): { offset: number; bytes: number }[] {
  return parts.map(({ name, bytes }) => ({ offset: file.parts.get(name)?.offset ?? 0, bytes }))
}
