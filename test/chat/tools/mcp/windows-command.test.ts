import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { windowsCommand } from '#molm/chat/tools/mcp/windows-command.js'

const test = suite('commands on Windows')

const ENV = { Path: 'C:\\bin;C:\\Program Files\\nodejs', PATHEXT: '.EXE;.CMD', ComSpec: 'C:\\cmd.exe' }
const having =
  (...files: string[]) =>
  (path: string) =>
    files.includes(path.toLowerCase())

test('are programs as they are', () => {
  const exists = having('c:\\bin\\uvx.exe')
  assert.equal(windowsCommand('uvx', ['a b'], ENV, exists), { command: 'C:\\bin\\uvx.EXE', args: ['a b'] })
  assert.equal(windowsCommand('absent', [], ENV, exists), { command: 'absent', args: [] })
})

test('are run by cmd.exe if they are batch files, with every argument in quotes and escaped', () => {
  const exists = having('c:\\program files\\nodejs\\npx.cmd')
  assert.equal(windowsCommand('npx', ['-y', 'a&b "c" d\\'], ENV, exists), {
    command: 'C:\\cmd.exe',
    args: ['/d', '/s', '/c', '"C:\\Program^ Files\\nodejs\\npx.CMD ^"-y^" ^"a^&b^ \\^"c\\^"^ d\\\\^""'],
    windowsVerbatimArguments: true,
  })
})

test('are escaped twice if npm has installed them, since their files pass the arguments on', () => {
  const path = 'C:\\x\\node_modules\\.bin\\srv.cmd'
  const { args } = windowsCommand(path, ['a'], ENV, having(path.toLowerCase()))
  assert.is(args[3], `"${path} ^^^"a^^^""`)
})

test.run()
