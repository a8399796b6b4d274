import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { assertAllRefused, assertRefused, molm, TINY } from './molm.js'

const TEXT = 'The lantern is lit. The old man and the sea. User: What is a ship?\n'.repeat(2)

test('--ablate writes the worth of layers and experts, and keeps no measures once it is done', () =>
  inTemporaryFolder(async (dir) => {
    const file = join(dir, 'text.txt')
    await writeFile(file, TEXT)
    const table = join(dir, 'worth.csv')
    const args = ['experts', '-m', TINY, '-t', '1', '--ablate', '--layers', '2', '--file', file, '--budget', '1s']
    const [csv, json, drawn] = await Promise.all([
      molm([...args, '-o', table]),
      molm([...args.slice(0, -2), '--json', '-q']),
      molm([...args, '-q']),
    ])
    assert.is(csv.code, 0, csv.stderr)
    const [head, layer] = (await readFile(table, 'utf8')).split('\n')
    assert.is(head, 'layer,kind,expert,tokens,off,off_error,around,around_error,mean,mean_error')
    assert.match(layer, /^2,attention,,,-?\d[\d.e-]+,\d[\d.e-]+,,,,$/)
    assert.equal((await readdir(dir)).sort(), ['text.txt', 'worth.csv'])
    assert.is(json.stderr, '')
    const { model, parts, layers, experts } = JSON.parse(json.stdout)
    assert.equal([model, parts, layers.length, experts.length], ['01-base-bin-f32', parts, 2, 12])
    const best = experts.find(({ worth }: { worth?: object }) => worth && Object.keys(worth).length === 3)
    assert.equal(Object.keys(best.worth), ['off', 'around', 'mean'])
    assert.equal(Object.keys(best.worth.off), ['nats', 'error'])
    assert.match(drawn.stdout, /^worth: rise of the loss without the expert, in nats per token/m)
    assert.match(drawn.stdout, /off: its output becomes 0/)
  }))

test('an interrupted --ablate says how to resume, and its measures are of these texts only', () =>
  inTemporaryFolder(async (dir) => {
    const table = join(dir, 'worth.csv')
    await writeFile(`${table}.ablation`, 'molm-measures 1 0123\n')
    const args = ['experts', '-m', TINY, '-t', '1', '--ablate', '-o', table, TEXT]
    const ofOthers =
      /worth.csv.ablation: measures of another model, of other texts or options, or with other experts; remove the file/
    assertRefused(await molm(args), 1, ofOthers)
    await assertAllRefused('experts', [
      ['--budget 1m hi', /--budget needs --ablate/],
      ['--ablate --budget 1x hi', /a time like 90s, 10m or 2h, not '1x'/],
    ])
  }))

test.run()
