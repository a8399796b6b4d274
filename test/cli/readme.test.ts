import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { repositoryPath } from '../support/fixtures.js'

const test = suite('README')

test('what README shows is what comes', async () => {
  const text = await readFile(repositoryPath('README.md'), 'utf8')
  const shown = [...text.matchAll(/^\$ (.* molm .*)\n((?:.+\n)+?)(?=\n|```)/gm)]
  assert.is(shown.length, 3)
  for (const [, command, output] of shown) {
    const local = command.replace('npx molm', `"${process.execPath}" "${repositoryPath('bin/molm.js')}"`)
    const { stdout } = await promisify(execFile)('sh', ['-c', `(${local}) </dev/null`], {
      env: { ...process.env, MOLM_MODEL: 'nano' },
    })
    assert.is(stdout, output, command)
  }
})

test.run()
