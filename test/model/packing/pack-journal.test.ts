import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type JournalEntry, readPackJournal } from '#molm/model/packing/write/pack-journal.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'

const IDENTITY = { source: 'org/model', commit: 'c0ffee', layout: 'abc' }

function entry(part: string): JournalEntry {
  return { part, sha256: 'ab'.repeat(32), crc32: '01234567', nonFinite: [] }
}

test('entries of a packing count up to one that makes no sense, and a file that is no journal of one is ignored', () =>
  inTemporaryFolder(async (dir) => {
    const path = join(dir, 'journal')
    const read = async (...lines: unknown[]) => {
      await writeFile(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
      return readPackJournal(path)
    }
    assert.equal(await read(IDENTITY, entry('a'), entry('b')), {
      identity: IDENTITY,
      entries: [entry('a'), entry('b')],
    })
    const { part, ...damaged } = entry('b')
    assert.equal(await read(IDENTITY, entry('a'), damaged, entry('c')), { identity: IDENTITY, entries: [entry('a')] })
    assert.is(await read({ ...IDENTITY, commit: 1 }, entry('a')), undefined)
    assert.is(await readPackJournal(dir), undefined)
  }))

test.run()
