import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { layersOf } from '#molm/insight/usage/layers-json.js'
import { TextRoutes } from '#molm/insight/usage/text-routes.js'
import { ExpertUsage, LayerUsage } from '#molm/insight/usage/usage.js'
import { usageObject } from '#molm/lab/commands/experts/usage-json.js'
import { withModel } from '../support/models.js'
import { mixture, reader } from '../support/routed-text.js'

const routes = (ids: number[], gates: number[]) => ({ ids: Int32Array.from(ids), gates: Float32Array.from(gates) })

test('counts and gate mass add up over tokens', () => {
  const usage = new LayerUsage(3)
  usage.add(routes([0, 1, 0, 2], [0.5, 0.25, 0.75, 0.125]))
  assert.equal([...usage.counts], [2, 1, 1])
  assert.equal([...usage.gateMass], [1.25, 0.25, 0.125])
})

test('entropy is in bits and fairness is Jain’s index', () => {
  const even = new LayerUsage(4)
  even.add(routes([0, 1, 2, 3], [1, 1, 1, 1]))
  assert.is(even.entropy, 2)
  assert.is(even.fairness, 1)
  const single = new LayerUsage(4)
  single.add(routes([2, 2], [1, 1]))
  assert.is(single.entropy, 0)
  assert.is(single.fairness, 0.25)
  const skewed = new LayerUsage(2)
  skewed.add(routes([0, 0, 0, 1], [1, 1, 1, 1]))
  assert.ok(Math.abs(skewed.entropy - 0.8112781) < 1e-6)
  assert.is(skewed.fairness, 0.8)
})

test('a usage without tokens is all zeros', () => {
  const empty = new LayerUsage(4)
  assert.is(empty.entropy, 0)
  assert.is(empty.fairness, 0)
})

test('the Gini coefficient is 0 if all experts are used alike and grows as fewer do the work', () => {
  const giniOf = (...counts: number[]) =>
    ExpertUsage.counted({ mixtures: [{ kind: 'mlp', experts: [4] }] }, { mlp: [counts] }, 4).of('mlp', 0).gini
  assert.is(giniOf(3, 3, 3, 3), 0)
  assert.is(giniOf(0, 0, 0, 0), 0)
  assert.is(giniOf(0, 8, 0, 0), 0.75)
  assert.is(giniOf(1, 3, 0, 0), 0.625)
})

test('a layer without experts has no counts, entropy or fairness', () => {
  const text = new TextRoutes('dense', [3, 4], reader([mixture('mlp', [0, 3], 1)], ['a']))
  text.add([{}, { mlp: routes([0, 1], [0.5, 0.25]) }], 2)
  assert.equal(usageObject(text), {
    name: 'dense',
    tokens: 2,
    awake: { experts: 3, woke: 2, slept: 1, committee: 1 },
    usage: { mlp: [[], [1, 1, 0]] },
    gate_mass: { mlp: [[], [0.5, 0.25, 0]] },
    entropy: { mlp: [null, 1] },
    fairness: { mlp: [null, 2 / 3] },
  })
  assert.throws(() => text.usage.of('attention', 1), /no usage of attention experts in layer 1/)
})

test('each token counts k choices in every layer', async () => {
  await withModel('nano', { threads: 1 }, async (model) => {
    const tokens = model.tokenizer.encode('Once upon a time')
    const { routes = [] } = await model.createSession().forward(tokens, { logits: 'none', routes: true })
    const usage = new ExpertUsage(model.config)
    usage.add(routes, tokens.length)
    for (const { kind, topK } of model.config.mixtures) {
      for (const layer of Array(6).keys()) {
        const chosen = usage.of(kind, layer).counts.reduce((a, b) => a + b)
        assert.is(chosen, topK * tokens.length)
      }
    }
  })
})

test('gates are printed with the fewest digits that restore them', () => {
  const gates = Float32Array.of(0.1, 1 / 3, 1e-7)
  const routes = { ids: Int32Array.of(4, 0, 2), gates }
  const [{ layer, attention, mlp }] = layersOf([{ attention: routes, mlp: routes }])
  assert.is(layer, 0)
  assert.equal(attention, { ids: [4, 0, 2], gates: [0.1, 0.33333334, 1e-7] })
  assert.equal(Float32Array.from(mlp?.gates ?? []), gates)
})

test.run()
