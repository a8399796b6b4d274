import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { repositoryPath } from '../support/fixtures.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'

test('kernels compiled again have the same bytes', () =>
  inTemporaryFolder(async (dir) => {
    const built = join(dir, 'plain.wasm')
    execFileSync(process.execPath, ['scripts/build-kernels.mjs', 'plain', built], { cwd: repositoryPath('.') })
    assert.ok(readFileSync(built).equals(readFileSync(repositoryPath('dist/kernels/plain.wasm'))))
  }))

test.run()
