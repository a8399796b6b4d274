import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ablateExperts, pruneModel } from '#molm/lab/index.js'
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

test('emo scores experts by the router’s mean probability, also of tokens that did not choose them', () =>
  inFolderOfEmo({}, async (model, out) => {
    const calibrate = await calibration()
    const { selection } = await pruneModel(model, out, { calibrate, by: 'emo', keep: 0.5, threads: 1, quant: 'f32' })
    await withModel(model, { quant: 'f32', threads: 1 }, async (model) => {
      const { text } = calibrate[0]
      const cut = text.lastIndexOf('\n', Math.floor((text.length * 3) / 4)) + 1
      const tokens = model.tokenizer.encode(text.slice(0, cut), { addSpecialTokens: false })
      const sums = [0, 2].map(() => new Float64Array(8))
      for (let at = 0; at < tokens.length; at += 512) {
        const part = tokens.slice(at, at + 512)
        const { routes = [] } = await model.createSession().forward(part, { routes: true, probabilities: true })
        for (const [i, layer] of [0, 2].entries()) {
          const scores = routes[layer].mlp?.probabilities ?? []
          for (const [j, score] of scores.entries()) sums[i][j % 8] += score
        }
      }
      for (const [i, layer] of [0, 2].entries()) {
        const ranked = [0, 1, 2, 3, 4, 5, 6].sort((a, b) => sums[i][b] - sums[i][a])
        assert.equal(selection.mlp?.[layer], [...ranked.slice(0, 3).sort((a, b) => a - b), 7])
        assert.is(Math.round(sums[i][7]), tokens.length)
      }
    })
  }))

test.run()
