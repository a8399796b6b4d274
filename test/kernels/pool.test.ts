import { spawnSync } from 'node:child_process'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Job } from '#molm/kernels/abi/control.js'
import { Pool } from '#molm/kernels/threads/pool.js'
import { startHelpersAhead, takeHelper } from '#molm/kernels/threads/spawn-helpers.js'
import { repositoryPath } from '../support/fixtures.js'
import { bankOf } from '../support/kernel-bench.js'
import { least } from '../support/least.js'

const test = suite('the helper threads of a pool')

test('may have ended before close', async () => {
  startHelpersAhead(2)
  const helpers = [takeHelper(), takeHelper()]
  await Promise.all(helpers.map((helper) => helper.terminate()))

  // A pool that does not notice it waits for 2 s.
  const waited = await least(1000, async () => {
    startHelpersAhead(1)
    const bank = bankOf('plain')
    const pool = new Pool([bank], 2)
    // Sent home without the pool's knowledge.
    bank.control.destination = -1
    bank.kernels.publish(Job.leave, 0)
    await new Promise((resolve) => setTimeout(resolve, 300))
    const started = performance.now()
    await pool.close()
    return performance.now() - started
  })
  assert.ok(waited < 1000, `${waited} ms`)
})

test('are terminated if they do not leave', async () => {
  const bank = bankOf('plain')
  const pool = new Pool([bank], 2)
  // The job `leave` is never published.
  Object.assign(bank, { kernels: { ...bank.kernels, publish: () => 0 } })
  await pool.close()
  await pool.close()
})

test('and their memories: too little address space has its own message', () => {
  const { status, stdout, stderr } = spawnSync(
    'sh',
    ['-c', `ulimit -v 8000000; exec "${process.execPath}" "${repositoryPath('bin/molm.js')}" -t 1 -n 1 x`],
    { encoding: 'utf8', env: { PATH: process.env.PATH } },
  )
  assert.is(status, 1, stderr)
  assert.is(stdout, '')
  assert.match(stderr, /^molm: no room for a WebAssembly memory.*`ulimit -v`.*\n$/)
})

test.run()
