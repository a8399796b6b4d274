import { writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { readServers } from '#molm/chat/tools/mcp/config-file.js'
import type { McpServer } from '#molm/chat/tools/mcp/server.js'
import { repositoryPath } from '../../../support/fixtures.js'
import { ownTime } from '../../../support/own-time.js'
import { rejectsWithUserError } from '../../../support/rejects.js'
import { inTemporaryFolder } from '../../../support/temporary-folder.js'

const test = suite('the configuration file of MCP servers')

const ENV = { HOME: '/home/me', TOKEN: 'secret', EMPTY: '' }

/** A variable in a text of the file. */
const variable = (inner: string): string => `\${${inner}}`

/** Reads servers from a file with this content: JSON, or text. */
function read(content: unknown, use: (read: () => Promise<McpServer[]>, dir: string) => Promise<unknown>) {
  return inTemporaryFolder(async (dir) => {
    const path = join(dir, 'mcp.json')
    await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content))
    await use(() => readServers(path, ENV), dir)
  })
}

test('reads the forms of Claude Desktop, Cursor and VS Code', async () => {
  const filesystem = { command: 'npx', args: ['-y', 'server', '~/notes'], env: { KEY: 'a', PORT: 8080 } }
  const expected = {
    name: 'files',
    command: 'npx',
    args: ['-y', 'server', `${homedir()}/notes`],
    env: { KEY: 'a', PORT: '8080' },
  }
  await read({ mcpServers: { files: filesystem }, theme: 'dark' }, async (servers) => {
    assert.equal(await servers(), [expected])
  })
  const vsCode = { type: 'stdio', gallery: true, ...filesystem }
  const copilot = { type: 'local', ...filesystem }
  await read({ servers: { files: vsCode, off: { disabled: true, url: 'http://x' } }, inputs: [] }, async (servers) => {
    assert.equal(await servers(), [expected])
  })
  await read({ mcpServers: { files: copilot } }, async (servers) => assert.equal(await servers(), [expected]))
  await read({ mcpServers: {} }, async (servers) => assert.equal(await servers(), []))
})

test('chooses tools of a server', async () => {
  const server = (tools: unknown) => ({ mcpServers: { a: { command: 'a', tools } } })
  await read(server(['read']), async (servers) => assert.equal((await servers())[0].tools, ['read']))
  await read(server(['*']), async (servers) => assert.is((await servers())[0].tools, undefined))
  await read(server([]), async (servers) => assert.equal(await servers(), []))
  for (const wrong of ['read', [1], ['']]) {
    await read(server(wrong), (servers) => {
      return rejectsWithUserError(
        servers,
        /mcp\.json: mcpServers\.a tools must be a list of names, or \["\*"\] for all$/,
      )
    })
  }
})

test('fills in variables, and counts a relative folder from the file’s', () => {
  const server = {
    command: `${variable('HOME')}/bin/server`,
    args: [variable('env:TOKEN'), variable('EMPTY:-none'), variable('MISSING:-'), '$HOME'],
    env: { TOKEN: `Bearer ${variable('TOKEN')}` },
    cwd: 'work',
  }
  return read({ mcpServers: { a: server } }, async (servers, dir) => {
    const [{ command, args, env, cwd }] = await servers()
    assert.is(command, '/home/me/bin/server')
    assert.equal(args, ['secret', 'none', '', '$HOME'])
    assert.equal(env, { TOKEN: 'Bearer secret' })
    assert.is(cwd, join(dir, 'work'))
  })
})

test('reads the example of the documents', async () => {
  const servers = await readServers(repositoryPath('examples/mcp.json'), ENV)
  assert.equal(servers, [
    {
      name: 'files',
      command: 'npx',
      args: ['-y', '@modelcontextprotocol/server-filesystem', '/home/me/notes'],
      env: {},
    },
  ])
})

test('reads braces without an end at once', async () => {
  const braces = '${'.repeat(2 ** 18)
  await read({ mcpServers: { mine: { command: 'a', args: [braces] } } }, async (servers) => {
    const began = ownTime()
    assert.is((await servers())[0].args[0], braces)
    assert.ok(ownTime() - began < 5000)
  })
})

test('names the file and the key of what it refuses', async () => {
  const server = (others: object) => ({ mcpServers: { mine: { command: 'a', ...others } } })
  const refused: [content: unknown, message: RegExp][] = [
    ['{', /mcp\.json: not valid JSON/],
    [[], /mcp\.json: a JSON object was expected/],
    [{ mcpservers: {} }, /mcp\.json: has no "mcpServers": \{"mcpServers": /],
    [{ mcpServers: [] }, /mcp\.json: mcpServers must be an object of servers by name/],
    [{ mcpServers: { mine: 'npx' } }, /mcp\.json: mcpServers\.mine must be an object with a "command"/],
    [{ mcpServers: { mine: {} } }, /mcp\.json: mcpServers\.mine has no "command", a text/],
    [
      { mcpServers: { mine: { url: 'https://x' } } },
      /mine is a server with a url; molm speaks to servers over stdio only/,
    ],
    [server({ type: 'sse' }), /mine is a server of type "sse"; molm speaks to servers/],
    [server({ args: 'x' }), /mine args must be a list of texts/],
    [server({ arg: ['x'] }), /mine has a key "arg"; did you mean "args"\?/],
    [server({ env: { A: {} } }), /mine env must be an object of texts by name/],
    [server({ cwd: 7 }), /mine cwd must be a text/],
    [server({ envFile: '.env' }), /mine envFile is not supported/],
    [
      server({ args: [variable('input:key')] }),
      /mine args\[0\] has \$\{input:key\}; only variables as \$\{HOME\} are filled in/,
    ],
    [
      server({ env: { A: variable('MISSING') } }),
      /mine env\.A needs the environment variable MISSING, which is not set/,
    ],
    [
      server({ env: { A: variable('M'.repeat(70_000)) } }),
      /mine env\.A needs the environment variable M{60}\.\.\., which is not set/,
    ],
    [server({ command: variable('MISSING:-') }), /mine has no "command", a text/],
    [server({ env: { 'a\0b': 'c' } }), /mine env has the name "a\\x00b", which no variable can have/],
    [server({ args: ['a\0b'] }), /mine args\[0\] contains a zero byte/],
    [{ mcpServers: { 'a\u001b[2J': {} } }, /mcpServers\.a\\x1b\[2J has no "command"/],
  ]
  for (const [content, message] of refused) {
    await read(content, (servers) => rejectsWithUserError(servers, message))
  }
  await rejectsWithUserError(() => readServers('/no/such/mcp.json'), /^\/no\/such\/mcp\.json: no such file$/)
})

test.run()
