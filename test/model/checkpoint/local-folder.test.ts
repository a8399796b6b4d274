import { mkdir, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { localFolder, openLocalFile } from '#molm/ground/files/local-folder.js'
import { openCheckpoint } from '#molm/model/checkpoint/checkpoint.js'
import { rejectsWithUserError } from '../../support/rejects.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'

test('files are listed and read by range, also through links', () =>
  inTemporaryFolder(async (dir) => {
    await mkdir(join(dir, 'sub'))
    await writeFile(join(dir, 'blob'), '0123456789')
    await symlink('blob', join(dir, 'model.bin'))
    const folder = localFolder(dir)
    assert.equal((await folder.list()).sort(), ['blob', 'model.bin'])
    const source = await folder.open('model.bin')
    assert.is(source.size, 10)
    assert.is(source.name, join(dir, 'model.bin'))
    const bytes = await source.read(3, 4)
    assert.is(Buffer.from(bytes).toString(), '3456')
    assert.is(bytes.buffer.byteLength, 4, 'the bytes have a buffer of their own')
    assert.is((await source.read(10, 0)).length, 0)
    await source.close()
    await source.close()
  }))

test('ranges outside the file are refused without reading', () =>
  inTemporaryFolder(async (dir) => {
    await writeFile(join(dir, 'a'), '0123')
    const source = await openLocalFile(join(dir, 'a'))
    for (const [offset, length] of [
      [0, 5],
      [4, 1],
      [-1, 1],
      [0, -1],
      [2 ** 52, 2 ** 52],
      [Number.NaN, 1],
    ]) {
      await rejectsWithUserError(() => source.read(offset, length), /a: bytes .* are outside the file of 4 bytes/)
    }
    await source.close()
    await rejectsWithUserError(() => source.read(0, 1), /a: cannot be read/)
  }))

test('a file that becomes shorter while it is open is noticed', () =>
  inTemporaryFolder(async (dir) => {
    await writeFile(join(dir, 'a'), '0123')
    const source = await openLocalFile(join(dir, 'a'))
    await truncate(join(dir, 'a'), 2)
    await rejectsWithUserError(() => source.read(0, 4), /a: the file became shorter while it was read/)
    await source.close()
  }))

test('a path that is missing or not a file is named', () =>
  inTemporaryFolder(async (dir) => {
    await mkdir(join(dir, 'config.json'))
    await writeFile(join(dir, 'file'), '')
    await rejectsWithUserError(() => localFolder(join(dir, 'none')).list(), /none: there is no such folder/)
    await rejectsWithUserError(() => openCheckpoint(localFolder(join(dir, 'none'))), /none: there is no such folder/)
    await rejectsWithUserError(() => openCheckpoint(localFolder(join(dir, 'file'))), /file: this is a file/)
    await rejectsWithUserError(() => openCheckpoint(localFolder(dir)), /no config\.json in this folder/)
    await rejectsWithUserError(() => localFolder(dir).open('x.bin'), /x\.bin: there is no such file/)
    await rejectsWithUserError(() => localFolder(dir).open('config.json'), /config\.json: this is not a file/)
  }))

test('a name cannot lead out of the folder', () =>
  inTemporaryFolder(async (dir) => {
    await mkdir(join(dir, 'inner'))
    await writeFile(join(dir, 'secret'), 'x')
    for (const name of ['../secret', join(dir, 'secret'), '..', '', '.', 'a/../../secret', 'secret\0']) {
      await rejectsWithUserError(
        () => localFolder(join(dir, 'inner')).open(name),
        /is not the name of a file in this folder/,
      )
    }
  }))

test.run()
