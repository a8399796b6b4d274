import * as assert from 'uvu/assert'
import { type GenerateOptions, type Model, resultOf } from '#molm/index.js'
import { fixturePath } from '../../support/fixtures.js'
import { suiteWithModel, withModel } from '../../support/models.js'
import { rejectsWithUserError } from '../../support/rejects.js'

/* A model with 256 positions. */
const test = suiteWithModel('the limit of a context', fixturePath('21-granitemoe-f32'))

const ids = (count: number) => Array.from({ length: count }, (_, i) => i % 200)

const generate = (model: Model, prompt: number[], options: GenerateOptions) =>
  resultOf(model.createSession().generate(prompt, { temperature: 0, ignoreEos: true, ...options }))

test('a text ends at the last position of the model, and the result says so', async ({ model }) => {
  assert.is(model.config.maxPositions, 256)
  const full = await generate(model, ids(250), { maxTokens: 100 })
  // The last token is sampled at the last position, and needs none itself.
  assert.is(full.tokens.length, 7)
  assert.is(full.finishReason, 'length')
  assert.is(full.contextFull, true)
  const short = await generate(model, ids(250), { maxTokens: 3 })
  assert.is(short.tokens.length, 3)
  assert.is(short.contextFull, undefined)
  assert.equal(short.tokens, full.tokens.slice(0, 3))
})

test('a last token without a position has no routes', async ({ model }) => {
  const steps = model.createSession().generate(ids(254), { temperature: 0, ignoreEos: true, routes: true })
  const routed: boolean[] = []
  for await (const { routes } of steps) routed.push(routes !== undefined)
  assert.equal(routed, [true, true, false])
})

test('the context option lowers the limit and never raises it', async ({ model }) => {
  assert.is((await generate(model, ids(20), { maxTokens: 100, context: 30 })).tokens.length, 11)
  assert.is((await generate(model, ids(250), { maxTokens: 100, context: 9999 })).tokens.length, 7)
})

test('a prompt that is too long is refused and leaves the session unchanged', async ({ model }) => {
  const session = model.createSession()
  await session.forward(ids(200))
  await rejectsWithUserError(
    () => session.forward(ids(57)),
    /the text has 257 tokens, and the model's context ends at 256/,
  )
  assert.is(session.length, 200)
  await session.forward(ids(56))
  await rejectsWithUserError(() => generate(model, ids(31), { context: 30 }), /context ends at 30/)
})

test('a model without positions forgets the oldest tokens and continues', () =>
  withModel(fixturePath('02-base-safetensors-f32'), { threads: 1 }, async (model) => {
    assert.is(model.config.maxPositions, undefined)
    const { tokens, contextFull } = await generate(model, ids(20), { maxTokens: 40, context: 8 })
    assert.is(tokens.length, 40)
    assert.is(contextFull, undefined)
  }))

test.run()
