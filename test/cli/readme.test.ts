import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { suggestedModels } from '#molm/index.js'
import { formatBytes } from '#molm/numbers.js'
import { repositoryPath } from '../support/fixtures.js'
import { molm } from './molm.js'

const test = suite('README')
const text = await readFile(repositoryPath('README.md'), 'utf8')

/** Runs a command line as shown: words with quotes, and a text that `echo` pipes in. */
function runShown(command: string) {
  const [, echoed, words = ''] = /^(?:echo "(.+)" \| )?npx molm (.+)$/.exec(command) ?? []
  const args = Array.from(words.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g), ([, a, b, c]) => a ?? b ?? c)
  return molm(args, { stdin: echoed && `${echoed}\n`, env: { MOLM_MODEL: 'nano' } })
}

test('the commands in README and of forms of answers print the output shown', async () => {
  const forms = await readFile(repositoryPath('docs/STRUCTURED.md'), 'utf8')
  const shown = [text, forms].map((text) => [...text.matchAll(/^\$ (.*npx molm .*)\n((?:.+\n)+?)(?=\n|```)/gm)])
  assert.equal(
    shown.map(({ length }) => length),
    [6, 3],
  )
  const printed = new Map<string, string>()
  for (const [, command, output] of shown.flat()) {
    if (!printed.has(command)) {
      const { stdout } = await runShown(command)
      printed.set(command, stdout)
    }
    assert.is(printed.get(command), output, command)
  }
})

test('README describes every command', async () => {
  const { stdout } = await molm(['--help'])
  const commands = [...(/^Commands:\n((?: +.+\n)+)/m.exec(stdout)?.[1] ?? '').matchAll(/^ {2}([a-z]+) /gm)]
  assert.ok(commands.length > 10)
  for (const [, name] of commands) {
    if (name !== 'help') assert.match(text, new RegExp(`^\\| .*\`molm ${name}\`.* \\| .+ \\|$`, 'm'), name)
  }
})

test('README has the table of models of molm pull', () => {
  const rows = suggestedModels().map(({ computerGb, repo, fetchBytes, memoryBytes, speed }) => {
    const bytes = [fetchBytes, memoryBytes].map(formatBytes)
    return [`${computerGb} GB`, `\`${repo}\``, ...bytes, speed.prefill, speed.decode]
  })
  const table = rows.map((row) => `| ${row.join(' | ')} |\n`).join('')
  assert.ok(text.includes(`|---|---|---|---|---|---|\n${table}\n`), `README lacks these rows:\n${table}`)
})

test('links in README lead to existing files', () => {
  const links = [...text.matchAll(/\]\(([^)#]+)\)/g)].map(([, path]) => path)
  assert.ok(links.length > 10)
  for (const path of links) assert.ok(existsSync(repositoryPath(path)), path)
})

test.run()
