import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { loadModel, type Model, UsageError } from '#molm/index.js'
import { cacheRowBytes } from '#molm/runtime/memory/formats.js'

const test = suite<{ model: Model }>('a rolling context', { model: undefined as unknown as Model })

test.before(async (context) => {
  context.model = await loadModel('nano', { threads: 1 })
})

test.after(({ model }) => model.dispose())

test('a conversation may exceed the context, and its cache then stops growing', async ({ model }) => {
  const session = model.createSession()
  const options = { maxTokens: 150, temperature: 0, ignoreEos: true, stop: [], context: 64 }
  let tokens = 0
  for await (const _ of session.generate([5, 9, 2], options)) tokens++
  const { cacheBytes } = await model.stats()
  assert.is(tokens, 150)
  assert.is(session.length, 152)
  // 64 positions touch at most three pages of 32; six layers, keys and values, rows of 128 channels.
  assert.ok(cacheBytes <= 6 * 2 * 3 * 32 * cacheRowBytes(128, 'bf16'), `${cacheBytes} bytes`)
})

test('a context that is never reached changes nothing', async ({ model }) => {
  const run = async (context?: number) => {
    const ids: number[] = []
    const options = { maxTokens: 40, temperature: 0, ignoreEos: true, stop: [], context }
    for await (const { token } of model.createSession().generate([5, 9, 2], options)) ids.push(token)
    return ids
  }
  const [whole, wide, narrow] = [await run(), await run(1000), await run(1)]
  assert.equal(wide, whole)
  assert.not.equal(narrow, whole)
})

test('a context of no tokens is refused', async ({ model }) => {
  const first = model.createSession().generate([5], { context: 0 }).next()
  await first.then(
    () => assert.unreachable(),
    (error) => assert.instance(error, UsageError),
  )
})

test.run()
