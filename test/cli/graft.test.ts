import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { assertAllRefused, assertRefused, molm, TINY } from './molm.js'

test('graft writes a model that runs, replaces it only with --force, and reports the new experts', () =>
  inTemporaryFolder(async (dir) => {
    const out = join(dir, 'larger')
    const options = ['--from', TINY, '-t', '1', '--layers', '1-2', '--experts', '0,1', '--gate-bias', '-0.5']
    const { code, stdout, stderr } = await molm(['graft', TINY, out, ...options, '--json'])
    assert.is(code, 0, stderr)
    const { path, attention, mlp } = JSON.parse(stdout)
    assert.is(path, join(out, 'model-q4.molm.safetensors'))
    assert.equal(attention, [[], [0, 1], [0, 1]])
    assert.equal(mlp, attention)
    assert.is((await molm(['run', '-m', out, '-t', '1', '-n', '1', 'Hello'])).code, 0)
    const one = ['--from', TINY, '-t', '1', '--layers', '1', '--experts', '0', '--only', 'mlp']
    assertRefused(await molm(['graft', TINY, out, ...one]), 1, /holds a model already \(q4\); give another folder, or/)
    const again = await molm(['graft', TINY, out, ...one, '--force'])
    assert.is(again.stdout, `${path}\n`, again.stderr)
    assert.match(again.stderr, /^molm: 1 mlp expert added, .*B in all\nmolm: .*molm eval -m .*\n$/)
  }))

test('graft refuses wrong options', () =>
  inTemporaryFolder(async (dir) => {
    const out = join(dir, 'out')
    const graft = ['graft', TINY, out]
    await assertAllRefused(graft, [
      ['', /--from or --steer is missing/],
      [['--from', TINY, '--layers', '4-3'], /--layers must be a list/],
      [['--from', TINY, '--experts', '1,1'], /--experts must be a list/],
      [['--from', TINY, '--gate-bias', 'much'], /--gate-bias must be a number/],
    ])
  }))

test.run()
