import { execFileSync } from 'node:child_process'
import { cpSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { repositoryPath } from '../support/fixtures.js'
import { LANTERN } from '../support/lantern.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'

test('the first npx in a clone answers without a second build', () =>
  inTemporaryFolder(async (dir) => {
    const clone = join(dir, 'clone')
    for (const name of ['package.json', 'bin', 'dist', 'models/nano']) {
      cpSync(repositoryPath(name), join(clone, name), { recursive: true })
    }
    symlinkSync(repositoryPath('node_modules'), join(clone, 'node_modules'))
    const built = () => statSync(join(clone, 'dist', 'index.js')).mtimeMs
    const before = built()
    // With an empty home, npm has not installed this folder yet. npm runs `prepare` whenever it installs a package from a
    // folder, and hides the output. It runs `postprepare` only for `npm ci` and `npm install` inside the folder.
    const env = { PATH: process.env.PATH, HOME: join(dir, 'home'), npm_config_cache: join(dir, 'cache') }
    const args = ['--offline', 'molm', '--temperature', '0', LANTERN.question]
    assert.is(execFileSync('npx', args, { cwd: clone, env, encoding: 'utf8' }), `${LANTERN.answer}\n`)
    assert.is(built(), before)
  }))

test.run()
