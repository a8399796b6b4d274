import { spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { HAS_PSEUDO_TERMINAL, withTerminal } from '../support/pseudo-terminal.js'
import { molm } from './molm.js'

const test = suite<{ folder: string }>('a long prompt')
const inTerminal = HAS_PSEUDO_TERMINAL ? test : test.skip

test.before(async (context) => {
  context.folder = await mkdtemp(join(tmpdir(), 'molm-long-prompt-'))
  await writeFile(join(context.folder, 'long.txt'), 'The lantern is lit. '.repeat(40_000))
})

test.after(({ folder }) => rm(folder, { recursive: true }))

inTerminal('shows how far it has been read, and takes that away when it is interrupted', ({ folder }) =>
  withTerminal({ args: ['bin/molm.js', 'run', '--raw', '-f', join(folder, 'long.txt')] }, async (terminal) => {
    await terminal.waitFor(/reading \d[\d.]*( k)? of \d+ k tokens, \d+ (s|min) left/)
    assert.match(terminal.screen.text.join('\n'), /warning: the prompt has \d+ k tokens, and nano was trained on \d+/)
    spawnSync('pkill', ['-INT', '-P', String(terminal.shell)])
    assert.is((await terminal.ended()).code, 130)
    assert.not.match(terminal.screen.text.join('\n'), /reading/)
  }),
)

inTerminal('that is interrupted leaves what was read of it in the file of --prompt-cache', async ({ folder }) => {
  const run = ['run', '--raw', '--prompt-cache', join(folder, 'long.cache')]
  await withTerminal({ args: ['bin/molm.js', ...run, '-f', join(folder, 'long.txt')] }, async (terminal) => {
    await terminal.waitFor(/reading [1-9]/)
    spawnSync('pkill', ['-INT', '-P', String(terminal.shell)])
    assert.is((await terminal.ended()).code, 130)
  })
  const alike = join(folder, 'alike.txt')
  await writeFile(alike, 'The lantern is lit. '.repeat(100))
  const { stdout } = await molm([...run, '-n', '1', '--json', '-f', alike])
  const { timings, prompt_tokens } = JSON.parse(stdout)
  assert.ok(timings.cached_tokens >= 256, `${timings.cached_tokens} of ${prompt_tokens} tokens cached`)
})

inTerminal('that is read in a moment shows nothing of it, and no line in a pipe', async ({ folder }) => {
  await withTerminal({ args: ['bin/molm.js', 'run', '--raw', '-n', '1', 'A lantern'] }, async (terminal) => {
    await terminal.ended()
    assert.not.match(terminal.output, /reading/)
  })
  const middle = join(folder, 'middle.txt')
  await writeFile(middle, 'The lantern is lit. '.repeat(500))
  const { stderr, code } = await molm(['run', '--raw', '-n', '1', '-f', middle])
  assert.is(code, 0)
  assert.match(stderr, /^molm: warning: the prompt has [\d.]+ k tokens, and nano was trained on \d+ .*\n$/)
  const kept = await molm(['run', '--raw', '-n', '1', '--context', '100', '-f', middle])
  assert.is(kept.stderr, '')
})

test('that fits into no memory is refused with the option that shortens it', async ({ folder }) => {
  await writeFile(join(folder, 'huge.txt'), 'a '.repeat(1_500_000))
  const { code, stderr } = await molm(['run', '-q', '--raw', '-f', join(folder, 'huge.txt')])
  assert.is(code, 1)
  assert.match(
    stderr,
    /^molm: no room for 1\.50 M tokens of text in the 4 GiB .*; --context N lets only the latest N count\n$/,
  )
})

test.run()
