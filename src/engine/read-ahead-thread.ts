import { closeSync, openSync } from 'node:fs'
import { workerData } from 'node:worker_threads'
import { matchesCrc32 } from '../packing/crc32.js'
import { claim, claimWanted, markAbsent, markHeld } from '../weights/residency.js'
import { readFully } from './read-fully.js'

/** Milliseconds without a new wish after which the engine counts as idle. */
const PAUSE = 100

/** What the thread that reads ahead is given. */
export interface ReadAheadData {
  path: string
  memories: WebAssembly.Memory[]
  /** Tables of the pools: see src/weights/residency.ts. */
  residency: Int32Array[]
  /** In the order in which a token meets them. */
  experts: ExpertRange[]
  /** How often the engine has wanted several experts of a mixture, and of which it did last. */
  bell: Int32Array
  /** Not 0 when the thread is to end. */
  stopped: Int32Array
}

interface ExpertRange {
  /** 2 * layer + (0 attention, 1 MLP). */
  mixture: number
  /** Its pool, and its number there. */
  pool: number
  id: number
  /** Where its bytes go: bank and address. */
  bank: number
  address: number
  bytes: number
  /** Where they lie in the file, and their CRC-32 if they are to be compared with it. */
  offset: number
  crc32?: string
}

function readAhead({ path, memories, residency, experts, bell, stopped }: ReadAheadData): void {
  const descriptor = openSync(path, 'r')
  const bytes = memories.map(({ buffer }) => new Uint8Array(buffer))

  /** Reads an expert that this thread has claimed. */
  function read({ pool, id, bank, address, bytes: length, offset, crc32 }: ExpertRange): void {
    try {
      const target = bytes[bank].subarray(address, address + length)
      readFully(descriptor, path, offset, target)
      if (!matchesCrc32(target, crc32)) throw new Error(`a damaged expert at ${offset} of ${path}`)
      markHeld(residency[pool], id)
    } catch (error) {
      markAbsent(residency[pool], id)
      throw error
    }
  }

  /** Reads what the engine waits for, from the end of its list, since the engine begins at the front. */
  function help(mixture: number): void {
    const wanted = experts.filter((expert) => expert.mixture === mixture).reverse()
    for (const expert of wanted) if (claimWanted(residency[expert.pool], expert.id)) read(expert)
  }

  try {
    let next = 0
    let rings = 0
    let isIdle = true
    while (next < experts.length && Atomics.load(stopped, 0) === 0) {
      if (Atomics.load(bell, 0) !== rings) {
        rings = Atomics.load(bell, 0)
        isIdle = false
        help(Atomics.load(bell, 1))
      } else if (isIdle) {
        const expert = experts[next++]
        if (claim(residency[expert.pool], expert.id)) read(expert)
      } else {
        isIdle = Atomics.wait(bell, 0, rings, PAUSE) === 'timed-out'
      }
    }
  } finally {
    closeSync(descriptor)
  }
}

readAhead(workerData as ReadAheadData)
