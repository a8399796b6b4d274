import { spawnSync } from 'node:child_process'
import { symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ReadAdvice } from '#molm/ground/platform/read-advice.js'
import { repositoryPath } from '../../support/fixtures.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'

const test = suite('advice to the system about reads')

const isLinux = process.platform === 'linux'

test('is taken on Linux, for ranges beyond the end of the file, too', () =>
  inTemporaryFolder(async (folder) => {
    const path = join(folder, 'weights')
    await writeFile(path, new Uint8Array(3 * 2 ** 20))
    const advice = await ReadAdvice.open(path)
    assert.is(advice !== undefined, isLinux)
    advice?.willRead(64, 2 ** 21)
    advice?.willRead(2 ** 21, 2 ** 26)
    advice?.close()
  }))

test('follows a link to another folder', () =>
  inTemporaryFolder((folder) =>
    inTemporaryFolder(async (other) => {
      await writeFile(join(other, 'weights'), new Uint8Array(100))
      await symlink(join(other, 'weights'), join(folder, 'link'))
      const advice = await ReadAdvice.open(join(folder, 'link'))
      assert.is(advice !== undefined, isLinux)
      advice?.close()
    }),
  ))

test('is not taken for a file that does not exist, without an error', () =>
  inTemporaryFolder(async (folder) => {
    assert.is(await ReadAdvice.open(join(folder, 'absent')), undefined)
  }))

test('prints no warning, and leaves warnings of others', () => {
  const module = pathToFileURL(repositoryPath('dist/ground/platform/read-advice.js')).href
  const code = `
    const { ReadAdvice } = await import('${module}')
    const advice = await ReadAdvice.open(process.execPath)
    advice?.close()
    process.emitWarning('of another')`
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' })
  assert.is(status, 0)
  assert.match(stderr, /of another/)
  assert.not.match(stderr, /WASI/)
})

test.run()
