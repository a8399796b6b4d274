import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { fixturePath } from '../support/fixtures.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { assertAllRefused, molm, TINY } from './molm.js'

test('convert --bits mixes formats of experts within the budget, and says what it costs', () =>
  inTemporaryFolder(async (dir) => {
    const text = join(dir, 'calibration.txt')
    await writeFile(text, (await readFile(fixturePath('texts/code.txt'), 'utf8')).slice(0, 1600))
    const out = join(dir, 'small')
    const packed = await molm(['convert', TINY, out, '--bits', '3.8', '--calibrate', text, '--json'])
    assert.is(packed.code, 0, packed.stderr)
    const { bits, mix, loss, path } = JSON.parse(packed.stdout)
    assert.is(path, join(out, 'model-q4.molm.safetensors'))
    assert.ok(bits <= 3.8 && bits > 3.5)
    const counts: number[] = Object.values(mix)
    assert.is(
      counts.reduce((sum, count) => sum + count, 0),
      36,
    )
    assert.ok(mix.q3 > 0 && mix.q4 > 0 && !mix.q2)
    assert.ok(loss.kl_divergence > 0)
    const show = await molm(['show', out])
    assert.match(show.stdout, /mlp experts.* \d+ q3, \d+ q4/)
    assert.match(show.stdout, /calibrated +with [^(]*calibration\.txt/)
  }))

test('convert refuses wrong budgets, and budgets without a text or checkpoint', () =>
  inTemporaryFolder(async (dir) => {
    const out = join(dir, 'out')
    const packed = join(dir, 'packed')
    const { code, stderr } = await molm(['convert', TINY, packed])
    assert.is(code, 0, stderr)
    const calibrated = ['--bits', '4', '--calibrate', fixturePath('texts/code.txt')]
    await assertAllRefused('convert', [
      [[TINY, out, '--bits', '9'], /--bits must be a number from 2\.5 to 8\.5, not '9'/],
      [[TINY, out, '--bits', 'few'], /--bits must be a number from 2\.5 to 8\.5, not 'few'/],
      [[TINY, out, '--bits', '4'], /need --calibrate/],
      [[packed, out, ...calibrated], /is packed already, as q4: --bits needs the checkpoint or GGUF file/, 1],
      [[TINY, out, ...calibrated, '--quant', 'f32'], /--quant q4 or q8/],
    ])
  }))

test.run()
