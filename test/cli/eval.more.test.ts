import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { convertModel } from '#molm/index.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { assertRefused, molm, NANO } from './molm.js'

test('eval --memory limits both models of a comparison, and changes no number', () =>
  inTemporaryFolder(async (dir) => {
    const text = join(dir, 'a.txt')
    await writeFile(text, 'User: What is tea?\nAssistant: Tea is a drink.\n'.repeat(20))
    for (const quant of ['q4', 'f32'] as const) await convertModel(NANO, join(dir, quant), { quant, threads: 2 })
    const compare = (...options: string[]) =>
      molm(['eval', '-m', join(dir, 'q4'), '--text', text, '--json', ...options])
    const f32 = join(dir, 'f32')
    const [free, bounded, little] = await Promise.all([
      compare('--against', f32),
      compare('--against', f32, '--memory', '24MB'),
      compare('--against', f32, '--memory', '12MB'),
    ])
    assert.is(bounded.code, 0, bounded.stderr)
    assert.is(bounded.stdout, free.stdout)
    assertRefused(little, 1, /--memory 12MB is too little for both: q4 needs [\d.]+MB, f32 needs 15.4MB\n$/)
  }))

test.run()
