import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type JournalEntry, PackJournal } from '#molm/packing/write/pack-journal.js'
import { rejectsWithUserError } from '../support/rejects.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'

const IDENTITY = { source: 'org/model', commit: 'c0ffee', layout: 'abc', hasReads: false }

function entry(part: string): JournalEntry {
  return { part, sha256: 'ab'.repeat(32), crc32: '01234567', nonFinite: [], reads: [] }
}

test('entries are read back, except a line that was cut off', async () => {
  await inTemporaryFolder(async (dir) => {
    const path = join(dir, 'journal')
    const journal = await PackJournal.create(path, IDENTITY, [entry('a')])
    await journal.append(entry('b'))
    await journal.append(entry('c'))
    await journal.close()
    const whole = { identity: IDENTITY, entries: [entry('a'), entry('b'), entry('c')] }
    assert.equal(await PackJournal.read(path), whole)
    await truncate(path, (await readFile(path)).length - 5)
    assert.equal(await PackJournal.read(path), { ...whole, entries: whole.entries.slice(0, 2) })
  })
})

test('a file that is not a journal of this kind is ignored', async () => {
  await inTemporaryFolder(async (dir) => {
    const path = join(dir, 'journal')
    assert.is(await PackJournal.read(path), undefined)
    await writeFile(path, '{"a":')
    assert.is(await PackJournal.read(path), undefined)
    await writeFile(path, '')
    await truncate(path, 2 ** 33)
    assert.is(await PackJournal.read(path), undefined)
    if (process.platform === 'win32') return
    await rm(path)
    execFileSync('mkfifo', [path])
    assert.is(await PackJournal.read(path), undefined)
  })
})

if (process.platform === 'linux') {
  test('a journal that cannot be created leaves no file open', async () => {
    await inTemporaryFolder(async (dir) => {
      const path = join(dir, 'journal')
      const open = () => readdirSync('/proc/self/fd').length
      const fail = async () => {
        // A failed create removes its partial file, here the link.
        await symlink('/dev/full', `${path}.new`)
        await rejectsWithUserError(() => PackJournal.create(path, IDENTITY, []), /journal: the disk is full/)
      }
      await fail()
      const before = open()
      for (let i = 0; i < 20; i++) await fail()
      assert.ok(open() < before + 10, `${open()} of ${before} files are open`)
    })
  })
}

test.run()
