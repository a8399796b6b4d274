import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ExpertAnnouncer } from '#molm/engine/run/reading/expert-announcer.js'
import { type ExpertRange, ExpertReader } from '#molm/engine/run/reading/expert-reader.js'
import { SyncFile } from '#molm/ground/platform/files.js'
import { markHeld, noneHeld, want } from '#molm/model/weights/residency.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'

const test = suite('the announcement of experts')

interface Parts {
  reader: ExpertReader
  announcer: ExpertAnnouncer
  residency: Int32Array
  /** Announced offsets since the last look. */
  announced(): number[]
  /** Counts a read from a disk. */
  readFromDisk(): void
}

/** Two experts in each mixture. Announcements say `bytes` of each, and reads take 64. */
function withExperts(count: number, bytes: number, use: (parts: Parts) => void): Promise<void> {
  return inTemporaryFolder(async (folder) => {
    const path = join(folder, 'weights')
    await writeFile(path, new Uint8Array(64 * count))
    const residency = noneHeld(count)
    const addresses = [new Uint32Array(count).fill(64)]
    const memories = [new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true })]
    const experts = Array.from({ length: count }, (_, id): ExpertRange => {
      return { mixture: id >> 1, pool: 0, id, bank: 0, bytes, offset: 64 * id }
    })
    const file = new SyncFile(path)
    const reader = new ExpertReader(file, experts, { memories, residency: [residency], addresses })
    const offsets: number[] = []
    let reads = 1
    const advice = { willRead: (offset: number) => offsets.push(offset / 64) }
    const announcer = new ExpertAnnouncer(reader, advice, () => reads)
    try {
      use({ reader, announcer, residency, announced: () => offsets.splice(0), readFromDisk: () => reads++ })
    } finally {
      file.close()
    }
  })
}

test('names the wanted experts of a mixture once, in the order of the file', () =>
  withExperts(8, 64, ({ announcer, residency, announced }) => {
    for (const id of [1, 2, 3, 6]) want(residency, id)
    announcer.announceWanted(1)
    assert.equal(announced(), [2, 3])
    announcer.announceWanted(1)
    assert.equal(announced(), [])
    announcer.forget()
    announcer.announceWanted(1)
    assert.equal(announced(), [2, 3])
  }))

test('leaves out experts that are in memory', () =>
  withExperts(8, 64, ({ announcer, reader, residency, announced }) => {
    markHeld(residency, 3)
    want(residency, 4)
    reader.readAbsent(reader.experts[5])
    announcer.announceFrom(2)
    assert.equal(announced(), [2, 4, 6, 7])
  }))

test('reaches 30 MB ahead, whether announced earlier or not', () =>
  withExperts(8, 10e6, ({ announcer, announced }) => {
    announcer.announceFrom(1)
    assert.equal(announced(), [1, 2, 3])
    announcer.announceFrom(2)
    assert.equal(announced(), [4])
  }))

test('ends when announcements cause no reads from a disk, and resumes after one', () =>
  withExperts(40, 64, ({ announcer, announced, readFromDisk }) => {
    announcer.announceFrom(20)
    assert.equal(announced(), [20, 21, 22, 23, 24, 25, 26, 27])
    announcer.announceFrom(20)
    assert.equal(announced(), [])
    readFromDisk()
    announcer.announceFrom(20)
    assert.equal(announced(), [28, 29, 30, 31, 32, 33, 34, 35])
  }))

test.run()
