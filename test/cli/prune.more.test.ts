import { copyFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { fixturePath } from '../support/fixtures.js'
import { writeRandomCheckpoint } from '../support/synthetic-checkpoint.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { molm, NANO } from './molm.js'

test('a curve has one column of perplexities if the gates are the same either way', () =>
  inTemporaryFolder(async (dir) => {
    const text = join(dir, 'calibration.txt')
    await writeFile(text, (await readFile(fixturePath('texts/code.txt'), 'utf8')).slice(0, 1500))
    const keys = JSON.parse(await readFile(fixturePath('82-lfm2moe-bf16-sharded/config.json'), 'utf8'))
    await writeRandomCheckpoint(dir, { ...keys, vocab_size: 4096, bos_token_id: 4095, eos_token_id: 4095 })
    await copyFile(join(NANO, 'tokenizer.json'), join(dir, 'tokenizer.json'))
    const dry = await molm(['prune', dir, '--calibrate', text, '--dry-run', '--keep', '0.75'])
    assert.match(dry.stdout, /^ +keep +mlp +ppl\n +100\.0 % +8 .*\n +75\.0 % +6 .*\n +ppl: perplexity\n$/, dry.stderr)
    const show = await molm(['show', dir])
    assert.match(show.stdout, /^ +router +linear, sigmoid scores, a bias of the choice, gates times 1\.7$/m)
  }))

test.run()
