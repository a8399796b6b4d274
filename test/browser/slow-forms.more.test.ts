import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { HAS_BROWSER, sharedBrowser, visit } from '../support/browser.js'
import { PagesAndNode } from '../support/pages-and-node.js'

/** Asks for a form that computes for seconds, and meanwhile for another, again and again. */
const ASK = `(async () => {
  const { loadModel } = await import('/dist/web/index.js')
  const model = await loadModel('/models/nano/model-q4.molm.safetensors')
  const write = async (options) => {
    let text = ''
    const steps = model.createSession().generate('Once', { temperature: 0, maxTokens: 12, ...options })
    for await (const step of steps) text += step.text
    return text
  }
  let isOver = false
  const slow = write({ regex: '(a?){1500}a{1500}' }).finally(() => (isOver = true))
  const others = new Set()
  let count = 0
  for (; !isOver; count++) others.add(await write({ regex: '[a-z ]{5}' }))
  const result = { slow: await slow, others: [...others], count, isIsolated: crossOriginIsolated }
  await model.dispose()
  return result
})()`

const test = suite('slow forms in a page')
const inBrowser = HAS_BROWSER ? test : test.skip

inBrowser('a form that computes for long delays no other in a page that is not isolated', async () => {
  const both = await PagesAndNode.start(['nano'])
  try {
    await visit(await sharedBrowser.get(), {}, async ({ page }) => {
      await page.goto(both.plain.url)
      type Written = { slow: string; others: string[]; count: number; isIsolated: boolean }
      const { slow, others, count, isIsolated } = await page.evaluate<Written>(ASK)
      assert.not(isIsolated)
      assert.is(slow, 'a'.repeat(12))
      // In one thread with the slow form it is one.
      assert.ok(count > 20, `${count} others`)
      assert.is(others.length, 1)
      assert.match(others[0], /^[a-z ]{5}$/)
    })
  } finally {
    await Promise.all([both.close(), sharedBrowser.release()])
  }
})

test.run()
