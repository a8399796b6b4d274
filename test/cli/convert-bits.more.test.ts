import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { fixturePath } from '../support/fixtures.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { molm, TINY } from './molm.js'

test('convert --dry-run measures budgets of bits and writes nothing', () =>
  inTemporaryFolder(async (dir) => {
    const text = join(dir, 'calibration.txt')
    await writeFile(text, (await readFile(fixturePath('texts/code.txt'), 'utf8')).slice(0, 1600))
    const dry = await molm(['convert', TINY, '--dry-run', '--bits', '3', '--calibrate', text])
    assert.is(dry.code, 0, dry.stderr)
    assert.match(
      dry.stdout,
      /^ +bits +weights +predicted +KL +ppl +experts\n +[23]\.\d\d +\d.* q2, \d+ q3.*\n +predicted: /,
    )
    assert.equal(await readdir(dir), ['calibration.txt'])
  }))

test.run()
