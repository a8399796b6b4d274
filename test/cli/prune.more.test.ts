import { copyFile, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { fixturePath } from '../support/fixtures.js'
import { writeRandomCheckpoint } from '../support/synthetic-checkpoint.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { assertRefused, molm, NANO, TINY } from './molm.js'

test('a curve has one column of perplexities if the gates are the same either way', () =>
  inTemporaryFolder(async (dir) => {
    const text = join(dir, 'calibration.txt')
    await writeFile(text, (await readFile(fixturePath('texts/code.txt'), 'utf8')).slice(0, 1500))
    const keys = JSON.parse(await readFile(fixturePath('82-lfm2moe-bf16-sharded/config.json'), 'utf8'))
    await writeRandomCheckpoint(dir, { ...keys, vocab_size: 4096, bos_token_id: 4095, eos_token_id: 4095 })
    await copyFile(join(NANO, 'tokenizer.json'), join(dir, 'tokenizer.json'))
    const dry = await molm(['prune', dir, '--calibrate', text, '--dry-run', '--keep', '0.75'])
    assert.match(
      dry.stdout,
      /^ +keep +mlp +ppl +accepted\n +100\.0 % +8 .*\n +75\.0 % +6 .*\n +ppl: perplexity\n.*\n$/,
      dry.stderr,
    )
    const show = await molm(['show', dir])
    assert.match(show.stdout, /^ +router +linear, sigmoid scores, a bias of the choice, gates times 1\.7$/m)
  }))

test('a search resumes from its journal, which goes when the model is written', () =>
  inTemporaryFolder(async (dir) => {
    const text = join(dir, 'calibration.txt')
    await writeFile(text, (await readFile(fixturePath('texts/code.txt'), 'utf8')).slice(0, 1500))
    const out = join(dir, 'small')
    await writeFile(`${out}.search`, '"molm-measures 1 0123"\n')
    const prune = ['prune', TINY, out, '--calibrate', text, '--keep', '0.75', '--by', 'acceptance', '--budget', '1m']
    assertRefused(await molm(prune), 1, /small\.search: measures of another model, .*; remove the file/)
    await rm(`${out}.search`)
    const { stdout, stderr } = await molm([...prune, '--json'])
    const { acceptance } = JSON.parse(stdout)
    assert.ok(acceptance > 0.5 && acceptance < 1, stderr)
    assert.equal((await readdir(dir)).sort(), ['calibration.txt', 'small'])
    const { by, order, budget } = JSON.parse(await readFile(join(out, 'selection.json'), 'utf8'))
    assert.equal([by, budget], ['acceptance', undefined])
    assert.ok(['reap', 'frequency', 'gate', 'emo'].includes(order))
  }))

test.run()
