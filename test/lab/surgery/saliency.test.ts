import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { LayerUsage } from '#molm/insight/usage/usage.js'
import { expertScores } from '#molm/lab/surgery/saliency.js'
import { withModel } from '../../support/models.js'
import { referenceForward } from '../../support/reference-model.js'
import { routesOf } from '../../support/routes.js'
import { writeCheckpoint } from '../../support/synthetic-checkpoint.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'

test('reported norms are of the experts’ outputs before their gates', () =>
  inTemporaryFolder(async (dir) => {
    const { config, tensors } = await writeCheckpoint(dir, { n_layer: 1, k_att: 1, k_mlp: 1 })
    const tokens = [5, 9, 2, 31]
    const whole = referenceForward(config, tensors, tokens)
    const withoutMlp = new Map(tensors)
    const key = 'transformer.h.0.mlpf.output_experts.weight'
    withoutMlp.set(key, new Float32Array(tensors.get(key)?.length ?? 0))
    const between = referenceForward(config, withoutMlp, tokens).hidden[0]
    const wte = tensors.get('transformer.wte.weight') ?? new Float32Array(0)
    const input = wte.subarray(31 * config.width, 32 * config.width)
    const [{ attention, mlp }] = whole.routes
    const distance = (a: ArrayLike<number>, b: ArrayLike<number>) =>
      Math.sqrt(Array.from(a, (value, i) => (value - b[i]) ** 2).reduce((sum, square) => sum + square, 0))
    await withModel(dir, { quant: 'f32', threads: 1 }, async (model) => {
      const { routes = [] } = await model.createSession().forward(tokens, { routes: true, outputNorms: true })
      const [measured] = routes
      const wanted = [
        distance(between, input) / attention[3].gates[0],
        distance(whole.hidden[0], between) / mlp[3].gates[0],
      ]
      for (const [i, kind] of (['attention', 'mlp'] as const).entries()) {
        const norms = routesOf(measured, kind).outputNorms ?? []
        assert.is(norms.length, 4)
        assert.ok(Math.abs(norms[3] / wanted[i] - 1) < 1e-5, `${kind}: ${norms[3]} in place of ${wanted[i]}`)
      }
    })
  }))

test('norms do not depend on the split of the tokens, and are absent by default', () =>
  withModel('nano', { threads: 1 }, async (model) => {
    const tokens = model.tokenizer.encode('Once upon a time there was a lantern')
    const options = { logits: 'none', routes: true, outputNorms: true } as const
    const whole = await model.createSession().forward(tokens, options)
    const session = model.createSession()
    await session.forward(tokens.slice(0, 3), options)
    const rest = await session.forward(tokens.slice(3), options)
    const [ofRest, ofWhole] = [rest, whole].map(({ routes }) => routesOf(routes?.[5], 'mlp').outputNorms)
    assert.equal(ofRest, ofWhole?.slice(3 * 4))
    const plain = await model.createSession().forward(tokens, { routes: true })
    assert.is(routesOf(plain.routes?.[0], 'mlp').outputNorms, undefined)
  }))

test('scores are the mean output norm of a choice, the number of choices, or a sum of gates or of the router’s scores', () => {
  const layer = new LayerUsage(3)
  const floats = (...values: number[]) => Float32Array.from(values)
  layer.add({ ids: Int32Array.of(0, 1), gates: floats(0.5, 0.25), outputNorms: floats(2, 8) })
  layer.add({ ids: Int32Array.of(0, 1), gates: floats(0.75, 0.125), outputNorms: floats(4, 16) })
  layer.add({ ids: Int32Array.of(0, 1), gates: floats(0.5, 0.5), outputNorms: floats(0, 1) })
  assert.equal([...expertScores(layer, 'reap')], [4 / 3, 4.5 / 3, 0])
  assert.equal([...expertScores(layer, 'frequency')], [3, 3, 0])
  assert.equal([...expertScores(layer, 'gate')], [1.75, 0.875, 0])
  layer.add({ ids: Int32Array.of(), gates: floats(), probabilities: floats(0.5, 0.25, 0.25, 0.125, 0.75, 0.125) })
  assert.equal([...expertScores(layer, 'emo')], [0.625, 1, 0.375])
})

test.run()
