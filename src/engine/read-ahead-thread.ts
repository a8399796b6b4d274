import { matchesCrc32 } from '../packing/format/crc32.js'
import { SyncFile } from '../platform/files.js'
import { threadData } from '../platform/threads.js'
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

/** Reads experts of the file into their places. */
class ExpertReader {
  /** Whether the file comes from a disk, by the speed of the last reading. */
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

  /** Reads an expert unless it is there or another thread reads it; false if so. */
  readAbsent(expert: ExpertRange): boolean {
    if (!claim(this.data.residency[expert.pool], expert.id)) return false
    this.read(expert)
    return true
  }

  /** Reads an expert if the engine waits for it. */
  readWanted(expert: ExpertRange): void {
    if (claimWanted(this.data.residency[expert.pool], expert.id)) this.read(expert)
  }

  /** Reads an expert that this thread has claimed. */
  private read({ pool, id, bank, address, bytes, offset, crc32 }: ExpertRange): void {
    const { path, residency } = this.data
    try {
      const target = this.banks[bank].subarray(address, address + bytes)
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

/** A policy: the experts from a place on, one after the other, without those that are there. */
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

/** While the engine waits for experts of a mixture: reads them from the end of its list, since it begins at the front. */
function helpWith(mixture: number, reader: ExpertReader): void {
  const { experts } = reader
  for (let i = experts.length - 1; i >= 0; i--) if (experts[i].mixture === mixture) reader.readWanted(experts[i])
}

/** While the engine computes a prompt that wakes most experts: the mixtures that it has before it in this batch. */
function passAfter(mixture: number, reader: ExpertReader): Pass {
  const next = reader.experts.findIndex((expert) => expert.mixture > mixture)
  return new Pass(reader, next < 0 ? reader.experts.length : next)
}

function readAhead(reader: ExpertReader, { bell, stopped }: ReadAheadData): void {
  /** While the engine is idle: all experts. */
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

const data = threadData() as ReadAheadData
const file = new SyncFile(data.path)
try {
  readAhead(new ExpertReader(file, data), data)
} finally {
  file.close()
}
