import { spawnSync } from 'node:child_process'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { tooManyFiles } from '#molm/cli/io/open-files.js'
import { repositoryPath } from '../support/fixtures.js'

const test = suite('a limit on open files')
const onPosix = process.platform === 'win32' ? test.skip : test

onPosix('that is too low to start is reported in one line', () => {
  const bin = repositoryPath('bin/molm.js')
  for (const command of ['list', 'run -n 1 Hi', 'serve --port 0']) {
    const script = ['-c', `ulimit -n 40; exec "$0" "$1" ${command}`, process.execPath, bin]
    const env = { ...process.env, MOLM_HOME: '/nonexistent' }
    const { status, stderr } = spawnSync('sh', script, { encoding: 'utf8', env })
    assert.is(status, 1, stderr)
    assert.match(stderr, /^molm: the limit of open files is too low; .*ulimit -n 1024.*\n$/)
  }
})

test('is recognised by the code of the error', () => {
  assert.ok(tooManyFiles(new Error("EMFILE: too many open files, open 'a'")))
  assert.ok(tooManyFiles(new Error('ENFILE: file table overflow')))
  assert.is(tooManyFiles(new Error('ENOENT: no such file')), undefined)
  assert.is(tooManyFiles('EMFILE'), undefined)
})

test.run()
