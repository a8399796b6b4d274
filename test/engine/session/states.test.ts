import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { loadModel, type Model } from '#molm/index.js'
import { isNear, sameBits } from '../../support/compare.js'
import { fixturePath } from '../../support/fixtures.js'
import { integers } from '../../support/random.js'
import { thrownBy } from '../../support/rejects.js'

const test = suite<{ model: Model }>('states given out')

test.before(async (context) => {
  context.model = await loadModel('nano', { threads: 1 })
})

test.after(({ model }) => model.dispose())

/** More than a micro-batch. */
const tokens = integers(300, 3, 4000)

test('every token has the residual stream that it has as the last one', async ({ model }) => {
  const { width, layers } = model.config
  const session = model.createSession()
  const { hidden } = await session.forward(tokens, { hidden: [layers - 1, 0], logits: 'none' })
  assert.equal(
    hidden.map(({ length }) => length),
    [300 * width, 300 * width],
  )
  for (const token of [299, 256, 255, 0]) {
    session.truncate(token)
    const { hidden: last } = await session.forward([tokens[token]], { hidden: true, logits: 'none' })
    assert.is(last.length, layers)
    const rowOf = (rows: Float32Array) => rows.subarray(token * width, (token + 1) * width)
    sameBits(rowOf(hidden[0]), last[layers - 1], `last layer at token ${token}`)
    sameBits(rowOf(hidden[1]), last[0], `first layer at token ${token}`)
  }
  session.dispose()
})

test('outputs of experts times their gates are what a block adds', async ({ model }) => {
  const { width } = model.config
  const session = model.createSession()
  const { hidden, expertOutputs, routes } = await session.forward(tokens, {
    hidden: [2, 3],
    expertOutputs: [3],
    routes: true,
    logits: 'none',
  })
  const [before, after] = hidden
  const sums = before.slice()
  for (const kind of ['attention', 'mlp'] as const) {
    const [rows, gates] = [expertOutputs?.[0][kind], routes[3][kind]?.gates]
    assert.ok(rows && gates)
    assert.is(rows.length, gates.length * width)
    const k = gates.length / tokens.length
    for (let i = 0; i < rows.length; i++) {
      const item = Math.floor(i / width)
      sums[Math.floor(item / k) * width + (i % width)] += gates[item] * rows[i]
    }
  }
  isNear(sums, after, 1e-4, 'residual stream after the block')
  session.dispose()
})

test('logits of routers have the scores that the router makes of them', async () => {
  for (const name of ['81-lfm2moe-f32', '31-olmoe-f32']) {
    const model = await loadModel(fixturePath(name), { threads: 1 })
    const session = model.createSession()
    const asked = { routes: true, probabilities: true, logits: 'none' } as const
    const layer = model.config.layers - 1
    const ids = integers(9, 3, 50)
    const { routerLogits, routes } = await session.forward(ids, { ...asked, routerLogits: [layer] })
    const [logits, scores] = [routerLogits?.[0].mlp, routes[layer].mlp?.probabilities]
    assert.ok(logits && scores && logits.length === scores.length)
    const [mixture] = model.config.mixtures
    const experts = mixture.experts[layer]
    for (let token = 0; token < ids.length; token++) {
      const own = [...logits.subarray(token * experts, (token + 1) * experts)]
      const sum = own.reduce((sum, logit) => sum + Math.exp(logit), 0)
      const isSigmoid = mixture.routing?.score === 'sigmoid'
      const expected = own.map((logit) => (isSigmoid ? 1 / (1 + Math.exp(-logit)) : Math.exp(logit) / sum))
      isNear(scores.subarray(token * experts, (token + 1) * experts), expected, 1e-6, `${name}, token ${token}`)
    }
    await model.dispose()
  }
})

test('a dense layer has no outputs of experts, and wrong layers are refused', async () => {
  const model = await loadModel(fixturePath('81-lfm2moe-f32'), { threads: 1 })
  try {
    const dense = model.config.mixtures[0].experts.indexOf(0)
    const session = model.createSession()
    const { expertOutputs } = await session.forward([5], { expertOutputs: [dense, dense + 1], logits: 'none' })
    assert.equal(Object.keys(expertOutputs?.[0] ?? { none: true }), [])
    for (const hidden of [[99], [0.5], [1, 1]]) {
      const refused = String(await thrownBy(session.forward([5], { hidden })))
      assert.match(refused, /`hidden` must be a list of different layers from 0 to \d+, not a list/)
    }
    assert.match(String(await thrownBy(session.forward([5], { expertOutputs: [-1] }))), /`expertOutputs` must be/)
    assert.is(session.length, 1)
  } finally {
    await model.dispose()
  }
})

test.run()
