import { spawnSync } from 'node:child_process'
import { open } from 'node:fs/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { noRoomMessage } from '#molm/cli/io/errors.js'
import { NoRoom } from '#molm/ground/errors.js'
import { BIN } from './molm.js'

const ifLinux = process.platform === 'linux' ? test : test.skip

ifLinux('a full disk under stdout is reported', async () => {
  const full = await open('/dev/full', 'w')
  try {
    const { status, stderr } = spawnSync(process.execPath, [BIN, 'list'], {
      stdio: ['ignore', full.fd, 'pipe'],
      encoding: 'utf8',
    })
    assert.is(status, 1)
    assert.is(stderr, 'molm: stdout: the disk is full; make room and run the same command again\n')
  } finally {
    await full.close()
  }
})

test('the error for a text that does not fit into memory does not mention sessions', () => {
  const error = (held: number, more: number) => new NoRoom('all sessions together', { held, more })
  const remedy = '--context N lets only the latest N count'
  assert.is(
    noRoomMessage(error(0, 3_000_008), '--context'),
    `no room for 3.00 M tokens of text in the 4 GiB of a WebAssembly memory; ${remedy}`,
  )
  assert.match(noRoomMessage(error(400_000, 300_000)), /^no room for 700 k tokens of text .*; give less text$/)
  assert.is(
    noRoomMessage(error(700_000, 1), '--context'),
    `the text has reached 700 k tokens: no room for more in the 4 GiB of a WebAssembly memory; ${remedy}`,
  )
  assert.is(noRoomMessage(error(0, 0)), 'all sessions together')
})

test.run()
