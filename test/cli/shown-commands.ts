import * as assert from 'uvu/assert'
import { molm } from './molm.js'

/** Runs a command line as shown: words with quotes, and a text that `echo` pipes in. */
function runShown(command: string) {
  const [, echoed, words = ''] = /^(?:echo "(.+)" \| )?npx molm (.+)$/.exec(command) ?? []
  const args = Array.from(words.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g), ([, a, b, c]) => a ?? b ?? c)
  return molm(args, { stdin: echoed && `${echoed}\n`, env: { MOLM_MODEL: 'nano' } })
}

/** Checks that the commands in a document, as many as `count`, print what it shows. */
export async function assertShown(document: string, count: number): Promise<void> {
  const shown = [...document.matchAll(/^\$ (.*npx molm .*)\n((?:.+\n)+?)(?=\n|```)/gm)]
  assert.is(shown.length, count)
  for (const [, command, output] of shown) {
    const { code, stdout, stderr } = await runShown(command)
    assert.is(stdout, output, command)
    assert.is(code, 0, stderr)
  }
}
