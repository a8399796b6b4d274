import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { countTokens, type Dataset } from '#molm/lab/teaching/datasets.js'
import { countReplayTokens, generateReplay } from '#molm/lab/teaching/rehearsal.js'
import { fixturePath } from '../../support/fixtures.js'
import { withModel } from '../../support/models.js'

const ids = Int32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
const LESSON: Dataset = { name: 'text', train: [ids], heldOut: [ids] }

test('a model writes as many replay tokens as the plan counts, even with the highest seed', () =>
  withModel(fixturePath('01-base-bin-f32'), { threads: 1 }, async (model) => {
    const options = { window: 12, seed: 1e13, replayed: 5 }
    const written = await generateReplay(model, [LESSON], options)
    assert.equal(
      written.map(({ train, heldOut }) => [train.length, heldOut.length]),
      [
        [3, 24],
        [3, 12],
      ],
    )
    assert.is(countTokens(written.flatMap(({ train }) => train)), countReplayTokens(options))
    const forOneStep = await generateReplay(model, [LESSON], { ...options, replayed: 2, holdsOut: false })
    assert.equal(
      forOneStep.map(({ train, heldOut }) => [train.length, heldOut.length]),
      [
        [1, 0],
        [1, 0],
      ],
    )
  }))

test.run()
