import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { connectServers, type McpConnections } from '#molm/chat/tools/mcp/connect-servers.js'
import type { McpServer } from '#molm/chat/tools/mcp/server.js'
import { rejectsWithUserError } from '../../../support/rejects.js'
import { PATIENCE_MS, until } from '../../../support/until.js'
import { call, hostileServer, sdkServer, withServers } from './with-servers.js'

const test = suite('MCP servers')

/** A server for all cases that do not end it, and the notes about it. */
let sdk: McpConnections
const notes: string[] = []
let dir = ''

test.before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'molm-mcp-'))
  process.env.MOLM_TEST_TOKEN = 'secret'
  const server = { ...sdkServer(join(dir, 'log')), env: { OWN: '1' }, cwd: dir }
  sdk = await connectServers([server], { version: '1', callTime: PATIENCE_MS, onNote: (note) => notes.push(note) })
})

test.after(async () => {
  await sdk.close()
  delete process.env.MOLM_TEST_TOKEN
  await rm(dir, { recursive: true, force: true })
})

test('lists the tools of a server with their schemas, and calls them', async () => {
  const { tools } = sdk
  assert.equal(
    tools.slice(0, 3).map(({ name, description, server }) => [name, description, server]),
    [
      ['echo', 'Repeats a text.', 'sdk'],
      ['add', 'Adds two numbers', 'sdk'],
      ['fail', 'Fails.', 'sdk'],
    ],
  )
  const { type, properties, required } = tools[1].parameters as Record<string, unknown>
  assert.is(type, 'object')
  assert.equal(properties, { a: { type: 'number' }, b: { type: 'number' } })
  assert.equal(required, ['a', 'b'])
  assert.is(await call(sdk, 'echo', { text: 'ä "quoted"\n\u2028 text' }), 'ä "quoted"\n\u2028 text')
  const sums = [1, 2, 3].map((a) => call(sdk, 'add', { a, b: 10 }))
  assert.equal(await Promise.all(sums), ['11', '12', '13'])
  assert.equal(notes, [])
})

test("gives the model a tool's error, and the error of arguments that do not fit", async () => {
  assert.match(await failure(call(sdk, 'fail')), /this tool .*fails/)
  assert.match(await failure(call(sdk, 'add', { a: 'one' })), /Invalid|expected number/)
})

test('names the parts of a result that are no text', async () => {
  assert.equal((await call(sdk, 'mixed')).split('\n'), [
    'one',
    '[image/png, 3.00 kB: not shown]',
    '[audio/wav, 30 B: not shown]',
    '[resource file:///notes.txt]',
    'a note',
    '[resource file:///x.bin, application/x, 3 B: not shown]',
    '[resource file:///big.txt: a long file]',
    'two',
  ])
  assert.is(await call(sdk, 'weather', { city: 'Bern' }), '{"degrees":4}')
})

test('refuses what a server asks for, and answers a ping', async () => {
  assert.is(await call(sdk, 'ask'), 'rejected rejected fulfilled')
})

test('gives a server what programs need of the environment, its own variables, and no secrets', async () => {
  const names = (await call(sdk, 'environment')).split(' ')
  for (const name of ['HOME', 'PATH', 'OWN']) assert.ok(names.includes(name), name)
  assert.not(names.includes('MOLM_TEST_TOKEN'))
  assert.ok((await call(sdk, 'where')).endsWith(dir))
})

test('follows a server whose tools change', async () => {
  const before = sdk.tools
  await call(sdk, 'more')
  await until(() => sdk.tools !== before, 'the new list')
  assert.is(sdk.tools.length, before.length + 1)
  assert.equal(notes, ['MCP server sdk has changed its tools'])
  assert.is(await call(sdk, 'newest'), 'new')
})

test('stops waiting for a call that is aborted or takes too long, and cancels it', async () => {
  const controller = new AbortController()
  const aborted = call(sdk, 'slow', {}, controller.signal)
  setTimeout(() => controller.abort(new Error('enough')), 50)
  assert.is(await failure(aborted), 'enough')
  assert.is(await call(sdk, 'echo', { text: 'still here' }), 'still here')
  await sdk.close()
  assert.is(await readFile(join(dir, 'log'), 'utf8'), 'cancelled\nended\n')
  const log = join(dir, 'other log')
  const impatient = async (connections: McpConnections) => {
    assert.is(await failure(call(connections, 'slow')), 'MCP server sdk: did not answer within 0.2 s')
    await until(async () => (await readFile(log, 'utf8').catch(() => '')) === 'cancelled\n', 'the end of the call')
  }
  await withServers([sdkServer(log)], impatient, { callTime: 200 })
})

test('offers only the tools that are chosen, names servers before tools that both have, and reports one that ends', () => {
  const other = { ...sdkServer(), name: 'my server', tools: ['add', 'echo'] }
  return withServers([sdkServer(), other], async (connections, notes) => {
    const names = connections.tools.map(({ name }) => name)
    assert.is(new Set(names).size, names.length)
    assert.equal(
      names.filter((name) => /echo|add|fail/.test(name)),
      ['sdk_echo', 'sdk_add', 'fail', 'my_server_echo', 'my_server_add'],
    )
    assert.is(await call(connections, 'my_server_echo', { text: 'hi' }), 'hi')
    const ended = 'MCP server sdk: ended (exit code 3)'
    assert.is(await failure(call(connections, 'die')), ended)
    assert.equal(notes, [
      'MCP server sdk ended (exit code 3); it wrote:\na first line\nthe \\x1b[2Jlast words\nits tools give errors from now on',
    ])
    assert.is(await failure(call(connections, 'sdk_echo', { text: 'hi' })), ended)
    assert.is(await call(connections, 'my_server_echo', { text: 'hi' }), 'hi')
  })
})

test('refuses a chosen tool that the server lacks, by name', async () => {
  await rejectsWithUserError(
    () => connectServers([{ ...hostileServer('none'), tools: ['subtract'] }], { version: '1' }),
    /^MCP server hostile has no tool subtract; its tools are work$/,
  )
})

test('ends the other servers if one cannot start, and names it', async () => {
  const missing = { name: 'absent', command: 'no-such-command', args: [] }
  const start =
    (...servers: McpServer[]) =>
    () =>
      connectServers(servers, { version: '1' })
  await rejectsWithUserError(
    start(hostileServer('none'), missing),
    /^MCP server absent cannot start: no such command no-such-command$/,
  )
  const nowhere = { ...hostileServer('none'), cwd: join(dir, 'nowhere') }
  await rejectsWithUserError(start(nowhere), /^MCP server hostile cannot start: no such folder .*nowhere$/)
  const controller = new AbortController()
  const aborted = connectServers([hostileServer('none')], { version: '1', signal: controller.signal })
  controller.abort(new Error('enough'))
  assert.is(await failure(aborted), 'enough')
})

async function failure(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'no error',
    (error) => error.message,
  )
}

test.run()
