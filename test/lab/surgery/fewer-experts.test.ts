import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { describeModel, type Model } from '#molm/index.js'
import { measureFewerExperts } from '#molm/lab/index.js'
import { fewerNumbers } from '#molm/lab/surgery/experts-per-token-curve.js'
import type { Mixture } from '#molm/model/config/config.js'
import { withModel } from '../../support/models.js'
import { thrownBy } from '../../support/rejects.js'

const mixture = (kind: Mixture['kind'], topK: number, always?: number[]): Mixture => {
  const routing = always && { always: [{ ids: always, isApart: true }] }
  return { kind, experts: [16], topK, ...(routing && { routing }) }
}

test('numbers fall from the model’s to one expert, or to as many as every token uses', () => {
  assert.equal(fewerNumbers({ mixtures: [mixture('mlp', 3)] }), [{ mlp: 3 }, { mlp: 2 }, { mlp: 1 }])
  assert.equal(fewerNumbers({ mixtures: [mixture('mlp', 4, [1, 2])] }), [{ mlp: 4 }, { mlp: 3 }, { mlp: 2 }])
  const two = [mixture('attention', 2), mixture('mlp', 2)]
  assert.equal(fewerNumbers({ mixtures: two }), [
    { attention: 2, mlp: 2 },
    { attention: 2, mlp: 1 },
    { attention: 1, mlp: 2 },
    { attention: 1, mlp: 1 },
  ])
  // Too many together: one kind at a time.
  assert.is(fewerNumbers({ mixtures: [mixture('attention', 8), mixture('mlp', 8)] }).length, 1 + 7 + 7)
})

test('a layer with fewer experts than the others uses all of them', () => {
  const uneven = { ...mixture('mlp', 3), experts: [2, 0, 4] }
  assert.equal(fewerNumbers({ mixtures: [uneven] }), [{ mlp: [2, 0, 3] }, { mlp: 2 }, { mlp: 1 }])
})

/** Mean loss of a text under a model, in nats per token. */
async function lossOf(model: Model, text: string): Promise<number> {
  const tokens = model.tokenizer.encode(text, { addSpecialTokens: false })
  const { logprobs = new Float64Array(0) } = await model
    .createSession()
    .forward(tokens.slice(0, -1), { logits: 'none', targets: tokens.slice(1) })
  return -logprobs.reduce((sum, logprob) => sum + logprob, 0) / logprobs.length
}

test('a curve has the losses and bytes of a model that was loaded with each number', async () => {
  const text = 'The lantern is lit. The ship comes home to the harbour.'
  const { points } = await withModel('nano', { threads: 2 }, async (model) => {
    const measured = await measureFewerExperts(model, [{ name: 'text', text }], { speed: false })
    assert.is(model.config.mixtures[1].used, undefined, 'afterwards the model has its own numbers')
    return measured
  })
  assert.is(points.length, 8)
  assert.equal(points[0].rise, { nats: 0 })
  assert.is(points[0].expertShare, 1)
  const { numbers, loss, perplexity, rise, activeBytes, expertShare } = points[6]
  await withModel('nano', { threads: 1, expertsPerToken: numbers }, async (model) => {
    assert.ok(Math.abs((await lossOf(model, text)) - loss.nats) < 1e-9)
  })
  assert.is(perplexity, Math.exp(loss.nats))
  assert.ok(Math.abs(rise.nats - (loss.nats - points[0].loss.nats)) < 1e-12)
  assert.is(activeBytes, (await describeModel('nano', { expertsPerToken: numbers })).activeBytes)
  assert.ok(expertShare < 1)
})

test('the numbers of a loaded model are a point of their own, and an interrupted measure leaves them', () =>
  withModel('nano', { threads: 2, expertsPerToken: { mlp: [4, 4, 4, 2, 2, 1] } }, async (model) => {
    const own = { attention: 2, mlp: [4, 4, 4, 2, 2, 1] }
    const text = { name: 'text', text: 'Once upon a time' }
    const { points } = await measureFewerExperts(model, [text], { speed: false })
    assert.equal(points[8].numbers, own)
    assert.equal(model.config.mixtures[1].used, own.mlp)
    for (const [step, more] of [
      [/^measuring 3/, {}],
      [/^searching, 4/, { budget: 0.5 }],
    ] as const) {
      const stop = new AbortController()
      const onProgress = (name: string) => step.test(name) && stop.abort()
      const error = await thrownBy(measureFewerExperts(model, [text], { onProgress, signal: stop.signal, ...more }))
      assert.is((error as Error).name, 'AbortError', String(error))
      assert.equal(
        model.config.mixtures.map(({ used }) => used),
        [undefined, own.mlp],
      )
    }
  }))

test.run()
