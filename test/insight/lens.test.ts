import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { ReadOut } from '#molm/api/read-out.js'
import { loadModel, type Model } from '#molm/index.js'
import { lensOf, type SpokenExpert } from '#molm/insight/lens.js'
import { strongestFirst } from '#molm/insight/pictures/kinds/lens-figure.js'
import { isNear } from '../support/compare.js'

const test = suite<{ model: Model }>('what experts say', undefined as unknown as { model: Model })

test.before(async (context) => {
  context.model = await loadModel('nano', { threads: 2, quant: 'f32' })
})

test.after(({ model }) => model.dispose())

/** Effects on all tokens, by their ids. */
function effectsOf({ up }: Pick<ReadOut, 'up'>, vocabulary: number): Float64Array {
  const effects = new Float64Array(vocabulary)
  for (const { token, value } of up) effects[token] = value
  return effects
}

test('effects of all experts of a token and of its embedding add up to its logits', async ({ model }) => {
  const { vocabSize: V, layers, width } = model.config
  const tokens = model.tokenizer.encode('User: What is 12 + 30?')
  const { experts } = await lensOf(model, tokens, { top: V })
  assert.is(experts.length, layers * (2 + 4))
  const session = model.createSession()
  const all = Array.from({ length: layers }, (_, layer) => layer)
  const { logits, hidden, routes, expertOutputs } = await session.forward(tokens, {
    ...{ routes: true, hidden: all, expertOutputs: all },
  })
  const last = (rows: Float32Array) => rows.subarray(-width)
  const added = new Float64Array(width)
  for (const [layer, route] of routes.entries()) {
    for (const kind of ['attention', 'mlp'] as const) {
      const { gates = new Float32Array(), ids = [] } = route[kind] ?? {}
      const k = ids.length / tokens.length
      const y = expertOutputs?.[layer][kind] ?? new Float32Array()
      for (let i = ids.length - k; i < ids.length; i++)
        for (let c = 0; c < width; c++) added[c] += gates[i] * y[i * width + c]
    }
  }
  const stream = last(hidden[layers - 1])
  const embedding = Float32Array.from(stream, (value, c) => value - added[c])
  const [whole, zero] = await model.readOut([stream, new Float32Array(width)], { top: V })
  const [ofEmbedding] = await model.readOut([embedding], { top: V })
  assert.ok(zero.up.every(({ value }) => Math.abs(value) < 1e-6))
  const sum = effectsOf(ofEmbedding, V).map((value) => value / whole.divisor)
  for (const expert of experts) for (const [t, value] of effectsOf(expert, V).entries()) sum[t] += value
  const direct = effectsOf(whole, V).map((value) => value / whole.divisor)
  isNear(sum, direct, 2e-4, 'the sum of the parts')
  // The norm and the head have no biases here but the norm's, whose logits every text has.
  const rest = Float64Array.from(logits, (value, t) => value - direct[t])
  const { logits: others } = await session.forward(model.tokenizer.encode(' A'), { hidden: true })
  const { hidden: after } = await model
    .createSession()
    .forward([...tokens, ...model.tokenizer.encode(' A')], { hidden: true })
  const [second] = await model.readOut([after[layers - 1]], { top: V })
  const again = effectsOf(second, V)
  isNear(
    Float64Array.from(others, (value, t) => value - again[t] / second.divisor),
    rest,
    2e-4,
    'what the biases add',
  )
})

test('tokens that a row pushes up and down most come first, and shares are of the stream', async ({ model }) => {
  const { experts } = await lensOf(model, model.tokenizer.encode('The opposite of hot is'), { top: 3 })
  for (const { up, down, share } of experts) {
    assert.equal([up.length, down.length], [3, 3])
    assert.ok(up[0].value >= up[1].value && up[1].value >= up[2].value && up[2].value >= down[2].value)
    assert.ok(down[0].value <= down[1].value && down[1].value <= down[2].value)
    assert.ok(share >= 0 && share < 2)
  }
})

test('the experts of the token before say what they add to the logit of the token that it chose', async ({ model }) => {
  const tokens = model.tokenizer.encode('The opposite of hot is cold')
  const { chose } = await lensOf(model, tokens)
  const { experts } = await lensOf(model, tokens.slice(0, -1), { top: model.config.vocabSize })
  assert.is(chose.length, experts.length)
  for (const [i, { effect, ...one }] of chose.entries()) {
    const { up, ...same } = experts[i]
    assert.is(effect, up.find(({ token }) => token === tokens.at(-1))?.value)
    assert.equal([one.layer, one.kind, one.expert, one.gate], [same.layer, same.kind, same.expert, same.gate])
  }
  assert.equal((await lensOf(model, tokens.slice(0, 1))).chose, [])
})

test('experts are listed by their effect, without the ones below 1 % of all effects', () => {
  const expertOf = (expert: number, effect: number): SpokenExpert => {
    return { kind: 'mlp', layer: 0, expert, gate: 0.5, share: 0.1, up: [], down: [], effect }
  }
  const { strong, weak } = strongestFirst([expertOf(0, 0.01), expertOf(1, 2), expertOf(2, -9)])
  assert.equal([strong.map(({ expert }) => expert), weak], [[2, 1], 1])
})

test.run()
