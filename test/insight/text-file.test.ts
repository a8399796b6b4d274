import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readText } from '#molm/lab/index.js'
import { rejectsWithUserError } from '../support/rejects.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'

test('a text is read exactly, with its byte-order mark and a genuine replacement character', () =>
  inTemporaryFolder(async (dir) => {
    const path = join(dir, 'a.txt')
    await writeFile(path, '\ufeffa\r\n\ufffd')
    assert.equal(await readText(path), { name: path, text: '\ufeffa\r\n\ufffd' })
  }))

test('invalid UTF-8, folders and missing files are refused', () =>
  inTemporaryFolder(async (dir) => {
    const path = join(dir, 'latin1.txt')
    await writeFile(path, Buffer.from('one\ntwo\ncaf\xe9\n', 'latin1'))
    await rejectsWithUserError(() => readText(path), /latin1\.txt: line 3 is not valid UTF-8/)
    await rejectsWithUserError(() => readText(dir), /is a folder/)
    await rejectsWithUserError(() => readText(join(dir, 'none.txt')), /none\.txt: no such file/)
  }))

test.run()
