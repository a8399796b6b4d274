import { startThread } from '../../../ground/platform/threads.js'
import type { PerMixture } from '../../../model/config/config.js'
import type { PackedFile } from '../../../model/packing/format/packed-file.js'
import { Bell } from '../../../model/weights/residency.js'
import type { ExpertPlace, WeightStore } from '../../../model/weights/weight-store.js'
import type { ReadAheadData } from './read-ahead-thread.js'

/**
 * When experts of a packed file are read that no token has been routed to. Default: from the start on. `late`: from the
 * first prompt on. `needed`: never.
 */
export type Reading = 'late' | 'needed'

interface ReadAheadOptions {
  checkExperts?: boolean
  reading?: Reading
  shares?: PerMixture<number[][]>
  threads?: number
}

/**
 * Starts a thread that reads the experts of a packed model. While the engine waits for several experts, the thread
 * announces them all to the system, which then reads them from the disk at once, and copies half of them. If routers
 * choose before attention, it does so during attention.
 *
 * If there is room for all experts, it also reads one after the other until the first prompt comes, and in pauses after
 * that; with `late` only in pauses after it, with `needed` not at all. While the engine computes, it leaves the cores alone, with one
 * exception: if a prompt wakes most experts and the file comes from a disk, which would be idle, it announces and reads
 * experts of the next layers. More threads would not help: copying what a fast disk delivers keeps two cores busy
 * (bench/LAB.md). A web host is another matter: several threads read from it, and the cores stay idle meanwhile, so
 * they read at all times.
 *
 * Returns a function that ends the threads after their current experts.
 */
export function startReadAhead(
  store: WeightStore,
  file: PackedFile,
  { checkExperts = false, reading, shares, threads = 1 }: ReadAheadOptions = {},
): () => void {
  const { places, bell } = store
  const pools = [...new Set(places.map(({ pool }) => pool))]
  const partOf = (name: string) => file.parts.get(name)
  const stopped = new Int32Array(new SharedArrayBuffer(4))
  store.answersRequests = true
  const data: ReadAheadData = {
    path: file.path,
    readsAll: reading !== 'needed' && pools.every(({ holdsAll }) => holdsAll),
    readsLate: reading === 'late',
    readsAlways: threads > 1,
    order: shares && byShare(places, shares),
    memories: store.banks.map(({ memory }) => memory),
    residency: pools.map(({ residency }) => residency),
    addresses: pools.map(({ address }) => address),
    experts: places.map(({ mixture, part: { name, bytes }, pool, bank, id }) => ({
      ...{ mixture, pool: pools.indexOf(pool), id, bank, bytes, offset: partOf(name)?.offset ?? 0 },
      ...(checkExperts && { crc32: partOf(name)?.crc32 }),
    })),
    dense: store.denseParts.map(({ name, bytes }) => ({ offset: partOf(name)?.offset ?? 0, bytes })),
    bell,
    stopped,
  }
  for (let i = 0; i < threads; i++) {
    const thread = startThread(new URL('../../../bundle/read-ahead-thread.js', import.meta.url), data)
    thread.unref()
    // The engine can do without this thread: it reads absent experts itself, and reports errors.
    thread.on('error', () => undefined)
  }
  return () => {
    Atomics.store(stopped, 0, 1)
    // Without a new number, a thread that is about to wait would not notice.
    Atomics.add(bell, Bell.rings, 1)
    Atomics.notify(bell, Bell.rings)
  }
}

/** Indices of the experts, those first that most tokens choose. */
function byShare(places: readonly ExpertPlace[], shares: PerMixture<number[][]>): Uint32Array {
  const own = places.map(
    ({ part: { layer = 0, expert } }) => (expert && shares[expert.kind]?.[layer]?.[expert.id]) ?? 0,
  )
  return Uint32Array.from(places.keys()).sort((a, b) => own[b] - own[a] || a - b)
}
