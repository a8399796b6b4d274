import { readFile } from 'node:fs/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { wrapWords } from '#molm/cli/io/output.js'

const repository = new URL('../../../', import.meta.url)

const {
  helpAsMarkdown,
  helpPages,
}: Record<'helpAsMarkdown', () => Promise<string>> &
  Record<'helpPages', (isWhole: boolean) => Promise<Map<string, string>>> = await import(
  new URL('scripts/write-cli-help.mjs', repository).href
)

test('docs/CLI.md is the whole help of the commands, in 80 columns', async () => {
  const written = await readFile(new URL('docs/CLI.md', repository), 'utf8')
  assert.is(written, await helpAsMarkdown(), 'run scripts/write-cli-help.mjs')
  for (const line of written.split('\n')) assert.ok(line.length <= 80, line)
})

test('a help page has 60 lines at most: an example before the first options, and how to see the others', async () => {
  const [short, whole] = [await helpPages(false), await helpPages(true)]
  for (const [name, page] of short) {
    assert.ok(page.split('\n').length <= 60 && page.split('\n').every((line) => line.length <= 80), name)
    assert.match(page, /^Usage: [\s\S]*\nExamples:\n {2}.*molm [\s\S]*\nOptions:\n/, name)
    if (name !== 'molm') assert.ok(page.endsWith(`\n\n\`${name} --help all\` shows every option.`), name)
  }
  for (const name of ['molm run', 'molm chat']) {
    const [, options] = (short.get(name) as string).split('\nOptions:\n')
    const flags = [...options.matchAll(/^ {2}(?:(-\w), )?(--[\w-]+)/gm)].map(([, letter, long]) => letter ?? long)
    assert.equal(flags.slice(0, 6), ['-m', '-n', '--temperature', '-s', '-f', '-c'])
    assert.not.match(options, '--top-p')
    assert.match(whole.get(name) as string, '--top-p')
  }
})

test('help fits a narrow window, with each line wrapped below its own indentation', async () => {
  const page = wrapWords(await helpAsMarkdown(), 40)
  for (const line of page.split('\n')) assert.ok(line.length <= 40 || !line.trim().includes(' '), line)
  assert.is(
    wrapWords('  -q, --quiet      no warnings and no progress', 30),
    '  -q, --quiet  no warnings and\n    no progress',
  )
})

test('a line on a terminal wraps at blanks only', () => {
  const line = 'packed as q4 5.2 MB, disk free 23.3 GB'
  assert.is(wrapWords(line, 38), line)
  assert.is(wrapWords(line, 35), 'packed as q4 5.2 MB, disk free 23.3\n  GB')
  assert.is(wrapWords(line, 34), 'packed as q4 5.2 MB, disk free\n  23.3 GB')
  assert.is(wrapWords('see /a/long/path/of/a/file now\nand more', 10), 'see\n  /a/long/path/of/a/file\n  now\nand more')
})

test.run()
