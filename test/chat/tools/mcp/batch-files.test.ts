import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { repositoryPath } from '../../../support/fixtures.js'
import { inTemporaryFolder } from '../../../support/temporary-folder.js'

const test = suite('batch files')

test('are run by cmd.exe on Windows, with every argument in quotes and escaped', () =>
  inTemporaryFolder(async (folder) => {
    const [shell, command] = [join(folder, 'cmd'), join(folder, 'server.cmd')]
    writeFileSync(shell, '#!/bin/sh\necho "$4"\n', { mode: 0o755 })
    writeFileSync(command, '')
    const script = `
      Object.defineProperty(process, 'platform', { value: 'win32' })
      const { ServerProcess } = await import('#molm/chat/tools/mcp/server-process.js')
      const listener = { onLine: (line) => console.log(String(line)), onEnd() {} }
      new ServerProcess(${JSON.stringify({ command, args: ['a&b "c"'] })}, listener)`
    const { stdout } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
      cwd: repositoryPath('.'),
      env: { ...process.env, comspec: shell },
      encoding: 'utf8',
    })
    assert.is(stdout, `"${command} ^"a^&b^ \\^"c\\^"^""\n`)
  }))

test.run()
