import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { tooManyFiles } from '#molm/cli/io/open-files.js'

const test = suite('a limit on open files')

test('is recognised by the code of the error', () => {
  assert.ok(tooManyFiles(new Error("EMFILE: too many open files, open 'a'")))
  assert.ok(tooManyFiles(new Error('ENFILE: file table overflow')))
  assert.is(tooManyFiles(new Error('ENOENT: no such file')), undefined)
  assert.is(tooManyFiles('EMFILE'), undefined)
})

test.run()
