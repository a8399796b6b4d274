import { closeSync, openSync } from 'node:fs'
import { workerData } from 'node:worker_threads'
import { matchesCrc32 } from '../packing/format/crc32.js'
import { Bell, claim, claimWanted, markAbsent, markHeld } from '../weights/residency.js'
import { readFully } from './read-fully.js'

/** Milliseconds without a new wish after which the engine counts as idle. */
const PAUSE = 100

/** Bytes a millisecond below which a file comes from a disk, and not out of the system's memory. */
const DISK_SPEED = 1e6

/** What the thread that reads ahead is given. */
export interface ReadAheadData {
  path: string
  memories: WebAssembly.Memory[]
  /** Tables of the pools: see src/weights/residency.ts. */
  residency: Int32Array[]
  /** In the order in which a token meets them. */
  experts: ExpertRange[]
  /** What the engine wants: see Bell. */
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
  let isFromDisk = false

  /** Reads an expert that this thread has claimed. */
  function read({ pool, id, bank, address, bytes: length, offset, crc32 }: ExpertRange): void {
    try {
      const target = bytes[bank].subarray(address, address + length)
      const started = performance.now()
      readFully(descriptor, path, offset, target)
      isFromDisk = length < DISK_SPEED * (performance.now() - started)
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

  /** Reads the first expert from `place` on that is not there; gives the place after it. */
  function readOne(place: number): number {
    while (place < experts.length) {
      const expert = experts[place++]
      if (!claim(residency[expert.pool], expert.id)) continue
      read(expert)
      break
    }
    return place
  }

  try {
    let next = 0
    /** Where the mixtures begin that the engine has still before it, in the batch at hand. */
    let coming = experts.length
    let rings = 0
    let isIdle = true
    while (next < experts.length && Atomics.load(stopped, 0) === 0) {
      if (Atomics.load(bell, Bell.rings) !== rings) {
        rings = Atomics.load(bell, Bell.rings)
        isIdle = false
        const mixture = Atomics.load(bell, Bell.mixture)
        help(mixture)
        const after = experts.findIndex((expert) => expert.mixture > mixture)
        coming = after < 0 || Atomics.load(bell, Bell.wantsMost) === 0 ? experts.length : after
      } else if (isIdle) {
        next = readOne(next)
      } else if (isFromDisk && coming < experts.length) {
        coming = readOne(coming)
      } else {
        isIdle = Atomics.wait(bell, Bell.rings, rings, PAUSE) === 'timed-out'
      }
    }
  } finally {
    closeSync(descriptor)
  }
}

readAhead(workerData as ReadAheadData)
