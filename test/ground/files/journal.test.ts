import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Journal } from '#molm/ground/files/journal.js'
import { rejectsWithUserError } from '../../support/rejects.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'

test('lines are read back, except one that was cut off', () =>
  inTemporaryFolder(async (dir) => {
    const path = join(dir, 'journal')
    assert.equal(await Journal.read(path), [])
    const journal = await Journal.create(path, ['work', 1])
    await journal.append([2])
    await journal.append({ a: 3 })
    await journal.close()
    assert.equal(await Journal.read(path), ['work', 1, [2], { a: 3 }])
    await truncate(path, (await readFile(path)).length - 1)
    assert.equal(await Journal.read(path), ['work', 1, [2]])
    await writeFile(path, '"work"\n{]\n1\n')
    assert.equal(await Journal.read(path), ['work', undefined, 1])
  }))

test('a file that is too long, or is none, is refused', () =>
  inTemporaryFolder(async (dir) => {
    const path = join(dir, 'journal')
    await writeFile(path, '')
    await truncate(path, 2 ** 33)
    await rejectsWithUserError(() => Journal.read(path), /journal: 8589934592 bytes are too many/)
    if (process.platform === 'win32') return
    await rm(path)
    execFileSync('mkfifo', [path])
    await rejectsWithUserError(() => Journal.read(path), /journal: this is not a file/)
  }))

if (process.platform === 'linux') {
  test('a journal that cannot be created leaves no file open', () =>
    inTemporaryFolder(async (dir) => {
      const path = join(dir, 'journal')
      const open = () => readdirSync('/proc/self/fd').length
      const fail = async () => {
        // A failed create removes its partial file, here the link.
        await symlink('/dev/full', `${path}.new`)
        await rejectsWithUserError(() => Journal.create(path, ['work']), /journal: the disk is full/)
      }
      await fail()
      const before = open()
      for (let i = 0; i < 20; i++) await fail()
      assert.ok(open() < before + 10, `${open()} of ${before} files are open`)
    }))
}

test.run()
