import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { fixturePath } from '../support/fixtures.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { assertRefused, molm, NANO } from './molm.js'

test('graft writes a model that runs, and reports the new experts', () =>
  inTemporaryFolder(async (dir) => {
    const out = join(dir, 'larger')
    const options = ['--from', NANO, '--layers', '3-4', '--experts', '0,1', '--gate-bias', '-0.5']
    const { code, stdout, stderr } = await molm(['graft', 'nano', out, ...options, '--json'])
    assert.is(code, 0, stderr)
    const { path, attention, mlp } = JSON.parse(stdout)
    assert.is(path, join(out, 'model-q4.molm.safetensors'))
    assert.equal(attention, [[], [], [], [0, 1], [0, 1], []])
    assert.equal(mlp, attention)
    const [run, show] = await Promise.all([
      molm(['run', '-m', out, '-n', '4', '--temperature', '0', 'Hello']),
      molm(['show', out, '--json']),
    ])
    assert.is(run.code, 0, run.stderr)
    assert.is(show.code, 0, show.stderr)
  }))

test('prune and graft print only the path, and replace a model only with --force', () =>
  inTemporaryFolder(async (dir) => {
    const out = join(dir, 'model')
    const one = ['--from', NANO, '--layers', '3', '--experts', '0', '--only', 'mlp']
    const text = join(dir, 'calibration.txt')
    await writeFile(text, (await readFile(fixturePath('texts/code.txt'), 'utf8')).slice(0, 1500))
    const grafted = await molm(['graft', 'nano', out, ...one])
    assert.is(grafted.stdout, `${join(out, 'model-q4.molm.safetensors')}\n`, grafted.stderr)
    assert.match(grafted.stderr, /^molm: 1 mlp expert added, \d\.\d+ MB in all\nmolm: .*molm eval -m .*\n$/)
    const prune = ['prune', 'nano', out, '--calibrate', text, '--keep', '75%']
    const [again, refused] = await Promise.all([molm(['graft', 'nano', out, ...one]), molm(prune)])
    assertRefused(again, 1, /holds a model already \(q4\); give another folder, or --force/)
    assertRefused(refused, 1, /holds a model already/)
    const pruned = await molm([...prune, '--force'])
    assert.is(pruned.stdout, `${join(out, 'model-q4.molm.safetensors')}\n`, pruned.stderr)
    assert.match(pruned.stderr, /before +after\n.*weights .*\n.*perplexity .*\n(.*\n)*.*gates from scores/)
  }))

test('graft refuses wrong options', () =>
  inTemporaryFolder(async (dir) => {
    const out = join(dir, 'out')
    const graft = (...rest: string[]) => molm(['graft', 'nano', out, ...rest])
    const [noGiver, list, twice, bias, shape] = await Promise.all([
      graft(),
      graft('--from', NANO, '--layers', '4-3'),
      graft('--from', NANO, '--experts', '1,1'),
      graft('--from', NANO, '--gate-bias', 'much'),
      graft('--from', fixturePath('01-base-bin-f32')),
    ])
    assertRefused(noGiver, 2, /--from/)
    assertRefused(list, 2, /--layers must be a list/)
    assertRefused(twice, 2, /--experts must be a list/)
    assertRefused(bias, 2, /--gate-bias must be a number/)
    assertRefused(shape, 1, /does not fit nano: its n_layer is 3, not 6/)
  }))

test.run()
