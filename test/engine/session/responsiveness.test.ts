import * as assert from 'uvu/assert'
import { loadModel, type Step } from '#molm/index.js'
import { sameBits } from '../../support/compare.js'
import { least } from '../../support/least.js'
import { suiteWithModel } from '../../support/models.js'
import { ownTime } from '../../support/own-time.js'
import { integers } from '../../support/random.js'
import { thrownBy } from '../../support/rejects.js'
import { until } from '../../support/until.js'

const test = suiteWithModel('responsiveness', 'nano', { threads: 2 })

/** Some seconds of work unless it is stopped. */
const LONG = integers(20_000, 5, 4000)

/** Tokens that run at once. */
const MICRO_BATCH = 256

test('an abort ends a long prompt within 100 ms and leaves the session unchanged', async ({ model }) => {
  const session = model.createSession()
  await session.forward([5, 9, 2])
  const other = model.createSession()
  // On a busy machine a micro-batch takes longer, and an abort waits for the one under way.
  let most = 100
  const waited = await least(100, async () => {
    const started = performance.now()
    await other.forward(LONG.slice(0, MICRO_BATCH))
    other.reset()
    most = Math.max(most, 3 * (performance.now() - started))
    const controller = new AbortController()
    const reason = new Error('enough')
    const reply = thrownBy(session.forward(LONG, { signal: controller.signal }))
    await new Promise((resolve) => setTimeout(resolve, 120))
    const { tokensProcessed: before } = await model.stats()
    const aborted = performance.now()
    controller.abort(reason)
    assert.is(await reply, reason)
    const time = performance.now() - aborted
    // On a busy machine the engine runs while this thread waits for a core.
    const more = (await model.stats()).tokensProcessed - before
    return more <= 2 * MICRO_BATCH ? time : Number.POSITIVE_INFINITY
  })
  assert.ok(waited < most, `${waited} ms, more than ${most}`)
  assert.is(session.length, 3)
  const { logits } = await session.forward([7])
  sameBits(logits, (await model.createSession().forward([5, 9, 2, 7])).logits)
})

test('an abort ends a generation in its prompt and in its text', async ({ model }) => {
  const session = model.createSession()
  const during = new AbortController()
  const prompt = thrownBy(session.generate(LONG, { signal: during.signal }).next())
  setTimeout(() => during.abort('in the prompt'), 50)
  assert.is(await prompt, 'in the prompt')
  assert.is(session.length, 0)

  const later = new AbortController()
  const tokens = [5, 9, 2]
  let thrown: unknown
  try {
    for await (const { index, token } of session.generate(tokens, {
      signal: later.signal,
      ignoreEos: true,
      stop: [],
      maxTokens: 100_000,
    })) {
      tokens.push(token)
      if (index === 4) later.abort('in the text')
      assert.ok(index < 200, 'it does not end')
    }
  } catch (error) {
    thrown = error
  }
  assert.is(thrown, 'in the text')
  assert.is(session.length, tokens.length - 1)
  const { logits } = await session.forward([7])
  sameBits(logits, (await model.createSession().forward([...tokens.slice(0, -1), 7])).logits)
})

test('a signal that has been aborted before the call stops it at once', async ({ model }) => {
  const session = model.createSession()
  const signal = AbortSignal.abort('before')
  assert.is(await thrownBy(session.forward([1], { signal })), 'before')
  assert.is(await thrownBy(session.generate([1], { signal }).next()), 'before')
  assert.is(await thrownBy(loadModel('nano', { signal })), 'before')
  assert.is(session.length, 0)
})

test('an abort ends a generation at its reader’s step, not at the engine’s', async ({ model }) => {
  const session = model.createSession()
  const controller = new AbortController()
  const steps = session.generate([5, 9, 2], { maxTokens: 8, ignoreEos: true, stop: [], signal: controller.signal })
  const { value: first } = await steps.next()
  await steps.next()
  // Then the engine has finished: all steps have arrived, and none has been read.
  await until(async () => (await model.stats()).sequencesRunning === 0)
  const reason = new Error('enough')
  controller.abort(reason)
  assert.is(await thrownBy(steps.next()), reason)
  assert.is(session.length, 3 + 1, 'the second token was sampled and not run')
  const { logits } = await session.forward([7])
  const read = [5, 9, 2, (first as Step).token, 7]
  sameBits(logits, (await model.createSession().forward(read)).logits)
})

test("the caller's event loop never waits for 50 ms while a prompt runs", async ({ model }) => {
  const session = model.createSession()
  const longest = await least(50, async () => {
    session.reset()
    let gap = 0
    let last = ownTime()
    const timer = setInterval(() => {
      const now = ownTime()
      gap = Math.max(gap, now - last)
      last = now
    }, 2)
    await session.forward(LONG.slice(0, 1500), { logits: 'all', routes: true })
    gap = Math.max(gap, ownTime() - last)
    clearInterval(timer)
    return gap
  })
  assert.ok(longest < 50, `${longest} ms`)
})

test('a short question of another session is answered while a long prompt runs', async ({ model }) => {
  const controller = new AbortController()
  const long = model
    .createSession()
    .forward(LONG, { signal: controller.signal })
    .catch(() => 'stopped')
  await new Promise((resolve) => setTimeout(resolve, 50))
  for (let i = 0; i < 3; i++) await model.createSession().forward([1, 2, 3])
  controller.abort()
  assert.is(await long, 'stopped', 'the long one was still running')
})

test.run()
