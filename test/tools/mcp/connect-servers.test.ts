import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { connectServers } from '#molm/tools/mcp/connect-servers.js'
import type { McpServer } from '#molm/tools/mcp/server.js'
import { rejectsWithUserError } from '../../support/rejects.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'
import { until } from '../../support/until.js'
import { call, sdkServer, withServers } from './with-servers.js'

const test = suite('MCP servers')

test('lists the tools of a server with their schemas, and calls them', () => {
  return withServers([sdkServer()], async (connections, notes) => {
    const { tools } = connections
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
    assert.is(await call(connections, 'echo', { text: 'ä "quoted"\n\u2028 text' }), 'ä "quoted"\n\u2028 text')
    const sums = [1, 2, 3].map((a) => call(connections, 'add', { a, b: 10 }))
    assert.equal(await Promise.all(sums), ['11', '12', '13'])
    assert.equal(notes, [])
  })
})

test('offers only the tools that are chosen, and refuses others by name', async () => {
  await withServers([{ ...sdkServer(), tools: ['add', 'echo'] }], async ({ tools }) => {
    assert.equal(
      tools.map(({ name }) => name),
      ['echo', 'add'],
    )
  })
  await rejectsWithUserError(
    () => connectServers([{ ...sdkServer(), tools: ['subtract'] }], { version: '1' }),
    /^MCP server sdk has no tool subtract; its tools are echo, add, fail, /,
  )
})

test("gives the model a tool's error, and that of arguments that do not fit", () => {
  return withServers([sdkServer()], async (connections) => {
    assert.match(await failure(call(connections, 'fail')), /this tool .*fails/)
    assert.match(await failure(call(connections, 'add', { a: 'one' })), /Invalid|expected number/)
  })
})

test('names the parts of a result that are no text', () => {
  return withServers([sdkServer()], async (connections) => {
    assert.equal((await call(connections, 'mixed')).split('\n'), [
      'one',
      '[image/png, 3.00 kB: not shown]',
      '[audio/wav, 30 B: not shown]',
      '[resource file:///notes.txt]',
      'a note',
      '[resource file:///x.bin, application/x, 3 B: not shown]',
      '[resource file:///big.txt: a long file]',
      'two',
    ])
    assert.is(await call(connections, 'weather', { city: 'Bern' }), '{"degrees":4}')
  })
})

test('stops waiting for a call that is aborted or takes too long, and cancels it', () => {
  return inTemporaryFolder((dir) => {
    const log = join(dir, 'log')
    return withServers(
      [sdkServer(log)],
      async (connections) => {
        const controller = new AbortController()
        const aborted = call(connections, 'slow', {}, controller.signal)
        setTimeout(() => controller.abort(new Error('enough')), 50)
        assert.is(await failure(aborted), 'enough')
        assert.is(await failure(call(connections, 'slow')), 'MCP server sdk: did not answer within 0.5 s')
        assert.is(await call(connections, 'echo', { text: 'still here' }), 'still here')
        await connections.close()
        assert.is(await readFile(log, 'utf8'), 'cancelled\ncancelled\nended\n')
      },
      { callTime: 500 },
    )
  })
})

test('follows a server whose tools change', () => {
  return withServers([sdkServer()], async (connections, notes) => {
    const before = connections.tools
    await call(connections, 'more')
    await until(() => connections.tools !== before, 'the new list')
    assert.is(connections.tools.length, before.length + 1)
    assert.equal(notes, ['MCP server sdk has changed its tools'])
    assert.is(await call(connections, 'newest'), 'new')
  })
})

test('refuses what a server asks for, and answers a ping', () => {
  return withServers([sdkServer()], async (connections) => {
    assert.is(await call(connections, 'ask'), 'rejected rejected fulfilled')
  })
})

