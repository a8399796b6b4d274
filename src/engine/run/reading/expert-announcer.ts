import { type ReadAdvice, readsFromDisk } from '../../../ground/platform/read-advice.js'
import type { ExpertRange, ExpertReader } from './expert-reader.js'

/**
 * Bytes that are announced ahead of a prompt or a pass over all experts. A disk that is idle for a moment, or shared
 * with other programs, delivers as much of the model as has been asked for; much more would delay the experts that a
 * prompt turns out to need (bench/LAB.md).
 */
const AHEAD = 30e6

/** After this number of announcements without a read from a disk, the file counts as being in the system's memory. */
const IN_MEMORY = 8

/**
 * Announces to the system which experts will be read, so that it reads all of them at once while a thread copies one
 * after the other. Without advice each read waits for the disk alone, behind reads of other programs. Does nothing
 * while the file is in the system's memory.
 */
export class ExpertAnnouncer {
  private readonly announced = new Set<ExpertRange>()
  /** Announcements since the last read from a disk. */
  private withoutRead = 0
  private reads = 0

  constructor(
    private readonly reader: ExpertReader,
    private readonly advice: Pick<ReadAdvice, 'willRead'> | undefined,
    private readonly countReads = readsFromDisk,
  ) {}

  /** Announces ranges of the file that are read once, before the experts. */
  announceRanges(ranges: readonly { offset: number; bytes: number }[]): void {
    for (const { offset, bytes } of ranges) this.advice?.willRead(offset, bytes)
  }

  /** Announces the experts of a mixture that the engine waits for. */
  announceWanted(mixture: number): void {
    for (const expert of this.reader.experts) {
      if (expert.mixture === mixture && this.reader.isWanted(expert)) this.announce(expert)
    }
  }

  /** Announces the next experts from `place` on, in the order of use. */
  announceFrom(place: number): void {
    const { experts } = this.reader
    for (let i = place, bytes = 0; i < experts.length && bytes < AHEAD; i++) {
      if (!this.reader.isUnread(experts[i])) continue
      this.announce(experts[i])
      bytes += experts[i].bytes
    }
  }

  /** Forgets what has been announced: experts that have left memory are read again. */
  forget(): void {
    this.announced.clear()
  }

  private announce(expert: ExpertRange): void {
    if (!this.advice || this.announced.has(expert) || this.isInMemory()) return
    this.announced.add(expert)
    this.withoutRead++
    this.advice.willRead(expert.offset, expert.bytes)
  }

  private isInMemory(): boolean {
    const reads = this.countReads()
    if (reads !== this.reads) this.withoutRead = 0
    this.reads = reads
    return this.withoutRead >= IN_MEMORY
  }
}
