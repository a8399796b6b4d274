import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { thisProcess } from '#molm/ground/files/lock.js'
import { inPackingFolder } from '#molm/lab/surgery/packing-folder.js'
import { besideContained, canUnshare } from '../../support/pid-namespace.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'

const ifUnshared = canUnshare ? test : test.skip

/** A folder as a killed process leaves it. Its lock, if any, names a process that has ended, unless `change` says otherwise. */
async function abandon(dir: string, name: string, withLock: boolean, change: object = {}): Promise<void> {
  await mkdir(join(dir, name))
  await writeFile(join(dir, name, 'model-q4.molm.safetensors.partial'), 'half')
  const owner = { ...(await thisProcess()), pid: 2 ** 22 + 1, ...change }
  if (withLock) await writeFile(join(dir, `${name}.lock`), JSON.stringify(owner))
}

test('a packing folder exists while it is used, and is removed afterwards', () =>
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

test('folders of killed processes are removed; folders in use and other files stay', () =>
  inTemporaryFolder(async (dir) => {
    const out = join(dir, 'out')
    await inPackingFolder(out, async (first) => {
      await abandon(dir, '.molm-packing-killed', true)
      await abandon(dir, '.molm-packing-aXy12z', false)
      await writeFile(join(dir, '.molm-packing-lonely.lock'), 'damaged')
      await writeFile(join(dir, 'molm-packing-notes.txt'), 'mine')
      await inPackingFolder(out, async (second) => {
        const names = [first, `${first}.lock`, second, `${second}.lock`].map((path) => basename(path))
        assert.equal((await readdir(dir)).sort(), [...names, 'molm-packing-notes.txt'].sort())
      })
    })
    assert.equal(await readdir(dir), ['molm-packing-notes.txt'])
  }))

test('a folder of another container stays until its lock has been silent for two minutes', () =>
  inTemporaryFolder(async (dir) => {
    const name = '.molm-packing-contained'
    await abandon(dir, name, true, { namespace: 'pid:[1]' })
    await inPackingFolder(join(dir, 'out'), async () => undefined)
    assert.equal((await readdir(dir)).sort(), [name, `${name}.lock`])
    const then = new Date(Date.now() - 121_000)
    await utimes(join(dir, `${name}.lock`), then, then)
    await inPackingFolder(join(dir, 'out'), async () => undefined)
    assert.equal(await readdir(dir), [])
  }))

for (const hasProc of [true, false]) {
  ifUnshared(`we and containers with ${hasProc ? 'their own' : 'our'} /proc keep each other's folders`, () =>
    inTemporaryFolder(async (dir) => {
      const out = join(dir, 'out')
      const pack = `await inPackingFolder(${JSON.stringify(out)}, untilEnd)`
      const whilePacking = (use: () => Promise<void>) =>
        besideContained(['inPackingFolder', 'lab/surgery/packing-folder.js'], pack, { hasProc }, use)
      const there = async () => (await readdir(dir)).sort()

      await whilePacking(async () => {
        const first = await there()
        assert.is(first.length, 2)
        await inPackingFolder(out, async () => {
          const both = await there()
          assert.ok(both.length === 4 && first.every((name) => both.includes(name)), `${both}`)
          await whilePacking(async () => assert.is((await there()).length, 6))
          assert.equal(await there(), both)
        })
        assert.equal(await there(), first)
      })
      assert.equal(await there(), [])
    }),
  )
}

test.run()
