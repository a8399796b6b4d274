import { UserError } from '../../../ground/errors.js'
import type { SyncFile } from '../../../ground/platform/files.js'
import { matchesCrc32 } from '../../../model/packing/format/checksums.js'
import { claim, claimWanted, isAbsent, isWanted, markAbsent, markHeld } from '../../../model/weights/residency.js'

/** A file that is read slower, in bytes per millisecond, comes from a disk and not from the system's memory. */
const DISK_SPEED = 1e6

export interface ExpertRange {
  /** Number of its mixture, in the order tokens meet them. */
  mixture: number
  /** Index of its pool, and its number there. */
  pool: number
  id: number
  bank: number
  bytes: number
  /** Offset in the file, and a CRC-32 if it is to be checked. */
  offset: number
  crc32?: string
}

/** Memories that the experts are read into, and the tables of their states and places. */
export interface ExpertPlaces {
  memories: WebAssembly.Memory[]
  /** One table per pool: see src/model/weights/residency.ts. */
  residency: Int32Array[]
  /** Places of the experts, one table per pool. */
  addresses: Uint32Array[]
}

/** Reads experts from the file into their places. */
export class ExpertReader {
  /** Whether the last read had to wait for a disk. */
  isFromDisk = false
  private readonly banks: Uint8Array[]

  constructor(
    private readonly file: SyncFile,
    /** In the order of use by a token. */
    readonly experts: readonly ExpertRange[],
    private readonly places: ExpertPlaces,
  ) {
    this.banks = places.memories.map(({ buffer }) => new Uint8Array(buffer))
  }

  /** Whether nothing has read or claimed an expert yet. */
  isUnread({ pool, id }: ExpertRange): boolean {
    return isAbsent(this.places.residency[pool], id) || isWanted(this.places.residency[pool], id)
  }

  /** Whether the engine waits for an expert that nothing reads yet. */
  isWanted({ pool, id }: ExpertRange): boolean {
    return isWanted(this.places.residency[pool], id)
  }

  /** Reads an expert. Returns false if it is in memory already, or another thread is reading it. */
  readAbsent(expert: ExpertRange): boolean {
    if (!claim(this.places.residency[expert.pool], expert.id)) return false
    this.read(expert)
    return true
  }

  readWanted(expert: ExpertRange): void {
    if (claimWanted(this.places.residency[expert.pool], expert.id)) this.read(expert)
  }

  /** A view of a bank's memory with at least `bytes` bytes: the memory may have grown. */
  private bankOf(bank: number, bytes: number): Uint8Array {
    if (this.banks[bank].length < bytes) this.banks[bank] = new Uint8Array(this.places.memories[bank].buffer)
    return this.banks[bank]
  }

  /** Reads an expert that this thread has claimed. */
  private read({ pool, id, bank, bytes, offset, crc32 }: ExpertRange): void {
    const { residency, addresses } = this.places
    try {
      const address = addresses[pool][id]
      const target = this.bankOf(bank, address + bytes).subarray(address, address + bytes)
      const started = performance.now()
      readFully(this.file, offset, target)
      this.isFromDisk = bytes < DISK_SPEED * (performance.now() - started)
      if (!matchesCrc32(target, crc32)) throw new Error(`a damaged expert at ${offset} of ${this.file.path}`)
      markHeld(residency[pool], id)
    } catch (error) {
      markAbsent(residency[pool], id)
      throw error
    }
  }
}

/** Fills `target` from byte `offset` of an open file. Throws a UserError if it is too short. */
export function readFully(file: SyncFile, offset: number, target: Uint8Array): void {
  for (let done = 0; done < target.length; ) {
    const read = file.read(done === 0 ? target : target.subarray(done), offset + done)
    if (read === 0) throw new UserError(`${file.path}: the file became shorter while it was in use`)
    done += read
  }
}
