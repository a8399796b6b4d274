import { execFileSync } from 'node:child_process'
import { mkdir, readdir, readFile, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { writeAtomically } from '#molm/ground/files/write-atomically.js'
import { rejectsWithUserError } from '../../support/rejects.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'

const test = suite('writing a file atomically')
const onUnix = process.platform === 'win32' ? test.skip : test

test('replaces an earlier file and keeps its permissions, and replaces a link, not what it names', () =>
  inTemporaryFolder(async (folder) => {
    const [path, link] = [join(folder, 'file'), join(folder, 'link')]
    await writeFile(path, 'former', { mode: 0o640 })
    await symlink(path, link)
    await writeAtomically(link, ['text'])
    assert.equal([await readFile(path, 'utf8'), await readFile(link, 'utf8')], ['former', 'text'])
    await writeAtomically(path, ['text and ', new Uint8Array([98, 121, 116, 101, 115])])
    assert.is(await readFile(path, 'utf8'), 'text and bytes')
    if (process.platform !== 'win32') assert.is((await stat(path)).mode & 0o777, 0o640)
    assert.equal(await readdir(folder), ['file', 'link'])
  }))

test('two writers of a file do not mix: each leaves its own whole, and the last one counts', () =>
  inTemporaryFolder(async (folder) => {
    const path = join(folder, 'file')
    async function* slowly() {
      yield Buffer.from('a long ')
      await writeAtomically(path, ['short'])
      assert.is(await readFile(path, 'utf8'), 'short')
      yield Buffer.from('text')
    }
    await writeAtomically(path, slowly())
    assert.is(await readFile(path, 'utf8'), 'a long text')
    assert.equal(await readdir(folder), ['file'])
  }))

test('removes the partial files of killed processes, and not of one that may still write', () =>
  inTemporaryFolder(async (folder) => {
    const [old, recent] = ['0', '1'].map((digit) => `.molm.${digit}d3e1c52-7a60-4d6e-8f2b-0a1b2c3d4e5f.partial`)
    for (const name of [old, recent, 'notes.partial']) await writeFile(join(folder, name), 'x')
    for (const name of [old, 'notes.partial']) await utimes(join(folder, name), 1, 1)
    await writeAtomically(join(folder, 'file'), ['text'])
    assert.equal((await readdir(folder)).sort(), [recent, 'file', 'notes.partial'].sort())
  }))

onUnix('writes into a pipe and does not take its place', () =>
  inTemporaryFolder(async (folder) => {
    const path = join(folder, 'pipe')
    execFileSync('mkfifo', [path])
    const [text] = await Promise.all([readFile(path, 'utf8'), writeAtomically(path, ['text'])])
    assert.is(text, 'text')
    assert.ok((await stat(path)).isFIFO())
  }),
)

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
