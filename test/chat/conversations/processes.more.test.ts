import { spawnSync } from 'node:child_process'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { seededRandom } from '#molm/engine/sampling/random.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'
import { assertFree, start, survivesKills } from './conversation-process.js'

const test = suite('conversations on disks that fail')

test('fifty kills at random moments lose at most the step under way', async () => {
  await inTemporaryFolder(async (dir) => {
    const random = seededRandom(1)
    const kills = Array.from({ length: 50 }, () => ({ steps: 1, delay: 20 * random.nextFloat() }))
    await survivesKills(dir, kills)
    await assertFree(dir)
  })
})

const MOUNT = 'mount -t tmpfs -o size=256k tmpfs "$1" && shift && exec "$@"'
const canMount = spawnSync('unshare', ['-rm', 'sh', '-c', MOUNT, 'sh', '/mnt', 'true']).status === 0
const ifMounted = canMount ? test : test.skip

ifMounted('on a full or read-only disk nothing is kept, and nothing is lost of what was', async () => {
  await inTemporaryFolder(async (dir) => {
    const command = ['unshare', '-rm', 'sh', '-c', MOUNT, 'sh', dir, process.execPath]
    const { say, closed } = start(['fill', dir], command)
    assert.match(await say(), /the disk is full/)
    assert.is(await say(), 'kept')
    assert.is(await say(), 6)
    assert.match(await say(), /read-only/)
    assert.match(await say(), /read-only/)
    assert.equal(await closed, [0, null])
  })
})

test.run()
