import { mkdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { makeFolder } from '#molm/ground/files/folders.js'
import { rejectsWithUserError } from '../../support/rejects.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'

test('a folder is created with its parents, and an existing one is accepted', () =>
  inTemporaryFolder(async (dir) => {
    const path = join(dir, 'a', 'b', 'c')
    assert.is(await makeFolder(path), true)
    assert.ok((await stat(path)).isDirectory())
    assert.is(await makeFolder(path), false)
    assert.is(await makeFolder(join(dir, 'a')), false)
  }))

test('several callers can create the same folder at once', () =>
  inTemporaryFolder(async (dir) => {
    await Promise.all(Array.from({ length: 20 }, () => makeFolder(join(dir, 'a', 'b', 'c'))))
    assert.ok((await stat(join(dir, 'a', 'b', 'c'))).isDirectory())
  }))

test('a file at the path is an error', () =>
  inTemporaryFolder(async (dir) => {
    await writeFile(join(dir, 'file'), '')
    await mkdir(join(dir, 'folder'))
    for (const path of [join(dir, 'file'), join(dir, 'file', 'below')]) {
      await rejectsWithUserError(() => makeFolder(path), /file.*: cannot be written \(.* is a file|there is a file/)
    }
  }))

if (process.platform === 'linux') {
  test('a file system that cannot create folders is reported at once', async () => {
    const refusal = /^\/proc\/molm\/below: cannot be written \(there is no/
    await rejectsWithUserError(() => makeFolder('/proc/molm/below'), refusal)
  })
}

test.run()
