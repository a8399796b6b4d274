import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Model } from '#molm/generation/types.js'
import { loadModel } from '#molm/index.js'
import { fixturePath } from '../support/fixtures.js'
import { rejectsWithUserError } from '../support/rejects.js'

const context: { nano?: Model } = {}
const test = suite('saved session', context)

test.before(async (context) => {
  context.nano = await loadModel('nano', { threads: 1 })
})
test.after(async ({ nano }) => nano?.dispose())

function nanoOf({ nano }: typeof context): Model {
  if (!nano) throw new Error('nano is not loaded')
  return nano
}

test('a restored session goes on bit for bit as the saved one', async (context) => {
  const model = nanoOf(context)
  const tokens = model.tokenizer.encode('It was the best of times. '.repeat(12))
  assert.ok(tokens.length > 64, 'more than two pages of the cache')
  const session = model.createSession()
  await session.forward(tokens, { logits: 'none' })
  const saved = await session.save()
  assert.equal([...saved.tokens], tokens)
  const expected = await session.forward([5, 9, 2])
  const other = model.createSession()
  await other.forward([1, 2, 3], { logits: 'none' })
  await other.restore(saved)
  assert.is(other.length, tokens.length)
  assert.equal((await other.forward([5, 9, 2])).logits, expected.logits)
})

test('a session that forgot its beginning is restored without it', async (context) => {
  const model = nanoOf(context)
  const session = model.createSession()
  for await (const _ of session.generate('Once upon a time', {
    maxTokens: 60,
    context: 16,
    seed: 1,
    ignoreEos: true,
    stop: [],
  }));
  const saved = await session.save()
  assert.is(saved.oldest, saved.tokens.length - 16)
  const other = model.createSession()
  await other.restore(saved)
  assert.equal((await other.forward([7])).logits, (await session.forward([7])).logits)
})

test('keys that are values are saved once', async () => {
  const model = await loadModel(fixturePath('11-molm-like-bin-bf16-sharded'), { threads: 1 })
  try {
    const session = model.createSession()
    await session.forward([1, 2, 3], { logits: 'none' })
    const saved = await session.save()
    const { layers, width } = model.config
    assert.is(saved.rows.length, 3 * layers * width)
    const expected = await session.forward([4])
    const other = model.createSession()
    await other.restore(saved)
    assert.equal((await other.forward([4])).logits, expected.logits)
  } finally {
    await model.dispose()
  }
})

test('what does not fit the model is refused, and leaves an empty session', async (context) => {
  const session = nanoOf(context).createSession()
  const { rows, oldest } = await session.save()
  await rejectsWithUserError(
    () => session.restore({ tokens: Int32Array.of(1), oldest, rows }),
    /does not fit its tokens/,
  )
  await rejectsWithUserError(
    () => session.restore({ tokens: Int32Array.of(1), oldest, rows: new Float32Array(5) }),
    /another model/,
  )
  await rejectsWithUserError(
    () => session.restore({ tokens: Int32Array.of(4096), oldest, rows }),
    /outside the model's vocabulary/,
  )
  assert.is(session.length, 0)
})

test('the probabilities of all experts sum to one and have the gates among them', async (context) => {
  const model = nanoOf(context)
  const tokens = model.tokenizer.encode('The old man and the sea. '.repeat(50))
  const { routes = [] } = await model
    .createSession()
    .forward(tokens, { logits: 'none', routes: true, probabilities: true })
  for (const layer of routes) {
    for (const { ids, gates, probabilities = new Float32Array(0) } of Object.values(layer)) {
      const experts = probabilities.length / tokens.length
      const k = ids.length / tokens.length
      for (const token of [0, 255, 256, tokens.length - 1]) {
        const row = probabilities.subarray(token * experts, (token + 1) * experts)
        assert.ok(Math.abs(row.reduce((sum, p) => sum + p) - 1) < 1e-6)
        for (let slot = 0; slot < k; slot++) assert.is(row[ids[token * k + slot]], gates[token * k + slot])
        assert.is(Math.max(...row), gates[token * k])
      }
    }
  }
})

test.run()
