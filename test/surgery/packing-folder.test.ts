import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { basename, join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { inPackingFolder } from '#molm/surgery/packing-folder.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'

/** A folder as a process leaves it that is killed while it packs. */
async function abandon(dir: string, name: string, withLock: boolean): Promise<void> {
  await mkdir(join(dir, name))
  await writeFile(join(dir, name, 'model-q4.molm.safetensors.partial'), 'half')
  const owner = { pid: process.pid, host: hostname(), started: 'before this process', id: 'other' }
  if (withLock) await writeFile(join(dir, `${name}.lock`), JSON.stringify(owner))
}

test('a packing folder is there while it is used, and nothing is left of it afterwards', () =>
  inTemporaryFolder(async (dir) => {
    const out = join(dir, 'deep', 'out')
    const result = await inPackingFolder(out, async (folder) => {
      await writeFile(join(folder, 'file'), 'x')
      return (await readdir(join(dir, 'deep'))).sort()
    })
    assert.is(result.length, 2)
    assert.match(result[0], /^\.molm-packing-[\w-]+$/)
    assert.is(result[1], `${result[0]}.lock`)
    assert.equal(await readdir(join(dir, 'deep')), [])
  }))

test('folders of processes that were killed are removed, those in use and other files stay', () =>
  inTemporaryFolder(async (dir) => {
    const out = join(dir, 'out')
    await inPackingFolder(out, async (first) => {
      await abandon(dir, '.molm-packing-killed', true)
      await abandon(dir, '.molm-packing-aXy12z', false)
      const longAgo = new Date(Date.now() - 25 * 60 * 60 * 1000)
      await utimes(join(dir, '.molm-packing-aXy12z'), longAgo, longAgo)
      await writeFile(join(dir, '.molm-packing-lonely.lock'), 'damaged')
      await writeFile(join(dir, 'molm-packing-notes.txt'), 'mine')
      await inPackingFolder(out, async (second) => {
        const names = [first, `${first}.lock`, second, `${second}.lock`].map((path) => basename(path))
        assert.equal((await readdir(dir)).sort(), [...names, 'molm-packing-notes.txt'].sort())
      })
    })
    assert.equal(await readdir(dir), ['molm-packing-notes.txt'])
  }))

test('a folder without a lock, as an older molm makes it, stays for a day', () =>
  inTemporaryFolder(async (dir) => {
    await abandon(dir, '.molm-packing-aXy12z', false)
    await inPackingFolder(join(dir, 'out'), async () => undefined)
    assert.equal(await readdir(dir), ['.molm-packing-aXy12z'])
  }))

test.run()
