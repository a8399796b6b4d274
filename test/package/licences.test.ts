import { spawnSync } from 'node:child_process'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { repositoryPath } from '../support/fixtures.js'

test('the page of licences has every package that is installed with molm, in the right version', () => {
  const script = repositoryPath('scripts/list-licences.mjs')
  const { status, stderr } = spawnSync(process.execPath, [script, '--check'], { encoding: 'utf8' })
  assert.is(status, 0, stderr)
})

test.run()
