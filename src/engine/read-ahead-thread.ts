import { matchesCrc32 } from '../packing/format/crc32.js'
import { SyncFile } from '../platform/files.js'
import { threadData } from '../platform/threads.js'
import { Bell, claim, claimWanted, markAbsent, markHeld } from '../weights/residency.js'
import { readFully } from './read-fully.js'

/** The engine counts as idle after this many milliseconds without wanting an expert. */
const PAUSE = 100

/**
 * A file that is read slower than this, in bytes per millisecond, comes from a disk and not from the system's memory.
 */
const DISK_SPEED = 1e6

/** Data of the reading thread. */
export interface ReadAheadData {
  path: string
  memories: WebAssembly.Memory[]
  /** One table per pool: see src/weights/residency.ts. */
  residency: Int32Array[]
  /** Places of the experts, one table per pool. */
  addresses: Uint32Array[]
  /** Whether there is room for all experts; else only wanted ones are read. */
  readsAll: boolean
  /** Whether the reading begins with the engine's first wish. */
  readsLate?: boolean
  /** In the order of use by a token. */
  experts: ExpertRange[]
  /** The engine's wishes: see Bell. */
  bell: Int32Array
  /** Anything but 0 ends the thread. */
  stopped: Int32Array
}

interface ExpertRange {
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

/** Reads experts from the file into their places. */
class ExpertReader {
  /** Whether the file comes from a disk, judged by the speed of the last read. */
  isFromDisk = false
  readonly experts: readonly ExpertRange[]
  private readonly banks: Uint8Array[]

  constructor(
    private readonly file: SyncFile,
    private readonly data: ReadAheadData,
  ) {
    this.experts = data.experts
    this.banks = data.memories.map(({ buffer }) => new Uint8Array(buffer))
  }

  /** Reads an expert. Returns false if it is in memory already, or another thread is reading it. */
  readAbsent(expert: ExpertRange): boolean {
    if (!claim(this.data.residency[expert.pool], expert.id)) return false
    this.read(expert)
    return true
  }

  /** Reads an expert if the engine waits for it. */
  readWanted(expert: ExpertRange): void {
    if (claimWanted(this.data.residency[expert.pool], expert.id)) this.read(expert)
  }

  /** A view of a bank's memory with at least `bytes` bytes: the memory may have grown. */
  private bankOf(bank: number, bytes: number): Uint8Array {
    if (this.banks[bank].length < bytes) this.banks[bank] = new Uint8Array(this.data.memories[bank].buffer)
    return this.banks[bank]
  }

  /** Reads an expert that this thread has claimed. */
  private read({ pool, id, bank, bytes, offset, crc32 }: ExpertRange): void {
    const { path, residency, addresses } = this.data
    try {
      const address = addresses[pool][id]
      const target = this.bankOf(bank, address + bytes).subarray(address, address + bytes)
      const started = performance.now()
      readFully(this.file, offset, target)
      this.isFromDisk = bytes < DISK_SPEED * (performance.now() - started)
      if (!matchesCrc32(target, crc32)) throw new Error(`a damaged expert at ${offset} of ${path}`)
      markHeld(residency[pool], id)
    } catch (error) {
      markAbsent(residency[pool], id)
      throw error
    }
  }
}

/** One pass over the experts from a place on, which skips those in memory. */
class Pass {
  constructor(
    private readonly reader: ExpertReader,
    private place: number,
  ) {}

  get isOver(): boolean {
    return this.place >= this.reader.experts.length
  }

  readNext(): void {
    while (!this.isOver && !this.reader.readAbsent(this.reader.experts[this.place++]));
  }
}

/**
 * Policy while the engine waits for experts of a mixture: read them backwards, since the engine begins at the front.
 */
function helpWith(mixture: number, reader: ExpertReader): void {
  const { experts } = reader
  for (let i = experts.length - 1; i >= 0; i--) if (experts[i].mixture === mixture) reader.readWanted(experts[i])
}

/** Policy while the engine computes a prompt that wakes most experts: read the later mixtures of this batch. */
function passAfter(mixture: number, reader: ExpertReader): Pass {
  const next = reader.experts.findIndex((expert) => expert.mixture > mixture)
  return new Pass(reader, next < 0 ? reader.experts.length : next)
}

function readAhead(reader: ExpertReader, { bell, stopped, readsAll, readsLate }: ReadAheadData): void {
  if (!readsAll) return readWanted(reader, { bell, stopped })
  if (readsLate && Atomics.load(stopped, 0) === 0) Atomics.wait(bell, Bell.rings, 0)
  /** Policy while the engine is idle: read all experts. */
  const inPauses = new Pass(reader, 0)
  let inBatch: Pass | undefined
  let isIdle = true
  let rings = 0
  while (!inPauses.isOver && Atomics.load(stopped, 0) === 0) {
    if (Atomics.load(bell, Bell.rings) !== rings) {
      rings = Atomics.load(bell, Bell.rings)
      isIdle = false
      const mixture = Atomics.load(bell, Bell.mixture)
      helpWith(mixture, reader)
      inBatch = Atomics.load(bell, Bell.wantsMost) === 0 ? undefined : passAfter(mixture, reader)
    } else if (isIdle) {
      inPauses.readNext()
    } else if (reader.isFromDisk && inBatch && !inBatch.isOver) {
      inBatch.readNext()
    } else {
      isIdle = Atomics.wait(bell, Bell.rings, rings, PAUSE) === 'timed-out'
    }
  }
}

/** Reads only the experts that the engine asks for. */
function readWanted(reader: ExpertReader, { bell, stopped }: Pick<ReadAheadData, 'bell' | 'stopped'>): void {
  for (let rings = 0; Atomics.load(stopped, 0) === 0; ) {
    const now = Atomics.load(bell, Bell.rings)
    if (now === rings) Atomics.wait(bell, Bell.rings, rings)
    else helpWith(Atomics.load(bell, Bell.mixture), reader)
    rings = now
  }
}

const data = threadData() as ReadAheadData
const file = new SyncFile(data.path)
try {
  readAhead(new ExpertReader(file, data), data)
} finally {
  file.close()
}
