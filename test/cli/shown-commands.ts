import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { repositoryPath } from '../support/fixtures.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { molm } from './molm.js'

const FILE_SERVER = repositoryPath('node_modules/@modelcontextprotocol/server-filesystem/dist/index.js')

/** Runs a command line as shown: words with quotes, a text that `echo` pipes in, and a server of the files in `dir`. */
function runShown(command: string, dir: string) {
  const [, echoed, words = ''] = /^(?:echo "(.+)" \| )?npx molm (.+?)(?: 2>&1)?$/.exec(command) ?? []
  const args = Array.from(words.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g), ([, a, b, c]) => a ?? b ?? c)
  const local = args.map((arg) => arg.replace(/^npx -y \S+server-filesystem (\w+)$/, `node ${FILE_SERVER} ${dir}/$1`))
  return molm(local, { stdin: echoed && `${echoed}\n`, env: { MOLM_MODEL: 'nano' } })
}

/** Checks that the commands in a document, as many as `count`, print what it shows. */
export async function assertShown(document: string, count: number): Promise<void> {
  const shown = [...document.matchAll(/^\$ (.*npx molm .*)\n((?:.+\n)+?)(?=\n|```)/gm)]
  assert.is(shown.length, count)
  await inTemporaryFolder(async (dir) => {
    for (const [, text, folder, name] of document.matchAll(/^\$ echo "(.+)" > (\w+)\/(.+)$/gm)) {
      await mkdir(join(dir, folder), { recursive: true })
      await writeFile(join(dir, folder, name), `${text}\n`)
    }
    for (const [, command, output] of shown) {
      const { code, stdout, stderr } = await runShown(command, dir)
      assert.is(command.endsWith('2>&1') ? stderr + stdout : stdout, output, command)
      assert.is(code, 0, stderr)
    }
  })
}
