import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { logprobOf } from '#molm/engine/sampling/logprobs.js'
import { loadModel, type Model } from '#molm/index.js'
import { fixturePath } from '../../support/fixtures.js'
import { integers } from '../../support/random.js'
import { thrownBy } from '../../support/rejects.js'

const test = suite<{ model: Model }>('log-probabilities of targets')

test.before(async (context) => {
  context.model = await loadModel('nano', { threads: 1 })
})

test.after(({ model }) => model.dispose())

const tokens = integers(300, 3, 4000)
const next = [...tokens.slice(1), 7]

test('agree with the logits, and do not change them', async ({ model }) => {
  const session = model.createSession()
  const { logits, logprobs = [] } = await session.forward(tokens, { logits: 'all', targets: next })
  assert.is(logprobs.length, 300)
  const V = model.config.vocabSize
  for (let t = 0; t < 300; t++) {
    const difference = Math.abs(logprobs[t] - logprobOf(logits.subarray(t * V, (t + 1) * V), next[t]))
    assert.ok(difference < 1e-6, `${difference} at token ${t}`)
  }
  session.reset()
  const last = await session.forward(tokens, { targets: next })
  assert.equal(last.logits, logits.slice(299 * V))
  assert.equal(last.logprobs, logprobs)
  session.dispose()
})

test('belong to the last tokens if there are fewer of them, for any split of the text', async ({ model }) => {
  const whole = model.createSession()
  const { logprobs } = await whole.forward(tokens, { logits: 'none', targets: next })
  const few = model.createSession()
  const ten = await few.forward(tokens, { logits: 'none', targets: next.slice(-10) })
  assert.is(ten.logits.length, 0)
  assert.equal(ten.logprobs, logprobs?.slice(-10))
  const split = model.createSession()
  await split.forward(tokens.slice(0, 295), { logits: 'none' })
  const rest = await split.forward(tokens.slice(295), { logits: 'none', targets: next.slice(295) })
  assert.equal(rest.logprobs, logprobs?.slice(295))
  for (const session of [whole, few, split]) session.dispose()
})

test('are refused if there are more than tokens, if they are no ids, and by a classifier', async ({ model }) => {
  const session = model.createSession()
  assert.match(
    String(await thrownBy(session.forward([1], { targets: [2, 3] }))),
    /more `targets` \(2\) than tokens \(1\)/,
  )
  assert.match(String(await thrownBy(session.forward([1], { targets: [4096] }))), /outside the model's vocabulary/)
  assert.is(session.length, 0)
  session.dispose()
  const classifier = await loadModel(fixturePath('13-classifier-safetensors-f32'), { threads: 1 })
  try {
    const call = classifier.createSession().forward([1], { targets: [2] })
    assert.match(String(await thrownBy(call)), /predicts no tokens; use classify/)
  } finally {
    await classifier.dispose()
  }
})

test.run()
