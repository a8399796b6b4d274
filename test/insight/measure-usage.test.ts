import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { loadModel, type Model, measureUsage, type PromptProgress } from '#molm/index.js'

const test = suite<{ model: Model }>('measured usage', undefined as unknown as { model: Model })

test.before(async (context) => {
  context.model = await loadModel('nano', { threads: 2 })
})

test.after(({ model }) => model.dispose())

test('measuring usage reports its progress over all parts of a text', async ({ model }) => {
  const told: PromptProgress[] = []
  const text = 'a lantern '.repeat(400)
  const { tokens } = await measureUsage(model, text, { onPromptProgress: (progress) => told.push(progress) })
  assert.ok(tokens.length > 1024)
  assert.ok(told.every(({ total }) => total === tokens.length))
  assert.ok(told.every(({ processed }, i) => processed >= (told[i - 1]?.processed ?? 0)))
  assert.is(told[0].processed, 0)
  assert.is(told.at(-1)?.processed, tokens.length)
  assert.ok(told.some(({ processed }) => processed > 1024 && processed < tokens.length))
})

test('the surprise of a token is -log2 of its probability after those before it, over all parts of a text', async ({
  model,
}) => {
  const text = 'The lantern was lit by a man who said that 2 + 2 = 4. '.repeat(70)
  const { tokens, surprise } = await measureUsage(model, text, { surprise: true })
  const { logprobs } = await model.createSession().forward(tokens, { logits: 'none', targets: [...tokens.slice(1), 0] })
  assert.ok(tokens.length > 1024 && tokens.length % 1024 > 1)
  assert.is(surprise?.length, tokens.length)
  assert.is(surprise?.[0], undefined)
  for (const [i, bits = 0] of surprise?.slice(1).entries() ?? []) {
    assert.is(bits, -(logprobs?.[i] ?? 0) / Math.LN2, `token ${i + 1}`)
  }
  assert.is((await measureUsage(model, 'a lantern')).surprise, undefined)
})

test.run()
