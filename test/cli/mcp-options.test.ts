import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Command } from 'commander'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { addMcpOptions, type McpFlags, readMcpOptions } from '#molm/cli/parsing/mcp-options.js'
import { rejectsWithUserError } from '../support/rejects.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'

const test = suite('options of tools')

/** Reads the options of a command line. */
async function read(...words: string[]) {
  const command = addMcpOptions(new Command().exitOverride().configureOutput({ writeErr() {} }))
  command.parse(words, { from: 'user' })
  return readMcpOptions(command.opts<McpFlags>())
}

test('name servers by their commands and by files', () => {
  return inTemporaryFolder(async (dir) => {
    const file = join(dir, 'mcp.json')
    await writeFile(file, JSON.stringify({ mcpServers: { notes: { command: 'notes' } } }))
    const typed = ['--mcp', 'npx "my server"', '--mcp', 'uvx mcp-server-git']
    const options = await read(...typed, '--mcp-config', file, '--mcp-timeout', '5')
    assert.equal(
      options?.servers.map(({ name, command, args }) => [name, command, ...args]),
      [
        ['my', 'npx', 'my server'],
        ['git', 'uvx', 'mcp-server-git'],
        ['notes', 'notes'],
      ],
    )
    assert.is(options?.callTime, 5000)
    assert.is(await read(), undefined)
  })
})

const tools = [{ name: 'read_file' }, { name: 'write_file' }]

test('offer the tools that --mcp-tools names, or all', async () => {
  const all = await read('--mcp', 'a')
  assert.equal([all?.isOffered('read_file'), all?.isOffered('x')], [true, true])
  const some = await read('--mcp', 'a', '--mcp-tools', 'read_file', '--yes', 'all')
  assert.equal([some?.isOffered('read_file'), some?.isOffered('write_file')], [true, false])
  some?.checkNames(tools)
  const wrong: [words: string[], message: RegExp][] = [
    [['--mcp-tools', 'all'], /^--mcp-tools all: no server has this tool/],
    [['--mcp-tools', 'list'], /^--mcp-tools list: no server has this tool; the tools are read_file, write_file$/],
    [['--mcp-tools', 'read_file', '--yes', 'write_file'], /^--yes write_file: no server has this tool/],
    [['--yes', 'list'], /^--yes list: no server has this tool; the tools are read_file, write_file$/],
    [['--yes', 'raed_file'], /^--yes raed_file: no server has this tool; did you mean read_file\?$/],
  ]
  for (const [words, message] of wrong) {
    const options = await read('--mcp', 'a', ...words)
    await rejectsWithUserError(() => options?.checkNames(tools), message)
  }
})

test('allow the tools that --yes names, or all', async () => {
  const some = await read('--mcp', 'a', '--yes', 'read_file, list', '--yes', 'search')
  assert.equal(
    ['read_file', 'list', 'search', 'write_file'].map((name) => some?.isAllowed(name)),
    [true, true, true, false],
  )
  const all = await read('--mcp', 'a', '--yes', 'all')
  assert.ok(all?.isAllowed('write_file'))
  all?.checkNames(tools)
  assert.not((await read('--mcp', 'a'))?.isAllowed('all'))
})

test.run()
