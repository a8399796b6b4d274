import { homedir } from 'node:os'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { serverFromCommand } from '#molm/chat/tools/mcp/command-words.js'
import { UsageError } from '#molm/ground/errors.js'

const test = suite('the command of an MCP server')

const read = (line: string, platform: NodeJS.Platform = 'linux') => serverFromCommand(line, '--mcp', platform)
const words = (line: string, platform?: NodeJS.Platform): string[] => {
  const { command, args } = read(line, platform)
  return [command, ...args]
}

test('splits words as a shell does', () => {
  const cases: [line: string, ...words: string[]][] = [
    ['npx -y server /tmp', 'npx', '-y', 'server', '/tmp'],
    ['  a\t b\n', 'a', 'b'],
    [`a 'b c' "d e" f\\ g`, 'a', 'b c', 'd e', 'f g'],
    [`a '' ""`, 'a', '', ''],
    [`a x'y'"z"`, 'a', 'xyz'],
    [`a "b \\"c\\" \\d" 'e\\f'`, 'a', 'b "c" \\d', 'e\\f'],
    [`sh -c 'a | b > $c'`, 'sh', '-c', 'a | b > $c'],
    [`a \\$b "\\$c" \\| ~/d`, 'a', '$b', '$c', '|', `${homedir()}/d`],
    [`a --glob=*.md "x;y"`, 'a', '--glob=*.md', 'x;y'],
    ['a ä 日本 "😀 😀"', 'a', 'ä', '日本', '😀 😀'],
  ]
  for (const [line, ...expected] of cases) assert.equal(words(line), expected, line)
})

test('keeps the backslashes of paths on Windows', () => {
  assert.equal(words('"C:\\Program Files (x86)\\srv.exe" --dir C:\\data\\new', 'win32'), [
    'C:\\Program Files (x86)\\srv.exe',
    '--dir',
    'C:\\data\\new',
  ])
  assert.equal(words('a "b \\"c\\""', 'win32'), ['a', 'b "c"'])
})

test('takes variables before the command for its environment', () => {
  assert.equal(read(`KEY=value OTHER='a b=c' npx server X=1`), {
    name: 'server',
    command: 'npx',
    args: ['server', 'X=1'],
    env: { KEY: 'value', OTHER: 'a b=c' },
  })
})

test('refuses what needs a shell, and lines without a command', () => {
  const refused: [line: string, reason: RegExp][] = [
    ['a | b', /^--mcp: no shell reads 'a \| b', so \| has no effect; put it in '...', or write sh -c '...'$/],
    ['a && b', /so & has/],
    ['a > b', /so > has/],
    ['a $HOME', /so \$ has/],
    ['a "$HOME"', /so \$ has/],
    ['a `b`', /so ` has/],
    [`a 'b`, /a quote that does not end/],
    ['', /no command in ''/],
    ['https://example.com/mcp', /'https:.*' is an address, not a command; 'npx mcp-remote URL' speaks to a remote/],
    ['mcp.json', /'mcp.json' is no command; --mcp-config reads the servers of a file/],
    ['KEY=value', /no command in 'KEY=value'/],
    ["'' x", /the command in ''' x' is empty/],
  ]
  for (const [line, reason] of refused) {
    try {
      read(line)
      assert.unreachable(line)
    } catch (error) {
      assert.instance(error, UsageError)
      assert.match((error as Error).message, reason)
    }
  }
})

test('names a server after the program that runs', () => {
  const names: [line: string, name: string][] = [
    ['npx -y @modelcontextprotocol/server-filesystem /tmp', 'filesystem'],
    ['npx -y @modelcontextprotocol/server-everything@2026.8.31', 'everything'],
    ['uvx mcp-server-git --repository .', 'git'],
    ['uv run weather.py', 'weather'],
    ['node ./dist/my-server.js', 'my'],
    ['python3 -m server', 'server'],
    ['node ~/my-notes-mcp/dist/index.js', 'my-notes'],
    ['node index.js', 'index'],
    ['docker run -i --rm mcp/fetch', 'fetch'],
    ['/usr/bin/github-mcp-server stdio', 'github'],
    ['mcp', 'mcp'],
    [`node "a b\u001b.js"`, 'a-b-'],
    [`node ${'x'.repeat(100)}.js`, 'x'.repeat(24)],
  ]
  for (const [line, name] of names) assert.is(read(line).name, name, line)
  assert.is(read('C:\\tools\\fetch.exe', 'win32').name, 'fetch')
})

test.run()
