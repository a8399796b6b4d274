import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { molm, parseLines, startMolm, TINY } from './molm.js'

const BASE = ['-m', TINY]

const jsonl = (...lines: unknown[]) =>
  lines.map((line) => `${typeof line === 'string' ? line : JSON.stringify(line)}\n`).join('')

const batch = (args: string[], stdin?: string) => molm(['run', '--batch', ...args], { stdin })

test('a line with its own id is answered once it is readable, and fails again if it breaks later', () =>
  inTemporaryFolder(async (folder) => {
    const [out, input] = ['out.jsonl', 'in.jsonl'].map((name) => join(folder, name))
    const [q1, q2, q3] = ['q1', 'q2', 'q3'].map((id) => ({ id, prompt: id, seed: 1 }))
    const broken = `${JSON.stringify(q2).slice(0, -1)},}`
    const idsAfter = async (...lines: unknown[]) => {
      await writeFile(input, jsonl(...lines))
      const { code } = await batch([input, ...BASE, '-n', '2', '-o', out])
      return [code, ...parseLines(await readFile(out, 'utf8')).map(({ id, error }) => (error ? { id } : id))]
    }
    assert.equal(await idsAfter(q1, broken, { ...q3, id: true }), [1, 'q1', { id: 2 }, { id: 3 }])
    assert.equal(await idsAfter(q1, q2, q3), [0, 'q1', 'q2', 'q3'])
    assert.equal(await idsAfter(q1, broken, q3), [1, 'q1', { id: 2 }, 'q3'])
    assert.equal(await idsAfter(q1, q2, q3), [0, 'q1', 'q2', 'q3'])
  }))

test('a closed pipe ends the batch silently, with stdin still open', async () => {
  const child = startMolm(['run', '--batch', '-', ...BASE, '-n', '2'])
  child.stdin.on('error', () => undefined)
  child.stdin.write(jsonl({ prompt: 'a' }))
  await once(child.stdout, 'readable')
  child.stdout.destroy()
  const end = once(child, 'close')
  child.stdin.write(jsonl({ prompt: 'b' }, { prompt: 'c' }))
  const [code] = await end
  assert.is(code, 0)
})

test.run()
