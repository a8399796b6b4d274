import { once } from 'node:events'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { fixturePath } from '../support/fixtures.js'
import { ended, parseLines, startMolm } from './molm.js'

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
  const { code, stdout, stderr } = await ended(child)
  assert.is(code, 130)
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

test('a closed pipe ends the run silently', async () => {
  const child = await midway([])
  child.stdout.destroy()
  const { code, signal, stderr } = await ended(child)
  assert.is(code, 0)
  assert.is(signal, null)
  assert.is(stderr, '')
})

test.run()
