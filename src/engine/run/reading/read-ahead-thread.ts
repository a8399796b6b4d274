import { SyncFile } from '../../../ground/platform/files.js'
import { ReadAdvice } from '../../../ground/platform/read-advice.js'
import { threadData } from '../../../ground/platform/threads.js'
import { Bell } from '../../../model/weights/residency.js'
import { ExpertAnnouncer } from './expert-announcer.js'
import { type ExpertPlaces, type ExpertRange, ExpertReader } from './expert-reader.js'

/** The engine counts as idle after this many milliseconds without wanting an expert. */
const PAUSE = 100

export interface ReadAheadData extends ExpertPlaces {
  path: string
  /** Whether there is room for all experts; else only wanted ones are read. */
  readsAll: boolean
  /** Whether the reading begins with the engine's first wish. */
  readsLate?: boolean
  /** Whether it continues while the engine computes. */
  readsAlways?: boolean
  /** Indices of the experts as they are read while the engine is idle. Absent: in the order of use by a token. */
  order?: Uint32Array
  experts: ExpertRange[]
  /** Ranges of the file that the engine reads first. */
  dense?: { offset: number; bytes: number }[]
  /** The engine's wishes: see Bell. */
  bell: Int32Array
  /** Anything but 0 ends the thread. */
  stopped: Int32Array
}

interface Means {
  reader: ExpertReader
  announcer: ExpertAnnouncer
}

/** One pass over the experts from a place on, which skips those in memory. */
class Pass {
  constructor(
    private readonly means: Means,
    private place: number,
    private readonly order?: Uint32Array,
  ) {}

  get isOver(): boolean {
    return this.place >= this.means.reader.experts.length
  }

  announceNext(): void {
    this.means.announcer.announceFrom(this.place)
  }

  readNext(): void {
    const { order, means } = this
    const { experts } = means.reader
    if (!order) this.announceNext()
    for (let isRead = false; !isRead && !this.isOver; this.place++) {
      isRead = means.reader.readAbsent(experts[order ? order[this.place] : this.place])
    }
  }
}

/** Policy while the engine waits for experts: read them backwards, since the engine begins at the front. */
function helpWith(mixture: number, reader: ExpertReader): void {
  const { experts } = reader
  for (let i = experts.length - 1; i >= 0; i--) if (experts[i].mixture === mixture) reader.readWanted(experts[i])
}

/** Policy while the engine computes a prompt that wakes most experts: read the later mixtures of this batch. */
function passAfter(mixture: number, means: Means): Pass {
  const { experts } = means.reader
  const next = experts.findIndex((expert) => expert.mixture > mixture)
  return new Pass(means, next < 0 ? experts.length : next)
}

function readAhead(means: Means, data: ReadAheadData): void {
  const { bell, stopped, readsAll, readsLate, readsAlways, dense = [] } = data
  const { reader, announcer } = means
  announcer.announceRanges(dense)
  if (!readsAll) return readWanted(means, data)
  if (readsLate && Atomics.load(stopped, 0) === 0) Atomics.wait(bell, Bell.rings, 0)
  /** Policy while the engine is idle: read all experts. */
  const inPauses = new Pass(means, 0, data.order)
  let inBatch: Pass | undefined
  let isIdle = true
  let rings = 0
  while (!inPauses.isOver && Atomics.load(stopped, 0) === 0) {
    if (Atomics.load(bell, Bell.rings) !== rings) {
      rings = Atomics.load(bell, Bell.rings)
      isIdle = false
      const mixture = Atomics.load(bell, Bell.mixture)
      inBatch = Atomics.load(bell, Bell.wantsMost) === 0 ? undefined : passAfter(mixture, means)
      announcer.announceWanted(mixture)
      inBatch?.announceNext()
      helpWith(mixture, reader)
    } else if (isIdle && !readsAlways) {
      inPauses.readNext()
    } else if (reader.isFromDisk && inBatch && !inBatch.isOver) {
      inBatch.readNext()
    } else if (readsAlways) {
      inPauses.readNext()
    } else {
      isIdle = Atomics.wait(bell, Bell.rings, rings, PAUSE) === 'timed-out'
    }
  }
}

function readWanted({ reader, announcer }: Means, { bell, stopped }: ReadAheadData): void {
  for (let rings = 0; Atomics.load(stopped, 0) === 0; ) {
    const now = Atomics.load(bell, Bell.rings)
    if (now === rings) Atomics.wait(bell, Bell.rings, rings)
    else {
      const mixture = Atomics.load(bell, Bell.mixture)
      announcer.forget()
      announcer.announceWanted(mixture)
      helpWith(mixture, reader)
    }
    rings = now
  }
}

async function run(data: ReadAheadData): Promise<void> {
  const file = new SyncFile(data.path)
  const advice = await ReadAdvice.open(data.path)
  try {
    const reader = new ExpertReader(file, data.experts, data)
    readAhead({ reader, announcer: new ExpertAnnouncer(reader, advice) }, data)
  } finally {
    advice?.close()
    file.close()
  }
}

// Not awaited: V8 can abort the process if the thread is ended while a module with a top-level `await` starts.
void run(threadData() as ReadAheadData)
