import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { McpServer } from '#molm/tools/mcp/server.js'
import { repositoryPath } from '../../support/fixtures.js'
import { hasEnded, hostileServer } from './with-servers.js'

const test = suite('processes of MCP servers')

/**
 * Runs a program of its own with a server. When the server works, `end` ends the program; the program's own `line` runs
 * before, until it has printed `until`. Resolves with the ids of the server's processes and the program's exit.
 */
async function endedBy(
  server: McpServer,
  line: string,
  end: (program: { kill(signal: NodeJS.Signals): void }) => void = () => undefined,
  until = '',
): Promise<{ pids: number[]; exit: unknown[] }> {
  const source = `
    import { connectServers } from ${JSON.stringify(repositoryPath('dist/tools/mcp/connect-servers.js'))}
    import { interruptSignal } from ${JSON.stringify(repositoryPath('dist/cli/io/interrupt.js'))}
    const servers = await connectServers([${JSON.stringify(server)}], { version: '1' })
    console.log(await servers.tools[0].run({}, { id: '1' }))
    setInterval(() => undefined, 1000)
    ${line}`
  const program = spawn(process.execPath, ['--input-type=module', '--eval', source], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const closed = once(program, 'exit')
  let said = ''
  program.stdout.on('data', (text) => (said += text))
  while (!said.includes(`${until}\n`)) await Promise.race([once(program.stdout, 'data'), closed.then(failed)])
  end({ kill: (signal) => program.kill(signal) })
  return { pids: said.split('\n')[0].trim().split(' ').map(Number), exit: await closed }
}

const failed = (): never => {
  throw new Error('the program has ended early')
}

for (const [name, line, exit] of [
  ['process.exit()', 'process.exit(7)', [7, null]],
  ['an error that is not caught', "throw new Error('crash')", [1, null]],
  ['a rejection that is not caught', "Promise.reject(new Error('crash'))", [1, null]],
] as const) {
  test(`end with molm at ${name}`, async () => {
    const ended = await endedBy(hostileServer('stubborn'), line)
    assert.equal(ended.exit, exit)
    assert.is(ended.pids.length, 2)
    for (const pid of ended.pids) await hasEnded(pid, String(pid))
  })
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  test(`end with molm at ${signal}`, async () => {
    const ended = await endedBy(hostileServer('stubborn'), '', ({ kill }) => kill(signal))
    assert.equal(ended.exit, [null, signal])
    for (const pid of ended.pids) await hasEnded(pid, String(pid))
  })
}

test('end with molm at SIGTERM beside listeners that only watch, as those of Ink', async () => {
  const ink = createRequire(import.meta.url).resolve('ink')
  const path = createRequire(ink).resolve('signal-exit')
  const line = `const { default: onExit } = await import(${JSON.stringify(path)})
    onExit(() => undefined)
    console.log('watched')`
  const ended = await endedBy(hostileServer('stubborn'), line, ({ kill }) => kill('SIGTERM'), 'watched')
  assert.equal(ended.exit, [null, 'SIGTERM'])
  for (const pid of ended.pids) await hasEnded(pid, String(pid))
})

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
