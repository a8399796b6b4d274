import { once } from 'node:events'
import { watch } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { inPackingFolder } from '#molm/lab/surgery/packing-folder.js'
import { fixturePath } from '../support/fixtures.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { ended, startMolm } from './molm.js'

// Windows cannot suspend a process.
const onPosix = process.platform === 'win32' ? test.skip : test
const TEXT = fixturePath('texts/code.txt')
const PACKING = /^\.molm-packing-[\w-]+$/

const packingIn = async (dir: string) => (await readdir(dir)).filter((name) => PACKING.test(name))

/** Starts `molm prune` of nano and suspends it in the middle of its packing. Resolves with the process and its end. */
async function stoppedInPacking(dir: string) {
  const child = startMolm(['prune', 'nano', join(dir, 'out'), '--keep', '0.5', '--calibrate', TEXT])
  child.stdin.end()
  const end = ended(child)
  const watcher = watch(dir)
  try {
    for (;;) {
      const change = once(watcher, 'change')
      if ((await packingIn(dir)).length > 0) break
      const early = await Promise.race([change.then(() => undefined), end])
      assert.is(early, undefined, early?.stderr)
    }
    child.kill('SIGSTOP')
    return { child, end }
  } finally {
    watcher.close()
  }
}

for (const signals of [['SIGKILL'], ['SIGINT', 'SIGINT']] as const) {
  onPosix(`the packing of a living process stays; after ${signals.join(' and ')} the next run removes it`, () =>
    inTemporaryFolder(async (dir) => {
      const { child, end } = await stoppedInPacking(dir)
      const packing = await packingIn(dir)
      assert.is(packing.length, 1)
      await inPackingFolder(join(dir, 'other'), async () => undefined)
      assert.equal(await packingIn(dir), packing)

      for (const signal of signals) child.kill(signal)
      child.kill('SIGCONT')
      const { code, signal } = await end
      assert.ok(signal === signals[0] || code === 130, `${code} ${signal}`)
      if (signal === 'SIGKILL') assert.equal(await packingIn(dir), packing, 'a killed process removes nothing')
      await inPackingFolder(join(dir, 'other'), async () => undefined)
      const left = (await readdir(dir)).filter((name) => name !== 'out')
      assert.equal(left, [])
    }),
  )
}

test.run()
