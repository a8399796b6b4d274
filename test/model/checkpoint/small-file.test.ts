import { execFileSync } from 'node:child_process'
import { mkdir, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readSmallFile } from '#molm/ground/files/small-file.js'
import { rejectsWithUserError } from '../../support/rejects.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'

test('a small file is read whole, and a missing one is undefined', () =>
  inTemporaryFolder(async (dir) => {
    const path = join(dir, 'a.json')
    assert.is(await readSmallFile(path, 10), undefined)
    await writeFile(path, 'ten bytes.')
    await symlink(path, join(dir, 'link'))
    for (const name of ['a.json', 'link']) {
      assert.is(new TextDecoder().decode(await readSmallFile(join(dir, name), 10)), 'ten bytes.')
    }
    await rejectsWithUserError(() => readSmallFile(path, 9), /a\.json: 10 bytes are too many .* at most 9/)
  }))

test('a file of terabytes is refused without being read', () =>
  inTemporaryFolder(async (dir) => {
    const path = join(dir, 'sparse')
    await writeFile(path, '')
    await truncate(path, 2 ** 40)
    await rejectsWithUserError(() => readSmallFile(path, 2 ** 20), /too many/)
  }))

test('folders are not files', () =>
  inTemporaryFolder(async (dir) => {
    await mkdir(join(dir, 'folder'))
    await rejectsWithUserError(() => readSmallFile(join(dir, 'folder'), 10), /folder: this is not a file/)
  }))

if (process.platform !== 'win32') {
  test('pipes and devices are refused, because they may never end', () =>
    inTemporaryFolder(async (dir) => {
      execFileSync('mkfifo', [join(dir, 'pipe')])
      await symlink('/dev/zero', join(dir, 'zero'))
      for (const name of ['pipe', 'zero']) {
        await rejectsWithUserError(() => readSmallFile(join(dir, name), 10), /this is not a file/)
      }
    }))
}

test.run()
