import { Bandwidth } from '../../kernels/calls/bandwidth.js'
import type { LoadedModel } from './load.js'

/** Least and most bytes read per measurement: far more than a processor's caches hold. */
const LEAST = 128 * 2 ** 20
const MOST = 512 * 2 ** 20

/**
 * Measures the streaming read speed of the model's threads, in bytes per second. It bounds decoding, since every token
 * reads its active weights once. Reads the model's own memory, or a buffer if the model may fit into the caches.
 */
export function measureBandwidth({ store, pool }: LoadedModel): number {
  const index = store.banks.reduce((best, bank, i, all) => (bank.arena.used > all[best].arena.used ? i : best), 0)
  const bank = store.banks[index]
  pool.enter(index)
  const own = bank.arena.used >= 2 * LEAST
  const [start, bytes] = own ? bank.arena.range : [bank.arena.allocate(LEAST), LEAST]
  if (!own) bank.u8.fill(1, start, start + LEAST)
  const speed = new Bandwidth(bank).run(start, Math.min(bytes, MOST))
  if (!own) bank.arena.release(start, LEAST)
  return speed
}
