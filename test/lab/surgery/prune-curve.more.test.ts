import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { pruneCurve, pruneModel, readText } from '#molm/index.js'
import { fixturePath } from '../../support/fixtures.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'

/** A model of 3 layers, with 4 attention and 8 MLP experts in each. */
const TINY = fixturePath('01-base-bin-f32')

test('a curve begins with the whole model and predicts the results of pruning', () =>
  inTemporaryFolder(async (dir) => {
    const { name, text } = await readText(fixturePath('texts/code.txt'))
    const options = {
      calibrate: [{ name, text: text.slice(0, 1500) }],
      by: 'gate',
      budget: 'model',
      threads: 1,
    } as const
    const [whole, half] = await pruneCurve(TINY, () => [1, 0.5], options)
    const { perplexity, selection } = await pruneModel(TINY, join(dir, 'out'), {
      ...options,
      keep: 0.5,
      gates: 'all',
    })
    assert.is(whole.perplexity.kept, perplexity.before)
    assert.equal(
      half.mlp,
      selection.mlp?.map(({ length }) => length),
    )
    assert.is(
      half.mlp?.reduce((sum, count) => sum + count, 0),
      12,
    )
    assert.ok(Math.abs(half.perplexity.all / perplexity.after - 1) < 1e-5)
  }))

test.run()
