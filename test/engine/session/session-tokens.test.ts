import * as assert from 'uvu/assert'
import { resultOf } from '#molm/index.js'
import { sameBits } from '../../support/compare.js'
import { suiteWithModel } from '../../support/models.js'
import { thrownBy } from '../../support/rejects.js'

const test = suiteWithModel('the tokens of a session')

const GREEDY = { temperature: 0, stop: [], ignoreEos: true }

test('come from all calls in their order, without calls that failed', async ({ model }) => {
  const session = model.createSession()
  const controller = new AbortController()
  const first = session.forward([5, 9, 2], { logits: 'none' })
  const failing = session.forward([1, 1, 1, 1], { logits: 'none', signal: controller.signal })
  session.truncate(5)
  const last = session.forward([8], { logits: 'none' })
  assert.equal(session.tokens, [5, 9, 2, 1, 1, 8])
  controller.abort(new Error('enough'))
  const failed = await thrownBy(failing)
  await Promise.all([first, last])
  assert.equal(session.tokens, failed ? [5, 9, 2, 8] : [5, 9, 2, 1, 1, 8])
  session.reset()
  assert.equal(session.tokens, [])
})

test('after a generation are the prompt and all generated tokens but the last', async ({ model }) => {
  const session = model.createSession()
  const { tokens } = await resultOf(session.generate([5, 9, 2], { ...GREEDY, maxTokens: 6 }))
  assert.equal(session.tokens, [5, 9, 2, ...tokens.slice(0, -1)])
  const other = model.createSession()
  await other.importCache(await session.exportCache())
  assert.equal(other.tokens, session.tokens)
})

test('are cut to those shared with a prompt, whose last token is left to run', async ({ model }) => {
  const session = model.createSession()
  await session.forward([5, 9, 2, 7, 4])
  assert.is(session.truncateToCommon([5, 9, 2, 7, 4, 1]), 5)
  assert.is(session.truncateToCommon([5, 9, 2, 7, 4]), 4)
  assert.is(session.truncateToCommon([5, 9, 3, 7]), 2)
  assert.equal(session.tokens, [5, 9])
  const { logits } = await session.forward([3, 7])
  sameBits(logits, (await model.createSession().forward([5, 9, 3, 7])).logits)
  assert.is(session.truncateToCommon([]), 0)
  assert.is(session.length, 0)
})

test('are all dropped if a limited context has forgotten the shared ones', async ({ model }) => {
  const session = model.createSession()
  const prompt = [5, 9, 2]
  const { tokens } = await resultOf(session.generate(prompt, { ...GREEDY, maxTokens: 40, context: 16 }))
  const whole = [...prompt, ...tokens]
  assert.is(session.truncateToCommon([...whole, 1]), whole.length - 1)
  assert.is(session.truncateToCommon([...whole.slice(0, 20), 1]), 0)
  assert.is(session.length, 0)
  // If the reader leaves early, the engine has run ahead and forgotten more.
  for await (const { index } of session.generate(prompt, { ...GREEDY, maxTokens: 100, context: 16 })) {
    if (index === 30) break
  }
  assert.is(session.truncateToCommon([...whole.slice(0, 10), 1]), 0)
  const { logits } = await session.forward([...whole.slice(0, 10), 1])
  sameBits(logits, (await model.createSession().forward([...whole.slice(0, 10), 1])).logits)
})

test.run()
