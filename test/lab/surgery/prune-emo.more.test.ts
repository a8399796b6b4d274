import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ablateExperts, pruneModel } from '#molm/index.js'
import { splitTexts } from '#molm/lab/surgery/held-out.js'
import { withModel } from '../../support/models.js'
import { calibration, inFolderOfEmo } from './small-emo.js'

test('pruning by ablation keeps the experts whose loss hurts most, and never cuts one that every token uses', () =>
  inFolderOfEmo({}, async (name, out) => {
    const texts = (await calibration()).map(({ name, text }) => ({ name, text: text.slice(0, 1100) }))
    const { selection } = await pruneModel(name, out, { calibrate: texts, keep: 0.5, by: 'ablation' })
    const { experts } = await withModel(name, {}, (model) =>
      ablateExperts(model, splitTexts(texts).calibration, { ways: ['around'] }),
    )
    for (const layer of [0, 2]) {
      const worth = experts.filter((one) => one.layer === layer)
      assert.is(worth[7].worth?.around, undefined, 'it cannot be routed around')
      const best = worth.slice(0, 7).sort((a, b) => (b.worth?.around?.nats ?? 0) - (a.worth?.around?.nats ?? 0))
      const kept = [...best.slice(0, 3).map(({ expert }) => expert), 7].sort()
      assert.equal(selection.mlp?.[layer], kept)
    }
  }))

test.run()
