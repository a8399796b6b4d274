import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { loadModel, measureUsage, type PromptProgress } from '#molm/index.js'

test('measuring usage reports its progress over all parts of a text', async () => {
  const model = await loadModel('nano', { threads: 2 })
  const told: PromptProgress[] = []
  try {
    const text = 'a lantern '.repeat(600)
    const { tokens } = await measureUsage(model, text, { onPromptProgress: (progress) => told.push(progress) })
    assert.ok(tokens.length > 1024)
    assert.ok(told.every(({ total }) => total === tokens.length))
    assert.ok(told.every(({ processed }, i) => processed >= (told[i - 1]?.processed ?? 0)))
    assert.is(told[0].processed, 0)
    assert.is(told.at(-1)?.processed, tokens.length)
    assert.ok(told.some(({ processed }) => processed > 1024 && processed < tokens.length) || tokens.length < 1281)
  } finally {
    await model.dispose()
  }
})

test.run()
