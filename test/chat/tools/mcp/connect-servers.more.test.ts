import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { McpServer } from '#molm/chat/tools/mcp/server.js'
import { inTemporaryFolder } from '../../../support/temporary-folder.js'
import { endedBy } from './ended-by.js'
import { call, hasEnded, hostileServer, withServers } from './with-servers.js'

const test = suite('MCP servers and other packages')

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
      assert.match(
        await call(connections, 'read_text_file', { path: '/etc/passwd' }).catch(({ message }) => message),
        /denied|outside/i,
      )
      assert.match(await call(connections, 'echo', { message: 'hi' }), /hi/)
      assert.match(await call(connections, 'get-tiny-image'), /\[image\/png, [\d.]+ kB: not shown\]/)
    })
  })
})

test('end with molm at SIGTERM beside listeners that only watch, as Ink does', async () => {
  const ink = createRequire(import.meta.url).resolve('ink')
  const path = createRequire(ink).resolve('signal-exit')
  const line = `const { default: onExit } = await import(${JSON.stringify(path)})
    onExit(() => undefined)
    console.log('watched')`
  const ended = await endedBy(hostileServer('stubborn'), line, ({ kill }) => kill('SIGTERM'), 'watched')
  assert.equal(ended.exit, [null, 'SIGTERM'])
  for (const pid of ended.pids) await hasEnded(pid, String(pid))
})

test.run()
