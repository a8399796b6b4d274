import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { convertModel } from '#molm/index.js'
import { HAS_BROWSER, sharedBrowser, visit } from '../support/browser.js'
import { repositoryPath } from '../support/fixtures.js'
import { WebServer } from '../support/web-server.js'

/** It computes for ever if it is asked to, and is no plain template, so that it runs in a worker. */
const TEMPLATE = `{% set ns = namespace(n=0) %}{% if messages[0].content == 'for ever' %}{% for a in range(100000) %}{% for b in
range(100000) %}{% set ns.n = ns.n + 1 %}{% endfor %}{% endfor %}{% endif %}{{ messages[0].content }}`

/** Asks a model three times: the second question lets the template compute for ever. */
const ASK = `(async () => {
  const { loadModel } = await import('/dist/web/index.js')
  const model = await loadModel('/models/packed/model-q4.molm.safetensors')
  const results = []
  for (const content of ['Hello', 'for ever', 'Hello']) {
    const chat = model.createSession().chat([{ role: 'user', content }], { temperature: 0, maxTokens: 4 })
    const text = []
    try {
      for await (const step of chat) text.push(step.text)
      results.push(text.join(''))
    } catch (error) {
      results.push(error.message)
    }
  }
  await model.dispose()
  return results
})()`

const test = suite('templates in a page')
const inBrowser = HAS_BROWSER ? test : test.skip

inBrowser('a template that computes too long is ended, and renders the next conversation', async () => {
  const work = await mkdtemp(join(tmpdir(), 'molm-test-'))
  const web = await WebServer.start({ dist: repositoryPath('dist'), models: work })
  try {
    await cp(repositoryPath('models/nano'), join(work, 'nano'), { recursive: true })
    await writeFile(join(work, 'nano/chat_template.jinja'), TEMPLATE)
    await convertModel(join(work, 'nano'), join(work, 'packed'), { quant: 'q4' })
    await visit(await sharedBrowser.get(), {}, async ({ page }) => {
      await page.goto(web.url)
      const [first, second, third] = await page.evaluate<string[]>(ASK)
      assert.match(
        second,
        /the chat template does not take this conversation \(ended, since it took more than 1\.5 s\)$/,
      )
      assert.is.not(first, '')
      assert.is(third, first)
    })
  } finally {
    await Promise.all([web.close(), rm(work, { recursive: true, force: true })])
  }
})

test.after(() => sharedBrowser.release())

test.run()