test('gives a server what programs need of the environment, its own variables, and no secrets', async () => {
  process.env.MOLM_TEST_TOKEN = 'secret'
  try {
    await inTemporaryFolder((dir) => {
      const server = { ...sdkServer(), env: { OWN: '1' }, cwd: dir }
      return withServers([server], async (connections) => {
        const names = (await call(connections, 'environment')).split(' ')
        for (const name of ['HOME', 'PATH', 'OWN']) assert.ok(names.includes(name), name)
        assert.not(names.includes('MOLM_TEST_TOKEN'))
        assert.ok((await call(connections, 'where')).endsWith(dir))
      })
    })
  } finally {
    delete process.env.MOLM_TEST_TOKEN
  }
})

test('puts the name of the server before tools that several have', () => {
  const other = { ...sdkServer(), name: 'my server' }
  return withServers([sdkServer(), other, sdkServer()], async (connections) => {
    const names = connections.tools.map(({ name }) => name)
    assert.is(new Set(names).size, names.length)
    for (const name of ['sdk_echo', 'my_server_echo', 'sdk-2_echo']) assert.ok(names.includes(name), name)
    assert.is(await call(connections, 'my_server_echo', { text: 'hi' }), 'hi')
  })
})

test('reports a server that ends during a call, and gives errors afterwards', () => {
  return withServers([sdkServer(), { ...sdkServer(), name: 'other' }], async (connections, notes) => {
    const ended = 'MCP server sdk: ended (exit code 3)'
    assert.is(await failure(call(connections, 'sdk_die')), ended)
    assert.equal(notes, [
      'MCP server sdk ended (exit code 3); it wrote:\na first line\nthe \\x1b[2Jlast words\nits tools give errors from now on',
    ])
    assert.is(await failure(call(connections, 'sdk_echo', { text: 'hi' })), ended)
    assert.is(await call(connections, 'other_echo', { text: 'hi' }), 'hi')
  })
})

test('ends the other servers if one cannot start, and names it', () => {
  return inTemporaryFolder(async (dir) => {
    const log = join(dir, 'log')
    const missing = { name: 'absent', command: 'no-such-command', args: [] }
    const start =
      (...servers: McpServer[]) =>
      () =>
        connectServers(servers, { version: '1' })
    await rejectsWithUserError(
      start(sdkServer(log), missing),
      /^MCP server absent cannot start: no such command no-such-command$/,
    )
    const nowhere = { ...sdkServer(), cwd: join(dir, 'nowhere') }
    await rejectsWithUserError(start(nowhere), /^MCP server sdk cannot start: no such folder .*nowhere$/)
    const controller = new AbortController()
    const aborted = connectServers([sdkServer()], { version: '1', signal: controller.signal })
    controller.abort(new Error('enough'))
    assert.is(await failure(aborted), 'enough')
  })
})

test('works with servers from npm', () => {
  const require = createRequire(import.meta.url)
  return inTemporaryFolder(async (dir) => {
    const published = (name: string, ...args: string[]): McpServer => {
      const script = require.resolve(`@modelcontextprotocol/server-${name}/dist/index.js`)
      return { name, command: process.execPath, args: [script, ...args] }
    }
    const servers = [published('filesystem', dir), published('everything')]
    await withServers(servers, async (connections) => {
      const path = join(dir, 'note.txt')
      assert.match(await call(connections, 'write_file', { path, content: 'Bern' }), /wrote/)
      assert.match(await call(connections, 'read_text_file', { path }), /Bern/)
      assert.is(await readFile(path, 'utf8'), 'Bern')
      assert.match(await failure(call(connections, 'read_text_file', { path: '/etc/passwd' })), /denied|outside/i)
      assert.match(await call(connections, 'echo', { message: 'hi' }), /hi/)
      assert.match(await call(connections, 'get-tiny-image'), /\[image\/png, [\d.]+ kB: not shown\]/)
    })
  })
})

async function failure(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'no error',
    (error) => error.message,
  )
}

test.run()
