import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { fixturePath } from '../support/fixtures.js'
import { BIN, ended, parseLines, type Running, startMolm } from './molm.js'

const ENDLESS = ['--raw', '-n', '1000000', '--ignore-eos', '--seed', '1', '-m', fixturePath('01-base-bin-f32'), 'x']

/** Starts a run and resolves when it has begun to print. */
async function midway(args: string[]) {
  const child = startMolm([...args, ...ENDLESS])
  child.stdin.end()
  await once(child.stdout, 'readable')
  return child
}

test('Ctrl-C exits with 130 after the text so far is printed', async () => {
  const child = await midway([])
  child.kill('SIGINT')
  const { code, signal, stdout, stderr } = await ended(child)
  assert.is(code, 130)
  if (process.platform !== 'win32') assert.is(signal, 'SIGINT')
  assert.ok(stdout.length > 1 && stdout.endsWith('\n'))
  assert.is(stderr, '')
})

test('Ctrl-C ends --jsonl with a last object, SIGTERM with 143', async () => {
  const child = await midway(['--jsonl'])
  child.kill('SIGTERM')
  const { code, stdout } = await ended(child)
  assert.is(code, 143)
  const lines = parseLines(stdout)
  const last = lines.pop()
  assert.is(last.finish_reason, null)
  const keys = 'model prompt_tokens tokens finish_reason seed cache_type timings memory'
  assert.is(Object.keys(last).join(' '), keys)
  assert.ok(last.prompt_tokens > 0 && last.timings.load_ms > 0 && last.memory.weights_bytes > 0)
  assert.is(last.timings.decode_ms, null)
  assert.equal(
    last.tokens,
    lines.map(({ token }) => token),
  )
})

const inBash = process.platform === 'win32' ? test.skip : test

for (const [commands, name] of [
  ['for i in 1 2 3; do echo "run $i"; "$@"; done', 'the loop of a shell'],
  ['echo "run 1"; "$@"; echo "run 2"', 'a script'],
]) {
  inBash(`Ctrl-C ends ${name} around the command`, async () => {
    const words = [process.execPath, BIN, '--jsonl', ...ENDLESS]
    // A separate process group, as a terminal gives it: Ctrl-C reaches all its processes.
    const shell = spawn('bash', ['-c', commands, 'bash', ...words], {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    }) as unknown as Running
    const end = ended(shell)
    let seen = ''
    shell.stdout.on('data', (text: string) => {
      const isFirst = !seen.includes('{')
      seen += text
      if (isFirst && seen.includes('{')) process.kill(-(shell.pid as number), 'SIGINT')
      if (seen.includes('run 2')) process.kill(-(shell.pid as number), 'SIGKILL')
    })
    const { signal, stdout, stderr } = await end
    assert.is(signal, 'SIGINT')
    assert.equal(stdout.match(/^run \d$/gm), ['run 1'])
    assert.match(stdout, /"finish_reason":null.*\n$/)
    assert.is(stderr, '')
  })
}

test('a closed pipe ends the run silently', async () => {
  const child = await midway([])
  child.stdout.destroy()
  const { code, signal, stderr } = await ended(child)
  assert.is(code, 0)
  assert.is(signal, null)
  assert.is(stderr, '')
})

test.run()
