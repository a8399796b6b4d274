import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { fixturePath } from '../support/fixtures.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { assertAllRefused, assertRefused, molm, TINY } from './molm.js'

test('prune writes a model into an empty place, and reports size, perplexity, speed and gates', () =>
  inTemporaryFolder(async (dir) => {
    const text = join(dir, 'calibration.txt')
    await writeFile(text, (await readFile(fixturePath('texts/code.txt'), 'utf8')).slice(0, 1500))
    const out = join(dir, 'small')
    const prune = ['prune', TINY, out, '-t', '1', '--calibrate', text, '--keep', '75%']
    const { stdout, stderr } = await molm(prune)
    assert.is(stdout, `${join(out, 'model-q4.molm.safetensors')}\n`, stderr)
    assert.match(
      stderr,
      /before +after\n.*weights .*\n.*perplexity .*\n.*expected acceptance +100\.0 % +\d+\.\d %\n(.*\n)*.*gates from scores/,
    )
    assertRefused(await molm(prune), 1, /holds a model already/)
    const dry = await molm(['prune', out, '-t', '1', '--calibrate', text, '--dry-run', '--keep', '0.9'])
    assert.match(
      dry.stdout,
      /^ +keep +attention +mlp +ppl kept +ppl all +accepted\n +100\.0 %.* 100\.0 %\n +90\.0 % +3 +5 .* %\n.*ppl: perplexity .*\n.*accepted: .*\n$/,
      dry.stderr,
    )
  }))

test('prune refuses wrong options', () =>
  inTemporaryFolder(async (dir) => {
    const out = join(dir, 'out')
    const code = fixturePath('texts/code.txt')
    const prune = ['prune', TINY, '-t', '1']
    await assertAllRefused(prune, [
      [[out, '--keep', '0.5'], /missing: --calibrate FILE: /],
      [[out, '--calibrate', code], /missing: --keep SHARE: /],
      [['--calibrate', code, '--keep', '0.5'], /name a folder/],
      [[out, '--calibrate', code, '--keep', '1.5'], /--keep must be a share/],
      [[out, '--budget', 'all'], /--budget must be layer, model or a time like 90s, 10m or 2h, not 'all'/],
      [[out, '--calibrate', code, '--keep', '0.5', '--budget', '1m'], /--budget TIME needs --by acceptance/],
      [
        [out, '--calibrate', code, '--keep', '0.5', '--by', 'acceptance', '--budget', 'model'],
        /--by acceptance needs a time as its --budget/,
      ],
    ])
  }))

test.run()
