import { Job } from '../abi/control.js'
import { BANDWIDTH_RESULT_BYTES, BandwidthArg } from '../abi/measures.js'
import type { Bank } from '../memory/bank.js'
import { Call } from './call.js'

const CHUNK_BYTES = 256 * 1024

/** Measures the speed at which all threads read memory. */
export class Bandwidth extends Call<typeof BandwidthArg> {
  constructor(bank: Bank) {
    super(bank, Job.bandwidth, BandwidthArg)
    this.bind({ chunkBytes: CHUNK_BYTES })
  }

  /** Reads `bytes` bytes from `start` on, rounded down to whole chunks of 256 KiB. Returns bytes per second. */
  run(start: number, bytes: number): number {
    const { arena } = this.bank
    const chunks = Math.floor(bytes / CHUNK_BYTES)
    const results = arena.allocate(chunks * BANDWIDTH_RESULT_BYTES)
    this.set(BandwidthArg.start, start)
    this.set(BandwidthArg.results, results)
    const began = performance.now()
    this.start(chunks)
    const seconds = (performance.now() - began) / 1000
    arena.release(results, chunks * BANDWIDTH_RESULT_BYTES)
    return (chunks * CHUNK_BYTES) / seconds
  }
}
