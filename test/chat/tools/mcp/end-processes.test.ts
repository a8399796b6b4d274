import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { endedBy } from './ended-by.js'
import { hasEnded, hostileServer, SHOWS_PROCESSES } from './with-servers.js'

const test = suite('processes of MCP servers')

/** Faults of servers, and the number of their processes. */
const FAULTS: [fault: string, count: number][] = [['stubborn', 2]]
if (SHOWS_PROCESSES) FAULTS.push(['leaves sessions', 3])

for (const [name, line, exit] of [
  ['process.exit()', 'process.exit(7)', [7, null]],
  ['an error that is not caught', "throw new Error('crash')", [1, null]],
] as const) {
  test(`end with molm at ${name}`, async () => {
    for (const [fault, count] of FAULTS) {
      const ended = await endedBy(hostileServer(fault), line)
      assert.equal(ended.exit, exit)
      assert.is(ended.pids.length, count)
      for (const pid of ended.pids) await hasEnded(pid, `${fault}: ${pid}`)
    }
  })
}

for (const signal of ['SIGTERM', 'SIGHUP'] as const) {
  test(`end with molm at ${signal}`, async () => {
    const ended = await endedBy(hostileServer('stubborn'), '', ({ kill }) => kill(signal))
    assert.equal(ended.exit, [null, signal])
    for (const pid of ended.pids) await hasEnded(pid, String(pid))
  })
}

test('survive a first Ctrl-C that molm handles, and end at the second', async () => {
  const line = "interruptSignal().addEventListener('abort', () => process.kill(process.pid, 'SIGINT'))"
  const ended = await endedBy(hostileServer('stubborn'), line, ({ kill }) => kill('SIGINT'))
  assert.equal(ended.exit, [null, 'SIGINT'])
  for (const pid of ended.pids) await hasEnded(pid, String(pid))
  const handled =
    "interruptSignal().addEventListener('abort', async () => { await servers.close(); process.exit(130) })"
  const closed = await endedBy(hostileServer('stubborn'), handled, ({ kill }) => kill('SIGINT'))
  assert.equal(closed.exit, [130, null])
  for (const pid of closed.pids) await hasEnded(pid, String(pid))
})

test('end by themselves when molm is killed, since their input ends', async () => {
  const { pids, exit } = await endedBy(hostileServer('none'), '', ({ kill }) => kill('SIGKILL'))
  assert.equal(exit, [null, 'SIGKILL'])
  assert.is(pids.length, 1)
  await hasEnded(pids[0], 'the server')
})

test.run()
