import { readFile } from 'node:fs/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { helpAsMarkdown } from '#molm/cli/help-pages.js'
import { COMMANDS } from '#molm/cli/parsing/commands.js'
import { fitHelp } from '#molm/cli/program.js'
import { molm } from './molm.js'

const repository = new URL('../../../', import.meta.url)

test('docs/CLI.md is the help of the commands', async () => {
  const written = await readFile(new URL('docs/CLI.md', repository), 'utf8')
  assert.is(written, await helpAsMarkdown(), 'run scripts/write-cli-help.mjs')
})

test('help pages fit a terminal of 80 columns, and every command has an example', async () => {
  const pages = await helpAsMarkdown()
  for (const line of pages.split('\n')) assert.ok(line.length <= 80, line)
  for (const { name } of COMMANDS) assert.match(pages, new RegExp(`## molm ${name}\n[^#]*Examples:\n`))
})

test('help fits a narrow window, with each line wrapped below its own indentation', async () => {
  const page = fitHelp(await helpAsMarkdown(), 40)
  for (const line of page.split('\n')) assert.ok(line.length <= 40 || !line.trim().includes(' '), line)
  assert.is(
    fitHelp('  -q, --quiet      no warnings and no progress', 30),
    '  -q, --quiet  no warnings\n    and no progress',
  )
})

test('--help, --version and help exit with 0', async () => {
  const { version } = JSON.parse(await readFile(new URL('package.json', repository), 'utf8'))
  const [help, told, ofCommand, longWay] = await Promise.all(
    [['--help'], ['--version'], ['convert', '--help'], ['help', 'convert']].map((args) => molm(args)),
  )
  assert.match(help.stdout, /^Usage: molm /)
  assert.is(told.stdout, `${version}\n`)
  assert.match(ofCommand.stdout, /^Usage: molm convert /)
  assert.is(longWay.stdout, ofCommand.stdout)
  for (const { code, stderr } of [help, told, ofCommand, longWay]) {
    assert.is(code, 0)
    assert.is(stderr, '')
  }
})

test.run()
