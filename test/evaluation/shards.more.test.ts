import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { joinScores } from '#molm/evaluation/shard-scores.js'
import { textScore } from '#molm/evaluation/text-score.js'
import { evaluateText, loadModel, type Model } from '#molm/index.js'
import { inputs, scoresOf } from './scored-shards.js'

const test = suite<{ model: Model }>('shards of an evaluation')

test.before(async (context) => {
  context.model = await loadModel('nano', { quant: 'q4', threads: 1 })
})
test.after(({ model }) => model.dispose())

test('a comparison with another model is joined to the same bits, too', async ({ model }) => {
  const other = await loadModel('nano', { quant: 'q8', threads: 1 })
  try {
    const { texts } = await inputs()
    const shards = []
    for (const number of [1, 2]) shards.push(await scoresOf(model, { number, of: 2 }, other))
    const one = []
    for (const text of texts) one.push(await evaluateText(model, text, { window: 32, stride: 20, against: other }))
    assert.ok(one[0].against)
    assert.equal(joinScores(shards).texts.map(textScore), one)
  } finally {
    await other.dispose()
  }
})

test.run()
