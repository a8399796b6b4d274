import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { importanceOf } from '#molm/lab/bit-budget/expert-importance.js'
import { withModel } from '../../support/models.js'
import { ACTIVATIONS, layerNorm } from '../../support/reference-math.js'
import { referenceForward } from '../../support/reference-model.js'
import { writeCheckpoint } from '../../support/synthetic-checkpoint.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'

const squares = (values: ArrayLike<number>) => Array.from(values).reduce((sum, value) => sum + value * value, 0)

test('influence is the squares of gates and values over squares of the residual stream', () =>
  inTemporaryFolder(async (dir) => {
    const { config, tensors } = await writeCheckpoint(dir, { n_layer: 1, k_att: 1, k_mlp: 1 })
    const { width: d, ffnHidden: F } = config
    const get = (key: string) => tensors.get(`transformer.h.0.${key}`) ?? new Float32Array(0)
    const whole = referenceForward(config, tensors, [31])
    const withoutMlp = new Map(tensors)
    const key = 'mlpf.output_experts.weight'
    withoutMlp.set(`transformer.h.0.${key}`, new Float32Array(get(key).length))
    const between = referenceForward(config, withoutMlp, [31]).hidden[0]
    const { ids, gates } = whole.routes[0].mlp[0]
    const a = layerNorm(between, get('ln_2.weight'), get('ln_2.bias'))
    const weights = get('mlpf.experts.weight')
    const h = Array.from({ length: F }, (_, f) =>
      ACTIVATIONS[config.activation](a.reduce((sum, x, i) => sum + x * weights[(ids[0] * d + i) * F + f], 0)),
    )
    const y = whole.hidden[0].map((value, i) => (value - between[i]) / gates[0])
    const factor = gates[0] ** 2 / squares(whole.hidden[0])
    await withModel(dir, { quant: 'f32', threads: 1 }, async (model) => {
      const { influence } = await model.createSession().forward([31], { influence: true })
      const { inner, outputs } = influence?.mlp?.[0] ?? { inner: [], outputs: [] }
      for (const [expert, value] of inner.entries()) {
        const [forInner, forOutputs] = expert === ids[0] ? [factor * squares(h), factor * squares(y)] : [0, 0]
        assert.ok(Math.abs(value - forInner) <= 1e-4 * forInner, `inner ${value}, not ${forInner}`)
        assert.ok(Math.abs(outputs[expert] - forOutputs) <= 1e-4 * forOutputs, `${outputs[expert]}, not ${forOutputs}`)
      }
    })
  }))

test('influence adds up over tokens, and is absent by default', () =>
  withModel('nano', { threads: 1 }, async (model) => {
    const tokens = model.tokenizer.encode('Once upon a time there was a lantern')
    const whole = await model.createSession().forward(tokens, { logits: 'none', influence: true, routes: true })
    const session = model.createSession()
    const sum = new Float64Array(24)
    for (const part of [tokens.slice(0, 3), tokens.slice(3)]) {
      const { influence, routes } = await session.forward(part, { logits: 'none', influence: true })
      assert.is(routes, undefined)
      for (const [e, value] of (influence?.mlp?.[5].inner ?? []).entries()) sum[e] += value
    }
    const own = whole.influence?.mlp?.[5].inner ?? new Float64Array(0)
    assert.is(own.length, 24)
    for (const [e, value] of own.entries()) assert.ok(Math.abs(value - sum[e]) <= 1e-9 * value)
    assert.is((await model.createSession().forward(tokens)).influence, undefined)
  }))

test('importance divides the sum of a layer’s outputs in proportion to the inner values', () => {
  const importance = importanceOf({ inner: Float64Array.of(1, 3, 0), outputs: Float64Array.of(5, 1, 2) })
  assert.equal([...importance], [2, 6, 0])
  assert.equal([...importanceOf({ inner: new Float64Array(2), outputs: new Float64Array(2) })], [0, 0])
})

test.run()
