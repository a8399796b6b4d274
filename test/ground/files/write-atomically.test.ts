import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { writeAtomically } from '#molm/ground/files/write-atomically.js'
import { rejectsWithUserError } from '../../support/rejects.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'

const test = suite('writing a file atomically')

test('replaces an earlier file, and the partial file of an earlier attempt', () =>
  inTemporaryFolder(async (folder) => {
    const path = join(folder, 'file')
    await writeFile(path, 'former')
    await writeFile(`${path}.partial`, 'a longer one that was interrupted')
    await writeAtomically(path, ['text and ', new Uint8Array([98, 121, 116, 101, 115])])
    assert.is(await readFile(path, 'utf8'), 'text and bytes')
    assert.equal(await readdir(folder), ['file'])
  }))

test('keeps the earlier file if a piece of the new one fails', () =>
  inTemporaryFolder(async (folder) => {
    const path = join(folder, 'file')
    await writeFile(path, 'former')
    const pieces = function* () {
      yield 'begun'
      throw new Error('no more')
    }
    const error = await writeAtomically(path, pieces()).catch((error: Error) => error)
    assert.is(error?.message, 'no more')
    assert.is(await readFile(path, 'utf8'), 'former')
    assert.equal(await readdir(folder), ['file'])
  }))

test('uses the given permissions, and the given temporary name until the file is complete', () =>
  inTemporaryFolder(async (folder) => {
    const path = join(folder, 'file')
    const partial = join(folder, 'file.1')
    await writeAtomically(path, ['secret'], { partial, mode: 0o600 })
    assert.is((await stat(path)).mode & 0o777, 0o600)
    assert.equal(await readdir(folder), ['file'])
  }))

test('rejects with a UserError that names the path, and leaves nothing behind', () =>
  inTemporaryFolder(async (folder) => {
    await rejectsWithUserError(
      () => writeAtomically(join(folder, 'none', 'file'), ['x']),
      /none.file: cannot be written/,
    )
    await mkdir(join(folder, 'taken'))
    await writeFile(join(folder, 'taken', 'x'), '')
    await rejectsWithUserError(() => writeAtomically(join(folder, 'taken'), ['x']), /taken: cannot be written/)
    assert.equal(await readdir(folder), ['taken'])
  }))

test.run()
